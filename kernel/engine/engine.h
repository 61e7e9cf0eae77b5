/*
 * An engine runs a virtual CPU on the real one. Ways to do it differ (direct execution, binary
 * translation, hardware assist); what they offer to vmm/ is this.
 */
#pragma once

#include "cpu/exit.h"
#include "cpu/vcpu.h"

/* What the monitor was asked to do when ring 3 was left; the first that is true. */
enum cause {
	CAUSE_OTHER,
	CAUSE_INTERRUPT, /* a real interrupt, and what the devices made of it */
	CAUSE_LINK,      /* a way out of a block that led nowhere yet */
	CAUSE_TRANSLATE, /* the same, and the block had to be made */
	CAUSE_SHADOW,    /* a hidden page fault */
	CAUSE_FAULT,     /* an exception of the guest's own */
	CAUSE_PORT,      /* IN, OUT */
	CAUSE_INT,       /* INT n */
	CAUSE_IRET,
	CAUSE_CONTROL, /* MOV of control and debug registers, CLTS */
	CAUSE_INVLPG,
	CAUSE_TIME, /* RDTSC */
	CAUSE_COUNT,
};

/* What running it took, for reports and figures. */
struct engine_counts {
	u32 traps;      /* world switches back from ring 3 */
	u32 emulated;   /* instructions run by cpu_emulate() */
	u32 hidden;     /* page faults that only filled a shadow table */
	u32 injected;   /* exceptions of the guest's own */
	u32 interrupts; /* real interrupts that came while it ran */
	u32 fpu_loads;  /* times the FPU was given to it */
	/* Under engine_meter: how often for each cause, and ticks of the TSC until ring 3 went on. */
	u32 visits[CAUSE_COUNT];
	u64 ticks[CAUSE_COUNT];
	/* The code cache; bytes 0: there is none. */
	struct {
		u32 bytes, used;
		u32 blocks;  /* made, ever */
		u32 dropped; /* of them died alone, */
		u32 flushes; /* and so often all, mostly for want of room */
	} cache;
};

/* Whether visits and ticks are counted: it costs some twenty instructions a trap. */
extern bool engine_meter;

/* What translated code looks like: tests force on it what comes seldom by itself. */
enum engine_shape {
	SHAPE_USUAL,
	SHAPE_ONE,  /* each block is one instruction of the guest's */
	SHAPE_TINY, /* the code cache is the smallest, and flushed all the time */
};

extern enum engine_shape engine_shape;

struct engine {
	const char *name;

	/* Gives the vcpu what the engine needs to run it. NULL, or one sentence why it cannot. */
	const char *(*attach)(struct vcpu *);
	/*
	 * Runs the vcpu until the vmm must act; `exit` says why. After EXIT_MMIO, and EXIT_PORT that reads,
	 * the next call takes the answer from the same record. v->event, if set, is delivered first.
	 * Between calls the vcpu holds all that the guest can see; the FPU's state may still be in
	 * the real one.
	 */
	void (*run)(struct vcpu *, struct exit *);
	const struct engine_counts *(*counts)(struct vcpu *);
	/* Names the first broken invariant of the engine's own structures, or NULL. */
	const char *(*audit)(struct vcpu *);
};

/* Direct execution, of the guest's kernel too; and its kernel translated, only its programs direct. */
extern const struct engine direct_engine, translate_engine;
