/*
 * Two words for two faults. A guest that is wrong is stopped by vm_kill() (vmm/vm.h) and the others
 * go on; a monitor that is wrong stops the whole machine by panic(), with registers, a backtrace
 * and an exit status.
 */
#pragma once

#include "base/types.h"

/*
 * Stops the machine and reports. The monitor's is in hw/panic.c; the host tests bring their own.
 * Does not return.
 */
NORETURN PRINTF_LIKE(1, 2) void panic(const char *format, ...);

/*
 * What must hold if the monitor is right, whatever a guest does. Never put a condition here that a
 * guest can make false.
 */
#define check(condition)                                                                 \
	do {                                                                             \
		if (__builtin_expect(!(condition), 0))                                   \
			panic("%s:%d: broken rule: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/*
 * What a function of a lab does until a student has written it: says which one is missing and what
 * to read, and stops the guest that needed it, not the others. `where` is a heading of that lab's
 * handout. Does not return.
 */
NORETURN void lab_todo(unsigned lab, const char *function, const char *where);
