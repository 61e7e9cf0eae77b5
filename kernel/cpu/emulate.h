/*
 * Emulation: the only place that knows what an instruction means. Every engine calls cpu_emulate() when the real processor
 * could not run an instruction on the guest's behalf.
 *
 * Nothing that the guest can see changes before the last access that may fault or that must be answered by a device. So an
 * instruction that needs a device is simply begun again once the answer is there: the answers it has got so far are replayed.
 */
#pragma once

#include "base/types.h"
#include "cpu/exit.h"
#include "cpu/insn.h"
#include "cpu/vcpu.h"

enum step {
	STEP_DONE,  /* the instruction is complete, EIP points to the next */
	STEP_FAULT, /* vcpu->event holds the exception; nothing else has changed (SDM 3A 6.5: faults restart) */
	STEP_EXIT,  /* emulation->exit asks the vmm for something; EXIT_PORT and EXIT_MMIO: call again when answered */
};

#define EMULATION_ANSWERS 4

/* One instruction under way. */
struct emulation {
	struct insn insn;
	struct exit *exit;
	unsigned answers, used;        /* device reads and writes already done, and how many this attempt has replayed */
	u32 answer[EMULATION_ANSWERS]; /* their values */
};

/* Fetches and decodes the instruction at CS:EIP into `e` and forgets earlier answers. STEP_DONE, or STEP_FAULT. */
enum step cpu_fetch(struct vcpu *, struct emulation *e);

/* Runs the fetched instruction. An opcode that is not emulated: STEP_EXIT with EXIT_UNSUPPORTED. */
enum step cpu_emulate(struct vcpu *, struct emulation *e);

/* Records the vmm's answer to EXIT_PORT or EXIT_MMIO, before cpu_emulate() is called again for the same instruction. */
void emulation_answer(struct emulation *, u32 value);
