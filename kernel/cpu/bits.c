/*
 * Shifts, rotates, bit strings and bit scans. A bit string's operand is addressed like no other's: see
 * bit_string().
 */
#include "cpu/alu.h"
#include "cpu/instructions.h"

/* Group 2: the count is an immediate (C0, C1), one (D0, D1) or CL (D2, D3). */
static enum step shift(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = opcode_size(i), count = v->gpr[ECX] & 0xff;
	u32 flags = v->eflags, a;

	if (i->opcode < 0xd0)
		count = i->imm;
	else if (i->opcode < 0xd2)
		count = 1;
	TRY(rm_modify(v, e, size, &a));
	TRY(rm_write(v, e, size, alu_shift(i->reg, &flags, size, a, count)));
	v->eflags = flags;
	return emulation_next(v, e);
}

/* SHLD (0FA4, 0FA5) and SHRD (0FAC, 0FAD). */
static enum step shift_double(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = i->op_size, count = i->opcode & 1 ? v->gpr[ECX] & 0xff : i->imm;
	u32 fill = access_get_reg(v, i->reg, size), flags = v->eflags, a;
	bool left = !(i->opcode & 8);

	TRY(rm_modify(v, e, size, &a));
	TRY(rm_write(v, e, size, alu_shift_double(left, &flags, size, a, fill, count)));
	v->eflags = flags;
	return emulation_next(v, e);
}

/*
 * BT BTS BTR BTC. With a bit number from a register, memory is a string of bits that reaches 2^31
 * to both sides: the operand is the word or doubleword that holds the bit (SDM 2A, BT). An
 * immediate number stays within the operand.
 */
static enum step bit_string(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = i->op_size;
	bool immediate = i->opcode == 0x0fba;
	enum bit_op op = immediate ? i->reg & 3 : i->opcode >> 3 & 3;
	s32 bit = immediate ? i->imm : alu_sign_extend(access_get_reg(v, i->reg, size), size);
	u32 flags = v->eflags, at = access_offset(v, i), a;

	/* Rounded towards minus infinity, so that bit -1 is the top bit of the unit below. */
	if (!immediate)
		at = (at + (bit >> (size == 4 ? 5 : 4)) * size) & alu_mask(i->addr_size);
	if (!i->has_memory) {
		a = alu_bit(op, &v->eflags, size, access_get_reg(v, i->rm, size), bit);
		access_set_reg(v, i->rm, size, a);
		return emulation_next(v, e);
	}
	if (op != BIT_TEST)
		TRY(access_probe_write(v, e, i->seg, at, size));
	TRY(access_read(v, e, i->seg, at, size, &a));
	a = alu_bit(op, &flags, size, a, bit);
	if (op != BIT_TEST)
		TRY(access_write(v, e, i->seg, at, size, a));
	v->eflags = flags;
	return emulation_next(v, e);
}

/* BSF and BSR: if no bit is set the destination stays (undefined, but Linux counts on it). */
static enum step scan(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	u32 a, index;

	TRY(rm_read(v, e, i->op_size, &a));
	if (alu_scan(i->opcode & 1, &v->eflags, a, &index))
		access_set_reg(v, i->reg, i->op_size, index);
	return emulation_next(v, e);
}

enum step emulate_bits(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0xc0 ... 0xc1:
	case 0xd0 ... 0xd3:
		return shift(v, e);
	case 0x0fa4 ... 0x0fa5:
	case 0x0fac ... 0x0fad:
		return shift_double(v, e);
	case 0x0fa3:
	case 0x0fab:
	case 0x0fb3:
	case 0x0fba:
	case 0x0fbb:
		return bit_string(v, e);
	case 0x0fbc ... 0x0fbd:
		return scan(v, e);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
