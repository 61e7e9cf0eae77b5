/*
 * An engine runs a virtual CPU on the real one. Ways to do it differ (direct execution, binary
 * translation, hardware assist); what they offer to vmm/ is this.
 */
#pragma once

#include "cpu/exit.h"
#include "cpu/vcpu.h"

/* What running it took, for reports and figures. */
struct engine_counts {
	u32 traps;      /* world switches back from ring 3 */
	u32 emulated;   /* instructions run by cpu_emulate() */
	u32 hidden;     /* page faults that only filled a shadow table */
	u32 injected;   /* exceptions of the guest's own */
	u32 interrupts; /* real interrupts that came while it ran */
	u32 fpu_loads;  /* times the FPU was given to it */
};

struct engine {
	const char *name;

	/* Gives the vcpu what the engine needs to run it. NULL, or one sentence why it cannot. */
	const char *(*attach)(struct vcpu *);
	/*
	 * Runs the vcpu until the vmm must act; `exit` says why. After EXIT_PORT and EXIT_MMIO the
	 * next call takes the answer from the same record. v->event, if set, is delivered first.
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
