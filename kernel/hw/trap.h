/*
 * The two directions of the world switch: into ring 3, and back by any trap.
 *
 * A frame is what travels. The assembly in trap.S pushes and pops it in this order:
 *
 *     gs fs es ds | edi esi ebp (esp) ebx edx ecx eax | vector error | eip cs eflags esp ss
 *      trap.S             PUSHA, POPA                    trap.S,        the processor
 *                                                        processor
 */
#pragma once

#include "base/types.h"

struct hw_frame {
	u32 gs, fs, es, ds;
	u32 edi, esi, ebp, pusha_esp, ebx, edx, ecx, eax;
	u32 vector, error;
	u32 eip, cs, eflags, esp, ss;
};

_Static_assert(offsetof(struct hw_frame, vector) == 48, "trap.S counts on it");
_Static_assert(sizeof(struct hw_frame) == 76, "trap.S counts on it");

/* Real interrupts arrive at these vectors; 0-31 are the processor's exceptions. */
#define VECTOR_IRQ   0x20u
#define VECTOR_LIMIT 0x30u /* no gate from here on: INT n there is #GP like everywhere else */

/*
 * Enters ring 3 with the registers of `frame`, and returns when the processor traps: an interrupt,
 * exception or INT. `frame` then holds what was interrupted. Interrupts are off while the monitor
 * runs. The frame must lie in the window.
 */
void hw_enter(struct hw_frame *);

/* A place to come back to, out of any depth of calls. */
struct hw_mark {
	u32 ebx, esi, edi, ebp, esp, eip;
};

/* Returns 0 when it is set, and the value given to hw_unwind() when that comes back to it. The
 * function that called hw_mark() must not have returned. */
__attribute__((returns_twice)) int hw_mark(struct hw_mark *);
NORETURN void hw_unwind(struct hw_mark *, int value);

/* A trap while the monitor itself ran; trap.S calls it. */
void hw_monitor_trap(struct hw_frame *);
