/* The end of the real machine. */
#pragma once

#include "base/types.h"

/* How QEMU's exit status says how it went: (value << 1) | 1, but 0 for END_GOOD. */
enum power_end {
	END_GOOD = 0,   /* every machine ended well: status 0 */
	END_KILLED = 1, /* some machine did not: status 3 */
	END_USAGE = 2,  /* nothing was started: status 5 */
	END_PANIC = 3,  /* the monitor is wrong: status 7 */
};

NORETURN void power_off(enum power_end);
