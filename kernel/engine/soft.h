/*
 * The soft engine's own state of a virtual CPU: the guest runs in ring 3 by itself, and whatever it
 * must not do traps.
 *
 *   soft.c        the loop: deliver, enter, trap, settle or exit
 *   soft_sync.c   between the vcpu and the real registers
 *   soft_trap.c   what each trap means
 *   soft_fetch.c  the instruction that trapped
 */
#pragma once

#include "cpu/descriptor.h"
#include "cpu/emulate.h"
#include "engine/engine.h"
#include "hw/trap.h"
#include "mmu/shadow.h"

/* Page tables of one machine's shadow: the two roots and what they lead to. */
#define SHADOW_PAGES 64u

/* An instruction that trapped, under way or done; the next time it is decoded already. */
struct trapped {
	u32 at;          /* its linear address */
	u32 bytes, mask; /* what it looks like, and which of these bytes are its own; 0: not kept */
	struct emulation emulation;
};

#define TRAPPED_KEPT 64u

struct soft {
	struct hw_frame frame; /* what the world switch exchanges */
	struct vcpu *vcpu;
	struct shadow shadow;
	struct shadow_tables tables;
	struct emulation *emulation; /* one of these: */
	struct trapped trapped[TRAPPED_KEPT];
	struct engine_counts counts;

	bool asked; /* the instruction in `emulation` waits for the vmm's answer */
	/* What the next entry must do, besides the general registers: */
	bool rebuild[2]; /* read the guest's GDT, LDT again */
	bool reselect;   /* choose what the segment registers hold */
	bool reload;     /* any of this, or load control registers, debug registers or tables */

	bool stepping;          /* the real TF is ours, for one instruction */
	u16 loaded[SREG_COUNT]; /* the real selectors that the last entry loaded */
	u32 cr4_features;
	char reason[160]; /* of EXIT_UNSUPPORTED, when it names an instruction */
};

static inline struct soft *soft_of(struct vcpu *v)
{
	return v->engine;
}

/* --- soft_sync.c --- */

/* Makes the real processor hold what the guest's holds, but for the general registers. */
void soft_load(struct soft *);
/* Copies the frame of the last trap into the vcpu: registers, flags, segments that changed. */
void soft_store(struct soft *);
/* Acts on what an instruction changed (a set of enum effect). */
void soft_apply(struct soft *, unsigned effects);
/* A watched frame that holds a descriptor table was written. */
void soft_descriptors_written(struct soft *, u32 gfn);

/* Whether the real FPU holds this vcpu's state. */
bool soft_owns_fpu(const struct soft *);
/* Gives the real FPU to this vcpu; takes it away, so that vcpu->fpu is up to date. */
void soft_take_fpu(struct soft *);
void soft_release_fpu(struct soft *);

/* --- soft_trap.c --- */

/*
 * Settles the trap in the frame. STEP_DONE: go on; STEP_FAULT: v->event is to be delivered;
 * STEP_EXIT: the vmm must act.
 */
enum step soft_trap(struct soft *, struct exit *);
/* Fetches the instruction at EIP and emulates it. */
enum step soft_emulate(struct soft *, struct exit *);
/* Goes on with the instruction whose access the vmm has answered in `exit`. */
enum step soft_resume(struct soft *, struct exit *);

/* --- soft_fetch.c --- */

/* Both decode the instruction at EIP into s->emulation: STEP_DONE, or STEP_FAULT. */
enum step soft_fetch(struct soft *);
/* This one only if the real processor has just fetched the instruction there. */
enum step soft_fetch_mapped(struct soft *);
