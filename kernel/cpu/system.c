/*
 * System instructions that lab 2 gives: table registers, debug and model-specific registers, time,
 * flags. Lab 2's own are in privileged.c; the table below shows where each opcode is done.
 */
#include "cpu/control.h"
#include "cpu/instructions.h"
#include "cpu/privileged.h"
#include "cpu/segment.h"

/* With CR4.UMIP ring 3 may not even look (SDM 3A 2.5). */
static enum step may_look(struct vcpu *v)
{
	return v->cr4 & CR4_UMIP ? privileged(v) : STEP_DONE;
}

/* WBINVD, INVD: nothing of a guest's memory is in a cache that matters to it. */
static enum step flush_caches(struct vcpu *v, struct emulation *e)
{
	return privileged(v);
}

/* LLDT and LTR: a system descriptor of the GDT into a register of the vcpu (SDM 2A LLDT, LTR). */
static enum step load_system(struct vcpu *v, u16 selector, enum system_type type, struct segment *s)
{
	if (selector & SELECTOR_TI)
		return emulation_fault(v, VECTOR_GP, selector & ~SELECTOR_RPL);
	TRY(segment_read(v, selector, VECTOR_GP, 0, s));
	if ((s->attr & (ATTR_S | ATTR_TYPE)) != type)
		return emulation_fault(v, VECTOR_GP, selector & ~SELECTOR_RPL);
	if (!(s->attr & ATTR_P))
		return emulation_fault(v, VECTOR_NP, selector & ~SELECTOR_RPL);
	return STEP_DONE;
}

static enum step emulate_lldt(struct vcpu *v, struct emulation *e)
{
	struct segment ldt = {0};
	u32 selector;

	TRY(privileged(v));
	TRY(rm_read(v, e, 2, &selector));
	if (!selector_is_null(selector))
		TRY(load_system(v, selector, TYPE_LDT, &ldt));
	ldt.selector = selector;
	v->ldtr = ldt;
	e->effects |= EFFECT_LDT;
	return STEP_DONE;
}

static enum step emulate_ltr(struct vcpu *v, struct emulation *e)
{
	struct segment tss;
	gva_t address;
	u32 selector;
	u8 access;

	TRY(privileged(v));
	TRY(rm_read(v, e, 2, &selector));
	if (selector_is_null(selector))
		return emulation_fault(v, VECTOR_GP, 0);
	TRY(segment_read(v, selector, VECTOR_GP, 0, &tss));
	if (!(selector & SELECTOR_TI) && (tss.attr & (ATTR_S | ATTR_TYPE)) == TYPE_TSS16)
		return emulation_unsupported(
			e, "LTR of a 16-bit TSS: the tasks of the 286 are not virtualized");
	TRY(load_system(v, selector, TYPE_TSS32, &tss));
	tss.attr = (tss.attr & ~ATTR_TYPE) | TYPE_TSS32_BUSY;
	access = tss.attr;
	segment_address(v, selector, &address);
	TRY(access_linear(v, gva(address.v + 5), &access, 1, ACCESS_WRITE, 0));
	v->tr = tss;
	return STEP_DONE;
}

/* SLDT, STR: with a register operand of 32 bits the upper half is zero (SDM 2B SLDT). */
static enum step store_selector(struct vcpu *v, struct emulation *e)
{
	u16 selector = e->insn.reg == 0 ? v->ldtr.selector : v->tr.selector;

	TRY(may_look(v));
	return rm_write(v, e, e->insn.has_memory ? 2 : e->insn.op_size, selector);
}

/* 0F 00: SLDT STR LLDT LTR by ModRM.reg. */
static enum step group6(struct vcpu *v, struct emulation *e)
{
	static const handler handlers[8] = {
		store_selector, store_selector, emulate_lldt, emulate_ltr};

	return handlers[e->insn.reg] ? handlers[e->insn.reg](v, e)
				     : emulation_fault(v, VECTOR_UD, 0);
}

/* SGDT, SIDT (SDM 2B SGDT: all 32 bits of the base are stored). */
static enum step store_table(struct vcpu *v, struct emulation *e)
{
	const struct table_register *table = e->insn.reg == 0 ? &v->gdtr : &v->idtr;
	u32 offset = access_offset(v, &e->insn);

	TRY(may_look(v));
	/* Either may fault, the lower one first: nothing is written before both are known to go. */
	TRY(access_probe_write(v, e, e->insn.seg, offset, 2));
	TRY(access_probe_write(v, e, e->insn.seg, offset + 2, 4));
	TRY(access_write(v, e, e->insn.seg, offset, 2, table->limit));
	return access_write(v, e, e->insn.seg, offset + 2, 4, table->base);
}

static enum step emulate_smsw(struct vcpu *v, struct emulation *e)
{
	TRY(may_look(v));
	return rm_write(v, e, e->insn.has_memory ? 2 : e->insn.op_size, v->cr0);
}

/* LMSW sets the low four bits of CR0 and cannot clear PE (SDM 2A LMSW). */
static enum step emulate_lmsw(struct vcpu *v, struct emulation *e)
{
	const u32 low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	u32 value;

	TRY(privileged(v));
	TRY(rm_read(v, e, 2, &value));
	return control_set_cr0(v, e, (v->cr0 & ~(low & ~CR0_PE)) | (value & low));
}

/* 0F 01: SGDT SIDT LGDT LIDT SMSW - LMSW INVLPG by ModRM.reg. */
static enum step group7(struct vcpu *v, struct emulation *e)
{
	static const handler handlers[8] = {store_table, store_table, emulate_lgdt, emulate_lidt,
		emulate_smsw, NULL, emulate_lmsw, emulate_invlpg};
	bool memory_only = e->insn.reg < 4 || e->insn.reg == 7;

	if (!handlers[e->insn.reg] || (memory_only && !e->insn.has_memory))
		return emulation_fault(v, VECTOR_UD, 0);
	return handlers[e->insn.reg](v, e);
}

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE is set (SDM 3B 17.2.2). */
static enum step debug_register(struct vcpu *v, struct emulation *e, u32 **reg)
{
	unsigned n = e->insn.reg;

	TRY(privileged(v));
	if (n == 4 || n == 5) {
		if (v->cr4 & CR4_DE)
			return emulation_fault(v, VECTOR_UD, 0);
		n += 2;
	}
	if (v->dr[7] & DR7_GD) {
		v->dr[6] |= DR6_BD;
		v->dr[7] &= ~DR7_GD;
		return emulation_fault(v, VECTOR_DB, 0);
	}
	*reg = &v->dr[n];
	return STEP_DONE;
}

static enum step read_debug(struct vcpu *v, struct emulation *e)
{
	u32 *reg;

	TRY(debug_register(v, e, &reg));
	v->gpr[e->insn.rm] = *reg;
	return STEP_DONE;
}

static enum step write_debug(struct vcpu *v, struct emulation *e)
{
	u32 *reg;

	TRY(debug_register(v, e, &reg));
	*reg = v->gpr[e->insn.rm];
	v->dr[6] = (v->dr[6] | DR6_FIXED) & ~DR6_ZERO;
	v->dr[7] = (v->dr[7] | DR7_FIXED) & ~DR7_ZERO;
	e->effects |= EFFECT_CONTROL;
	return STEP_DONE;
}

static enum step emulate_rdmsr(struct vcpu *v, struct emulation *e)
{
	u64 value;

	TRY(privileged(v));
	if (!control_read_msr(v, v->gpr[ECX], &value))
		return emulation_fault(v, VECTOR_GP, 0);
	v->gpr[EAX] = value;
	v->gpr[EDX] = value >> 32;
	return STEP_DONE;
}

static enum step emulate_wrmsr(struct vcpu *v, struct emulation *e)
{
	TRY(privileged(v));
	if (!control_write_msr(v, v->gpr[ECX], (u64)v->gpr[EDX] << 32 | v->gpr[EAX]))
		return emulation_fault(v, VECTOR_GP, 0);
	return STEP_DONE;
}

static enum step emulate_rdtsc(struct vcpu *v, struct emulation *e)
{
	u64 now = v->tsc + v->tsc_offset;

	if (v->cpl && (v->cr4 & CR4_TSD))
		return emulation_fault(v, VECTOR_GP, 0);
	v->gpr[EAX] = now;
	v->gpr[EDX] = now >> 32;
	return STEP_DONE;
}

/* No performance counters are offered. */
static enum step emulate_rdpmc(struct vcpu *v, struct emulation *e)
{
	return emulation_fault(v, VECTOR_GP, 0);
}

static enum step emulate_cpuid(struct vcpu *v, struct emulation *e)
{
	u32 out[4];

	control_cpuid(v->gpr[EAX], v->gpr[ECX], out);
	v->gpr[EAX] = out[0];
	v->gpr[EBX] = out[1];
	v->gpr[ECX] = out[2];
	v->gpr[EDX] = out[3];
	return STEP_DONE;
}

/*
 * PUSHF and POPF do not trap; they come here only when fetched from the monitor's window. RF and VM are
 * pushed as zeros (SDM 2B PUSHF).
 */
static enum step emulate_pushf(struct vcpu *v, struct emulation *e)
{
	u32 esp = v->gpr[ESP];

	TRY(access_push(v, e, &esp, e->insn.op_size, v->eflags & ~(EFLAGS_VM | EFLAGS_RF)));
	v->gpr[ESP] = esp;
	return STEP_DONE;
}

/* What POPF may change depends on the level, as for IRET (SDM 2B POPF, "Operation"). */
static enum step emulate_popf(struct vcpu *v, struct emulation *e)
{
	u32 esp = v->gpr[ESP], flags, may = EFLAGS_USER;

	TRY(access_pop(v, e, &esp, e->insn.op_size, &flags));
	if (v->cpl <= vcpu_iopl(v))
		may |= EFLAGS_IF;
	if (v->cpl == 0)
		may |= EFLAGS_IOPL;
	if (e->insn.op_size == 2)
		may &= 0xffff;
	v->eflags = (v->eflags & ~may) | (flags & may);
	v->gpr[ESP] = esp;
	return STEP_DONE;
}

/* The opcodes of this file and of privileged.c: of one byte, and 0F xx. */
static const handler one_byte[256] = {
	[0x9c] = emulate_pushf,
	[0x9d] = emulate_popf,
	[0xe4 ... 0xe5] = emulate_in,
	[0xe6 ... 0xe7] = emulate_out,
	[0xec ... 0xed] = emulate_in,
	[0xee ... 0xef] = emulate_out,
	[0xf4] = emulate_hlt,
	[0xfa] = emulate_cli,
	[0xfb] = emulate_sti,
};

static const handler two_byte[256] = {
	[0x00] = group6,
	[0x01] = group7,
	[0x06] = emulate_clts,
	[0x08 ... 0x09] = flush_caches,
	[0x20] = emulate_read_cr,
	[0x21] = read_debug,
	[0x22] = emulate_write_cr,
	[0x23] = write_debug,
	[0x30] = emulate_wrmsr,
	[0x31] = emulate_rdtsc,
	[0x32] = emulate_rdmsr,
	[0x33] = emulate_rdpmc,
	[0xa2] = emulate_cpuid,
};

enum step emulate_privileged(struct vcpu *v, struct emulation *e)
{
	u16 opcode = e->insn.opcode;

	TRY((opcode < OPCODE_0F ? one_byte : two_byte)[opcode & 0xff](v, e));
	return emulation_next(v, e);
}
