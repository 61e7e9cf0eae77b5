/*
 * All that can be done with a selector, and what becomes of it: LAR, LSL, VERR, VERW, loads of every
 * segment register, far jumps, calls and returns. One line for each selector:
 *
 *   001b: ds+ es+ fs+ gs+ ss 13/18 jmp+ call+ ret+ iret+ lar 00c0fa00 lsl ffffffff r+ w-
 *
 * A plus is success, a minus ZF clear, and a pair the exception with its error code.
 */
#pragma once

#include "base/types.h"

/* Makes descriptors of every type from FREE_SELECTOR on, with DPL 0 and 3; returns the selector behind them. */
u16 selectors_make(void);

/* One line, for the kernel or for user mode. */
void selectors_try(u16 selector, bool user);
