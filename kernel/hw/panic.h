/* The monitor is wrong: the whole machine stops, with all that helps to find out why. */
#pragma once

#include "base/check.h"
#include "hw/trap.h"

/* A trap of the monitor's own. `frame` lies on its stack, without esp and ss. */
NORETURN void panic_trap(const struct hw_own_frame *);

/* Where the double fault's task begins. */
NORETURN void panic_double_fault(void);
