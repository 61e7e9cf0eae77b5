/*
 * Arithmetic and logic. Operands are fetched here and results stored; alu.c computes. Flags are
 * computed into a copy first, because the store may still stop the instruction.
 */
#include "cpu/alu.h"
#include "cpu/instructions.h"

/* ADD OR ADC SBB AND SUB XOR CMP: six forms each (00-3F), with an immediate (80-83). */
static enum step binary(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	bool group_1 = i->opcode >= 0x80;
	enum alu_op op = group_1 ? i->reg : i->opcode >> 3 & 7;
	unsigned form = group_1 ? 0 : i->opcode & 6; /* 0: r/m, reg  2: reg, r/m  4: eAX, imm */
	unsigned size = opcode_size(i), reg = form == 4 ? EAX : i->reg;
	u32 flags = v->eflags, a, b;

	if (form == 0 && op != ALU_CMP)
		TRY(rm_modify(v, e, size, &a));
	else if (form == 0)
		TRY(rm_read(v, e, size, &a));
	else
		a = access_get_reg(v, reg, size);

	if (group_1 || form == 4)
		b = i->imm & alu_mask(size);
	else if (form == 0)
		b = access_get_reg(v, reg, size);
	else
		TRY(rm_read(v, e, size, &b));

	u32 result = alu_binary(op, &flags, size, a, b);

	if (op != ALU_CMP && form == 0)
		TRY(rm_write(v, e, size, result));
	else if (op != ALU_CMP)
		access_set_reg(v, reg, size, result);
	v->eflags = flags;
	return emulation_next(v, e);
}

/*
 * AND without its result: r/m with a register (84, 85) or an immediate (F6, F7), eAX with an
 * immediate.
 */
static enum step test(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = opcode_size(i);
	u32 a = access_get_reg(v, EAX, size), b = i->imm & alu_mask(size);

	if (i->has_modrm)
		TRY(rm_read(v, e, size, &a));
	if (i->opcode < 0x86)
		b = access_get_reg(v, i->reg, size);
	alu_binary(ALU_AND, &v->eflags, size, a, b);
	return emulation_next(v, e);
}

/* INC and DEC of a register, one byte long (40-4F). */
static enum step count_register(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned reg = i->opcode & 7, size = i->op_size;
	u32 a = access_get_reg(v, reg, size);

	a = i->opcode & 8 ? alu_dec(&v->eflags, size, a) : alu_inc(&v->eflags, size, a);
	access_set_reg(v, reg, size, a);
	return emulation_next(v, e);
}

enum unary { UNARY_INC, UNARY_DEC, UNARY_NOT, UNARY_NEG };

/* NOT is the only arithmetic instruction that changes no flag (SDM 2B, NOT). */
static enum step unary(struct vcpu *v, struct emulation *e, enum unary op)
{
	unsigned size = opcode_size(&e->insn);
	u32 flags = v->eflags, a;

	TRY(rm_modify(v, e, size, &a));
	switch (op) {
	case UNARY_INC:
		a = alu_inc(&flags, size, a);
		break;
	case UNARY_DEC:
		a = alu_dec(&flags, size, a);
		break;
	case UNARY_NOT:
		a = ~a & alu_mask(size);
		break;
	case UNARY_NEG:
		a = alu_neg(&flags, size, a);
		break;
	}
	TRY(rm_write(v, e, size, a));
	v->eflags = flags;
	return emulation_next(v, e);
}

/* The double-length operand of MUL and DIV: AX for bytes, else DX:AX or EDX:EAX. */
static void get_double(const struct vcpu *v, unsigned size, u32 *high, u32 *low)
{
	*low = access_get_reg(v, EAX, size);
	*high = size == 1 ? v->gpr[EAX] >> 8 & 0xff : access_get_reg(v, EDX, size);
}

static void set_double(struct vcpu *v, unsigned size, u32 high, u32 low)
{
	if (size == 1) {
		access_set_reg(v, EAX, 2, high << 8 | low);
		return;
	}
	access_set_reg(v, EAX, size, low);
	access_set_reg(v, EDX, size, high);
}

/* MUL IMUL DIV IDIV of group 3: one operand is named, the other implied. */
static enum step multiply_divide(struct vcpu *v, struct emulation *e)
{
	unsigned size = opcode_size(&e->insn);
	u32 operand, high, low;
	bool fits = true;

	TRY(rm_read(v, e, size, &operand));
	get_double(v, size, &high, &low);
	switch (e->insn.reg) {
	case 4:
		alu_mul(&v->eflags, size, low, operand, &high, &low);
		break;
	case 5:
		alu_imul(&v->eflags, size, low, operand, &high, &low);
		break;
	case 6:
		fits = alu_div(size, operand, &high, &low);
		break;
	case 7:
		fits = alu_idiv(size, operand, &high, &low);
		break;
	}
	if (!fits)
		return emulation_fault(v, VECTOR_DE, 0);
	set_double(v, size, high, low);
	return emulation_next(v, e);
}

/* Group 3: TEST TEST NOT NEG MUL IMUL DIV IDIV. */
static enum step group_3(struct vcpu *v, struct emulation *e)
{
	unsigned op = e->insn.reg;

	if (op < 2)
		return test(v, e);
	if (op < 4)
		return unary(v, e, op == 2 ? UNARY_NOT : UNARY_NEG);
	return multiply_divide(v, e);
}

/* IMUL reg, r/m (0FAF) and IMUL reg, r/m, imm (69, 6B): the upper half of the product is lost. */
static enum step multiply_short(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = i->op_size;
	u32 a, b = i->imm & alu_mask(size), high, low;

	TRY(rm_read(v, e, size, &a));
	if (i->opcode == 0x0faf)
		b = access_get_reg(v, i->reg, size);
	alu_imul(&v->eflags, size, a, b, &high, &low);
	access_set_reg(v, i->reg, size, low);
	return emulation_next(v, e);
}

/* The decimal adjustments, which live in AX alone. */
static enum step adjust(struct vcpu *v, struct emulation *e)
{
	u16 ax = v->gpr[EAX];
	u32 *flags = &v->eflags;

	switch (e->insn.opcode) {
	case 0x27:
		ax = alu_daa(flags, ax);
		break;
	case 0x2f:
		ax = alu_das(flags, ax);
		break;
	case 0x37:
		ax = alu_aaa(flags, ax);
		break;
	case 0x3f:
		ax = alu_aas(flags, ax);
		break;
	case 0xd4:
		if (!alu_aam(flags, &ax, e->insn.imm))
			return emulation_fault(v, VECTOR_DE, 0);
		break;
	case 0xd5:
		ax = alu_aad(flags, ax, e->insn.imm);
		break;
	}
	access_set_reg(v, EAX, 2, ax);
	return emulation_next(v, e);
}

/* Signed lower and upper bound lie in memory; #BR does not move EIP (SDM 2A, BOUND). */
static enum step bound(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = i->op_size;
	u32 at = access_offset(v, i), lower, upper;
	s32 index = alu_sign_extend(access_get_reg(v, i->reg, size), size);

	TRY(access_read(v, e, i->seg, at, size, &lower));
	TRY(access_read(v, e, i->seg, at + size, size, &upper));
	if (index < (s32)alu_sign_extend(lower, size) || index > (s32)alu_sign_extend(upper, size))
		return emulation_fault(v, VECTOR_BR, 0);
	return emulation_next(v, e);
}

/* ARPL: a selector's RPL is raised to that of another, and ZF says whether it was. */
static enum step adjust_rpl(struct vcpu *v, struct emulation *e)
{
	u32 selector, rpl = v->gpr[e->insn.reg] & SELECTOR_RPL;

	TRY(rm_modify(v, e, 2, &selector));
	bool raise = (selector & SELECTOR_RPL) < rpl;

	if (raise)
		TRY(rm_write(v, e, 2, (selector & ~SELECTOR_RPL) | rpl));
	alu_set_flag(&v->eflags, EFLAGS_ZF, raise);
	return emulation_next(v, e);
}

/* CMC CLC STC CLD STD. */
static enum step flag(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0xf5:
		v->eflags ^= EFLAGS_CF;
		break;
	case 0xf8:
	case 0xf9:
		alu_set_flag(&v->eflags, EFLAGS_CF, e->insn.opcode & 1);
		break;
	case 0xfc:
	case 0xfd:
		alu_set_flag(&v->eflags, EFLAGS_DF, e->insn.opcode & 1);
		break;
	}
	return emulation_next(v, e);
}

enum step emulate_integer(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0x27:
	case 0x2f:
	case 0x37:
	case 0x3f:
	case 0xd4:
	case 0xd5:
		return adjust(v, e);
	case 0x00 ... 0x26:
	case 0x28 ... 0x2e:
	case 0x30 ... 0x36:
	case 0x38 ... 0x3e:
	case 0x80 ... 0x83:
		return binary(v, e);
	case 0x40 ... 0x4f:
		return count_register(v, e);
	case 0x62:
		return bound(v, e);
	case 0x63:
		return adjust_rpl(v, e);
	case 0x69:
	case 0x6b:
	case 0x0faf:
		return multiply_short(v, e);
	case 0x84 ... 0x85:
	case 0xa8 ... 0xa9:
		return test(v, e);
	case 0xf6 ... 0xf7:
		return group_3(v, e);
	case 0xfe ... 0xff:
		if (e->insn.reg < 2)
			return unary(v, e, e->insn.reg == 0 ? UNARY_INC : UNARY_DEC);
		break;
	case 0xf5:
	case 0xf8 ... 0xf9:
	case 0xfc ... 0xfd:
		return flag(v, e);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
