/* What moves, widens or swaps data without computing: MOV and its kin, and what does nothing. */
#include "cpu/alu.h"
#include "cpu/instructions.h"

/* MOV between a register and r/m (88-8B), between eAX and an offset (A0-A3). */
static enum step move(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = opcode_size(i), reg = i->has_modrm ? i->reg : EAX;
	bool to_reg = i->has_modrm == !!(i->opcode & 2); /* the bit has two meanings */
	u32 value = access_get_reg(v, reg, size);

	if (to_reg)
		TRY(rm_read(v, e, size, &value));
	else
		TRY(rm_write(v, e, size, value));
	if (to_reg)
		access_set_reg(v, reg, size, value);
	return emulation_next(v, e);
}

/* MOV of an immediate to a register (B0-BF), to r/m (C6, C7). */
static enum step move_immediate(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;

	if (i->has_modrm)
		TRY(rm_write(v, e, opcode_size(i), i->imm));
	else
		access_set_reg(v, i->opcode & 7, i->opcode & 8 ? i->op_size : 1, i->imm);
	return emulation_next(v, e);
}

/* MOV r/m, Sreg: two bytes to memory, zero-extended to a register (SDM 2B, MOV). */
static enum step move_from_sreg(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;

	TRY(rm_write(v, e, i->has_memory ? 2 : i->op_size, v->seg[i->reg].selector));
	return emulation_next(v, e);
}

/* MOVZX and MOVSX: bit 0 of the opcode is the source's size, bit 3 says signed. */
static enum step move_wider(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned from = i->opcode & 1 ? 2 : 1;
	u32 value;

	TRY(rm_read(v, e, from, &value));
	if (i->opcode & 8)
		value = alu_sign_extend(value, from);
	access_set_reg(v, i->reg, i->op_size, value);
	return emulation_next(v, e);
}

/* LEA computes an address and does not use it: no segment, no fault. */
static enum step load_address(struct vcpu *v, struct emulation *e)
{
	access_set_reg(v, e->insn.reg, e->insn.op_size, access_offset(v, &e->insn));
	return emulation_next(v, e);
}

/* CMOVcc reads its source, and may fault, even if it then does not move (SDM 2A, CMOVcc). */
static enum step move_if(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	u32 value;

	TRY(rm_read(v, e, i->op_size, &value));
	if (alu_condition(v->eflags, i->opcode))
		access_set_reg(v, i->reg, i->op_size, value);
	return emulation_next(v, e);
}

/* SETcc: a condition as a number, 0 or 1. */
static enum step set_if(struct vcpu *v, struct emulation *e)
{
	TRY(rm_write(v, e, 1, alu_condition(v->eflags, e->insn.opcode)));
	return emulation_next(v, e);
}

/* CBW and CWDE widen within eAX (98), CWD and CDQ into eDX (99). */
static enum step widen_accumulator(struct vcpu *v, struct emulation *e)
{
	unsigned size = e->insn.op_size;
	u32 value = access_get_reg(v, EAX, size);

	if (e->insn.opcode == 0x98)
		access_set_reg(v, EAX, size, alu_sign_extend(value & alu_mask(size / 2), size / 2));
	else
		access_set_reg(v, EDX, size, value & alu_sign_bit(size) ? ~0u : 0);
	return emulation_next(v, e);
}

/* BSWAP of a 16-bit register is undefined; processors clear it (SDM 2A, BSWAP). */
static enum step swap_bytes(struct vcpu *v, struct emulation *e)
{
	unsigned reg = e->insn.opcode & 7, size = e->insn.op_size;

	access_set_reg(v, reg, size, size == 4 ? __builtin_bswap32(v->gpr[reg]) : 0);
	return emulation_next(v, e);
}

/* XLAT: AL indexes a table of bytes at eBX. */
static enum step translate_byte(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	u32 at = v->gpr[EBX] + (v->gpr[EAX] & 0xff), value;

	TRY(access_read(v, e, i->seg, at & alu_mask(i->addr_size), 1, &value));
	access_set_reg(v, EAX, 1, value);
	return emulation_next(v, e);
}

/* SAHF and LAHF: SF ZF AF PF CF in AH. */
static enum step move_flags(struct vcpu *v, struct emulation *e)
{
	const u32 moved = EFLAGS_ARITH & 0xff;
	unsigned ah = 4; /* as a byte register */

	if (e->insn.opcode == 0x9e)
		v->eflags = (v->eflags & ~moved) | (access_get_reg(v, ah, 1) & moved);
	else
		access_set_reg(v, ah, 1, (v->eflags & moved) | EFLAGS_FIXED);
	return emulation_next(v, e);
}

enum step emulate_move(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0x88 ... 0x8b:
	case 0xa0 ... 0xa3:
		return move(v, e);
	case 0x8c:
		return move_from_sreg(v, e);
	case 0x8d:
		return load_address(v, e);
	case 0x98 ... 0x99:
		return widen_accumulator(v, e);
	case 0x9e ... 0x9f:
		return move_flags(v, e);
	case 0xb0 ... 0xbf:
	case 0xc6 ... 0xc7:
		return move_immediate(v, e);
	case 0xd7:
		return translate_byte(v, e);
	case 0x0f0d:
	case 0x0f18 ... 0x0f1f: /* hints: they touch no memory and cannot fault */
		return emulation_next(v, e);
	case 0x0f40 ... 0x0f4f:
		return move_if(v, e);
	case 0x0f90 ... 0x0f9f:
		return set_if(v, e);
	case 0x0fb6 ... 0x0fb7:
	case 0x0fbe ... 0x0fbf:
		return move_wider(v, e);
	case 0x0fc8 ... 0x0fcf:
		return swap_bytes(v, e);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
