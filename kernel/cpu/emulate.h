/*
 * Emulation: the only place that knows what an instruction means. Every engine calls cpu_emulate()
 * when the real processor could not run an instruction on the guest's behalf.
 *
 * Nothing that the guest can see changes before the last access that may fault or that must be
 * answered by a device. So an instruction that needs a device is simply begun again once the answer
 * is there: the answers it has got so far are replayed. A write to a port needs no answer, and is the last thing
 * that an instruction does.
 */
#pragma once

#include "base/types.h"
#include "cpu/exit.h"
#include "cpu/insn.h"
#include "cpu/vcpu.h"

enum step {
	/* The instruction is complete, EIP points to the next. With EFFECT_OUT the vmm must act all the same. */
	STEP_DONE,
	/* vcpu->event holds the exception; nothing else has changed (SDM 3A 6.5: faults restart). */
	STEP_FAULT,
	/* emulation->exit asks the vmm for something. EXIT_PORT, EXIT_MMIO: call again when answered. */
	STEP_EXIT,
};

/* Enough for an aligned PUSHA to a device, and for MOVS between two unaligned registers. */
#define EMULATION_ANSWERS 8

/* What a completed instruction changed that an engine keeps a copy of. */
enum effect {
	EFFECT_FLUSH = 1 << 0,    /* all translations: a paging bit of CR0 or CR4 */
	EFFECT_INVLPG = 1 << 1,   /* the translation of `page` */
	EFFECT_GDT = 1 << 2,      /* GDTR */
	EFFECT_LDT = 1 << 3,      /* LDTR */
	EFFECT_SEGMENTS = 1 << 4, /* a segment register, or the privilege level */
	EFFECT_CONTROL = 1 << 5,  /* CR0, CR4 or a debug register: compose the real ones anew */
	EFFECT_CR3 = 1 << 6,      /* the translations of pages that are not global */
	EFFECT_OUT = 1 << 7,      /* `exit` has a write to a port, which is still to be made */
};

/* One instruction under way. */
struct emulation {
	struct insn insn;
	struct exit *exit;
	/* Device reads and writes already done, how many this attempt has replayed, their values. */
	unsigned answers, used;
	u32 answer[EMULATION_ANSWERS];
	unsigned effects; /* a set of enum effect */
	gva_t page;
};

/*
 * Fetches and decodes the instruction at CS:EIP into `e` and forgets earlier answers and effects.
 * STEP_DONE, or STEP_FAULT.
 */
enum step cpu_fetch(struct vcpu *, struct emulation *e);

/*
 * The same in a fifth of the time, for an engine that sees the guest's code where the guest does:
 * `code` is the byte at CS:EIP, readable to the end of its page. Only if the real processor has just
 * fetched the instruction there, so that the fetch cannot fault.
 */
enum step cpu_fetch_mapped(struct vcpu *, struct emulation *e, const u8 *code);

/* For an instruction that `e` holds from an earlier time: forgets the rest. */
static inline void emulation_begin(struct emulation *e)
{
	e->answers = e->used = e->effects = 0;
}

/* Runs the fetched instruction. An opcode that is not emulated: STEP_EXIT with EXIT_UNSUPPORTED. */
enum step cpu_emulate(struct vcpu *, struct emulation *e);

/* Whether cpu_emulate() knows the instruction: all but what only the FPU, MMX or SSE can do. */
bool cpu_emulates(const struct insn *);

/*
 * Records the vmm's answer to EXIT_PORT or EXIT_MMIO, before cpu_emulate() is called again for the
 * same instruction.
 */
void emulation_answer(struct emulation *, u32 value);

/* For an instruction's code: gives up with EXIT_UNSUPPORTED and one clear sentence. */
static inline enum step emulation_unsupported(struct emulation *e, const char *reason)
{
	e->exit->kind = EXIT_UNSUPPORTED;
	e->exit->reason = reason;
	return STEP_EXIT;
}
