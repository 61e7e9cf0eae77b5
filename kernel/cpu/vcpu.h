/*
 * The virtual CPU: a data structure that holds all that a guest can see of its processor, and where
 * its memory, its clock and its engine are.
 */
#pragma once

#include "base/types.h"
#include "mmu/gmem.h"
#include "mmu/tlb.h"
#include "mmu/walk.h"
#include "x86/desc.h"
#include "x86/regs.h"
#include "x86/vector.h"

/*
 * A segment register with its hidden part (SDM 3A 3.4.3). `limit` is in bytes; attr 0 with P clear:
 * not usable.
 */
struct segment {
	u16 selector;
	u16 attr; /* ATTR_*, x86/desc.h */
	u32 base;
	u32 limit;
};

/* The image that FXSAVE writes (SDM 1 10.5.1). */
struct fpu_state {
	u8 image[512];
} __attribute__((aligned(16)));

enum event_kind {
	EVENT_NONE,
	EVENT_EXCEPTION, /* a fault or trap of the program itself */
	EVENT_SOFTWARE,  /* INT n, INT3, INTO: the gate's DPL is checked */
	EVENT_EXTERNAL,  /* from the interrupt controller */
};

/* Something that has to go through the guest's IDT before its next instruction. */
struct event {
	enum event_kind kind;
	u8 vector;
	/* EVENT_SOFTWARE: bytes from EIP, which is still the INT's, to the next instruction. */
	u8 length;
	bool has_error;
	u32 error;
};

struct vcpu {
	u32 gpr[GPR_COUNT];
	u32 eip;
	u32 eflags; /* as the guest believes it: virtual IF and IOPL included */
	struct segment seg[SREG_COUNT];
	struct segment ldtr, tr;
	struct table_register gdtr, idtr;
	unsigned cpl; /* virtual: 0 or 3 */

	u32 cr0, cr2, cr3, cr4;
	u32 dr[8];
	struct fpu_state fpu;
	/*
	 * The machine's clock, in nanoseconds, which is the TSC too: the engine sets it before an
	 * instruction that reads it.
	 */
	u64 tsc, tsc_offset; /* tsc_offset: what WRMSR added */
	u64 clock_zero;      /* the real nanosecond at which that clock stood at 0 */

	struct event event; /* to be delivered before the next instruction */
	bool shadow; /* interrupts wait for one instruction, after STI and MOV SS (SDM 3A 6.8.3) */
	bool halted;
	bool intr; /* the INTR pin: the interrupt controller has something to deliver */

	struct gmem *mem;
	void *engine; /* the state of the engine that runs it */

	/* Of emulated accesses. cpu_emulate() drops what an instruction flushes. */
	struct tlb tlb;
};

/* The privilege level up to which interrupts and ports are a program's own affair (SDM 1 3.4.3.3). */
static inline unsigned vcpu_iopl(const struct vcpu *v)
{
	return (v->eflags & EFLAGS_IOPL) >> EFLAGS_IOPL_SHIFT;
}

/* What the guest's control registers say about translation. */
struct paging vcpu_paging(const struct vcpu *);

/*
 * The state in which a Multiboot loader starts a kernel: protected mode, flat segments (CS 0x08,
 * the others 0x10), paging off, interrupts masked, FPU state cleared. EIP, EAX and EBX are the
 * loader's to set.
 */
void vcpu_reset(struct vcpu *, struct gmem *);

/*
 * EFLAGS of the guest as ring 3 must run with them, and back: IF is always on, IOPL always 0 in the
 * real register.
 */
static inline u32 vcpu_real_eflags(const struct vcpu *v)
{
	return (v->eflags & (EFLAGS_USER | EFLAGS_RF)) | EFLAGS_IF | EFLAGS_FIXED;
}

static inline void vcpu_set_user_eflags(struct vcpu *v, u32 real)
{
	const u32 own = EFLAGS_USER | EFLAGS_RF;

	v->eflags = (v->eflags & ~own) | (real & own);
}

/*
 * Makes an exception pending, to be delivered before the next instruction. vcpu_raise_page() also
 * sets CR2.
 */
void vcpu_raise(struct vcpu *, enum vector, u32 error);
void vcpu_raise_page(struct vcpu *, gva_t address, u32 error);

/*
 * Whether an external interrupt may be delivered now: IF set, no interrupt shadow, nothing else
 * pending.
 */
bool vcpu_interruptible(const struct vcpu *);
