/*
 * The two directions of the world switch: into ring 3, and back by any trap.
 *
 * The general registers travel between the processor and the vcpu, which is their one home. The rest is a frame;
 * trap.S and the processor pop and push it in this order:
 *
 *     room | gs fs es ds | vector error | eip cs eflags esp ss
 *             trap.S       trap.S,        the processor
 *                          processor
 *
 * The room is for two accidents: a trap out of virtual-8086 mode, which pushes four words more (SDM
 * 3B 20.3.1), and a fault while the frame is popped, which pushes a frame of its own below.
 */
#pragma once

#include "base/types.h"
#include "x86/regs.h"

struct hw_frame {
	u32 room[32];
	u32 gs, fs, es, ds;
	u32 vector, error;
	u32 eip, cs, eflags, esp, ss;
};

_Static_assert(offsetof(struct hw_frame, gs) == 128, "trap.S counts on it");
_Static_assert(offsetof(struct hw_frame, vector) == 144, "trap.S counts on it");
_Static_assert(offsetof(struct hw_frame, esp) == 164, "trap.S counts on it");
_Static_assert(sizeof(struct hw_frame) == 172, "trap.S counts on it");

/* What a trap in the monitor itself leaves on its stack: PUSHA, and the processor's. */
struct hw_own_frame {
	u32 edi, esi, ebp, pusha_esp, ebx, edx, ecx, eax;
	u32 vector, error;
	u32 eip, cs, eflags;
};

/* Real interrupts arrive at these vectors; 0-31 are the processor's exceptions. */
#define VECTOR_IRQ   0x20u
#define VECTOR_LIMIT 0x30u /* no gate from here on: INT n there is #GP like everywhere else */

/*
 * The vector of a trap out of virtual-8086 mode, whatever it was. Ring 3 cannot get there by the
 * manual, but QEMU's TCG (7.2) lets its IRET set EFLAGS.VM. Nothing else in the frame is valid then.
 * It lets IF be cleared in the same way, and a guest that then goes round in a loop never comes back:
 * no interrupt is left that could end its turn.
 */
#define VECTOR_VM86 0x100u

/*
 * The processor would not enter ring 3 with this frame: a segment that cannot be loaded, or EIP
 * beyond the code segment. The frame is used up; the guest did not run.
 */
#define VECTOR_REFUSED 0x101u

/*
 * Enters ring 3 with these registers, and returns when the processor traps: an interrupt, exception or INT.
 * `frame` and `gpr` then hold what was interrupted; frame->esp is gpr[ESP], in both directions. Interrupts
 * are off while the monitor runs. Both must lie in the window.
 */
void hw_enter(struct hw_frame *, u32 gpr[GPR_COUNT]);

/* A breakpoint of the guest's has trapped only now that the monitor runs: it is still in DR6. */
extern bool hw_late_breakpoint;

/* A place to come back to, out of any depth of calls. */
struct hw_mark {
	u32 ebx, esi, edi, ebp, esp, eip;
};

/*
 * Returns 0 when it is set, and the value given to hw_unwind() when that comes back to it. The
 * function that called hw_mark() must not have returned.
 */
__attribute__((returns_twice)) int hw_mark(struct hw_mark *);
NORETURN void hw_unwind(struct hw_mark *, int value);

/* A trap while the monitor itself ran; trap.S calls it. */
void hw_monitor_trap(struct hw_own_frame *);
