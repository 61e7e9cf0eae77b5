/*
 * The soft engines' own state of a virtual CPU: the guest runs in ring 3, by its own code or by
 * translations of it, and whatever it must not do traps.
 *
 *   soft.c        the loop: deliver, enter, trap, settle or exit
 *   soft_way.c    the choice: which way the next instructions are run
 *   soft_sync.c   between the vcpu and the frame: in before each entry, out after each trap
 *   soft_segments.c  what the real segment registers hold
 *   soft_real.c   control and debug registers, tables, the FPU
 *   soft_trap.c   what each trap means
 *   soft_pass.c   the short way into the guest's kernel, and back
 *   soft_fetch.c  the instruction that trapped
 *   soft_xlate.c  the code cache: filled, entered, left
 */
#pragma once

#include "cpu/descriptor.h"
#include "cpu/emulate.h"
#include "engine/engine.h"
#include "hw/trap.h"
#include "mmu/shadow.h"
#include "xlate/xlate.h"

/*
 * Page tables of the shadow of a machine with so many bytes of RAM: 1/128 of it, and enough for the
 * smallest.
 */
#define SHADOW_TABLES(ram) (24u + (ram) / (512 * KIB))

/* An instruction that trapped, under way or done; the next time it is decoded already. */
struct trapped {
	u32 at;          /* its linear address, or the host address of its translation */
	u32 bytes, mask; /* what it looks like, and which of these bytes are its own; 0: not kept */
	struct emulation emulation;
};

#define TRAPPED_KEPT  1024u
#define FOLLOWED_KEPT 8u

/* So many emulated writes to one frame in a row, and it is not watched any more. */
#define STREAK_MOST 16u

/* How the next instructions are run; soft_way.c says when. */
enum soft_way {
	WAY_DIRECT,     /* the guest's own code, until something traps */
	WAY_TRANSLATED, /* translations of it, until something traps */
	WAY_ALONE,      /* one instruction by the real processor, single-stepped */
	WAY_EMULATED,   /* one instruction by cpu_emulate() */
};

/* How an event went through the guest's IDT the last time: */
struct soft_way_in {
	bool known;
	/* what was looked at, */
	enum event_kind kind;
	u8 vector;
	struct table_register idtr;
	struct segment tr; /* from a program */
	struct descriptor gate;
	/* and where it led. */
	struct segment code, stack;
	u32 eflags_cleared;
};

#define WAYS_KEPT 16u /* from either level */

/* What soft_pass.c remembers of the ways into the guest's kernel, and back. */
struct soft_pass {
	struct soft_way_in in[TABLE_COUNT][WAYS_KEPT]; /* from this level, by vector */
	/* The segments that IRET went back to; attr 0: it has not yet. */
	struct segment kernel_code, user_code, user_stack;
	u32 remembered; /* the descriptors of all these segments, as in soft.remembered */
};

/* What the real processor's registers hold, or are to hold. */
struct soft_real {
	u32 cr0, cr3, cr4;
	struct descriptor *gdt;
	bool has_ldt;
};

/* What a machine whose kernel is translated has besides. */
struct soft_xlate {
	struct xlate *cache; /* NULL: it is not */
	struct xlate_state *state;
	struct segment cs; /* the code segment that the cache was filled under */
	const struct xlate_counts *counts;
	const struct xlate_where *where; /* where ring 3 was left */
	struct xlate_exit *exit; /* to be linked to the block that is entered next, or NULL */
	u32 *window;             /* the directory entries of the kernel's root */
	u64 clock_zero;          /* the vcpu's, by which the state has its clock */
	bool clock_due;          /* the state needs a later moment, or another clock */
};

/* The selector that makes a real register hold what the guest's does. */
struct chosen {
	struct segment segment;
	u16 selector;
	bool valid, usual; /* usual: it is no stand-in's */
};

/* What the next entry of ring 3 must do, besides the general registers. */
enum soft_due {
	DUE_GDT = 1 << 0, /* read the guest's table again */
	DUE_LDT = 1 << 1,
	DUE_SEGMENTS = 1 << 2, /* choose what the segment registers hold */
	DUE_MACHINE = 1 << 3,  /* load them, and control and debug registers and tables */
};

struct soft {
	struct hw_frame frame; /* what the world switch exchanges */
	struct vcpu *vcpu;
	struct shadow shadow;
	struct soft_xlate xlate;
	struct soft_pass pass;
	unsigned due; /* a set of enum soft_due */

	/* The instruction that trapped, or is emulated next: */
	struct emulation *emulation; /* one of these */
	struct trapped trapped[TRAPPED_KEPT];
	bool asked;        /* it waits for the vmm's answer */
	char reason[160];  /* of EXIT_UNSUPPORTED, when it names an instruction */
	bool straight;     /* translated code may go on behind it at once */
	bool alone;        /* the next one is one that only the real processor knows */
	unsigned in_a_row; /* emulated since ring 3 was entered */

	/* How ring 3 was entered: */
	enum soft_way way;
	bool stepping; /* the real TF is ours, for one instruction */
	u32 reported;  /* breakpoints that the last of our steps has reported */

	/* Segment registers and descriptor tables (soft_segments.c): */
	struct shadow_tables tables;
	u16 loaded[SREG_COUNT]; /* the real selectors that the last entry loaded */
	bool unusual;           /* these segments are not what translated code counts on */
	struct chosen chosen[TABLE_COUNT][SREG_COUNT];
	struct chosen followed[FOLLOWED_KEPT]; /* what data selectors were found to lead to */
	u32 remembered; /* descriptors that `chosen` or `followed` knows of; bit n: n, n + 32, ... */
	/* Bit 0 GDT, 1 LDT: its frames are not watched, and loads of segment registers trap instead. */
	unsigned loose;
	u32 written, streak; /* the watched frame written last, and how often in a row */

	/* The other real registers (soft_real.c): */
	struct soft_real usual[TABLE_COUNT]; /* cr0 0: not composed since the machine was loaded */
	u32 cr4_features;

	struct engine_counts counts;
	enum cause cause; /* of this visit to the monitor */
	u64 left;         /* TSC when ring 3 was left */
};

static inline struct soft *soft_of(struct vcpu *v)
{
	return v->engine;
}

/* Where an instruction at this address is kept; those of one loop seldom meet there. */
static inline struct trapped *soft_trapped_at(struct soft *s, u32 at)
{
	return &s->trapped[(at ^ at >> 10) % TRAPPED_KEPT];
}

/* Names the cause of this visit. The first counts, but that a block had to be made counts more. */
static inline void soft_blame(struct soft *s, enum cause cause)
{
	if (s->cause == CAUSE_OTHER || cause == CAUSE_TRANSLATE)
		s->cause = cause;
}

/* --- soft_way.c --- */

/* How to go on. May fetch the next instruction into s->emulation. */
enum soft_way soft_choose_way(struct soft *);
/* The bits of DR6 for breakpoints on the instruction at EIP. */
u32 soft_breakpoints(const struct vcpu *);
/* The segment registers have been chosen anew. */
void soft_segments_changed(struct soft *);

/* --- soft_sync.c --- */

/* Makes the real processor and the frame hold what the guest's holds, to go on at `host_eip`. */
void soft_load(struct soft *, enum soft_way, u32 host_eip);
/* Copies the frame of the last trap into the vcpu: registers, flags, segments that changed. */
void soft_store(struct soft *);
/*
 * After soft_choose_known(): makes the real processor ready for the vcpu's level, but for general registers and
 * EIP.
 */
void soft_enter_level(struct soft *, enum soft_way);
/* Acts on what an instruction changed (a set of enum effect). */
void soft_apply(struct soft *, unsigned effects);
/* The guest is about to return from a handler, or has. */
void soft_returned(struct soft *);

/* --- soft_segments.c --- */

/* Chooses what the real segment registers hold, if what the guest's hold has changed. */
void soft_select(struct soft *);
/*
 * The same for the vcpu's data segments with this code and stack, at this level, if all was chosen before.
 * False, and nothing done, if it was not, or if more is to be loaded.
 */
bool soft_choose_known(
	struct soft *, enum table_level, const struct segment *code, const struct segment *stack);
/* Whether ring 3 has loaded segment registers without a trap; then the vcpu must follow. */
static inline bool soft_segments_moved(const struct soft *s)
{
	const struct hw_frame *f = &s->frame;
	const u16 *l = s->loaded;

	if (f->ds != l[DS] || f->es != l[ES] || f->fs != l[FS] || f->ss != l[SS])
		return true;
	return s->way != WAY_TRANSLATED && (f->cs != l[CS] || f->gs != l[GS]);
}

/* Brings the vcpu's up to date with them. */
void soft_follow(struct soft *);
/* A watched frame that holds a descriptor table was written; perhaps beside the table. */
void soft_descriptors_written(struct soft *, gpa_t address, u32 bytes);

/* --- soft_real.c --- */

/* Loads all of it, for the vcpu as it is; or what differs between its levels, when nothing else has changed. */
void soft_real_load(struct soft *);
void soft_real_load_level(struct soft *);
/* Whether this machine was the last to load it. */
bool soft_real_is_loaded(const struct soft *);
/* The guest's debug registers are to be loaded again. */
void soft_debug_changed(const struct soft *);
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

/* --- soft_pass.c --- */

/*
 * A protection fault where an INT n or an IRET may be: settles an INT n of a program, or an IRET of its kernel,
 * that is as one before. The frame then goes on, and `*way` says how. False: it is a trap like all others.
 */
bool soft_pass(struct soft *, enum soft_way *way);
/* Delivers v->event as one before. False, and nothing done: event_deliver() must. */
bool soft_pass_deliver(struct soft *);
/* An event has just been delivered the long way, from that level; an IRET has been emulated. */
void soft_pass_in(struct soft *, const struct event *, enum table_level from);
void soft_pass_out(struct soft *);
/* Descriptors of segments that are remembered may have changed. */
void soft_pass_forget(struct soft *);

/* --- soft_xlate.c --- */

/* Gives the machine a code cache. NULL, or one sentence why it cannot have one. */
const char *soft_xlate_attach(struct soft *);
/*
 * The host address at which the guest's EIP goes on, in a block that is made if need be; 0 if its
 * instruction cannot be fetched.
 */
u32 soft_xlate_find(struct soft *);
/* The guest's kernel goes on in this code segment: blocks of another are forgotten. */
void soft_xlate_segment(struct soft *);
/* The block at EIP in this code segment, if the cache was filled under one like it, or NULL. */
const struct xlate_block *soft_xlate_block(
	const struct soft *, const struct segment *code, u32 eip);
/*
 * Behind what has changed nothing that the choice of the way depends on: the host address at which
 * translated code goes on, if it is known, or 0.
 */
u32 soft_xlate_straight(const struct soft *);
/*
 * The frame was left in the cache. Something that may come at any time (an interrupt, a data
 * breakpoint) is put off to the end of the guest's instruction. Sets where it is.
 */
void soft_xlate_left(struct soft *);
/* What the guest has done to its mappings: effects of its instruction. */
void soft_xlate_remapped(struct soft *, unsigned effects);
/* A frame that was translated from is written. */
void soft_xlate_written(struct soft *, gpa_t address, u32 bytes);
/* The frame is to be written freely: forgets all that was made from it. */
void soft_xlate_release(struct soft *, u32 gfn);
/* From now on loads of segment registers are to trap, or need not any more. */
void soft_xlate_forget(struct soft *);
/* Brings counts.cache up to date. */
void soft_xlate_count(struct soft *);

/* --- soft_fetch.c --- */

/* Both decode the instruction at EIP into s->emulation: STEP_DONE, or STEP_FAULT. */
enum step soft_fetch(struct soft *);
/* This one only if the real processor has just fetched the instruction there. */
enum step soft_fetch_mapped(struct soft *);
