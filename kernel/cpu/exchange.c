/*
 * The instructions that locks are built from: they read and write memory as one step. One real
 * processor runs one guest at a time, and no interrupt is taken within an emulated instruction, so
 * nothing has to be done for LOCK.
 */
#include "cpu/alu.h"
#include "cpu/instructions.h"

/* XCHG with r/m (86, 87), XCHG with eAX (90-97). */
static enum step exchange(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = opcode_size(i);
	u32 a, b = access_get_reg(v, i->reg, size);

	TRY(rm_modify(v, e, size, &a));
	TRY(rm_write(v, e, size, b));
	access_set_reg(v, i->reg, size, a);
	return emulation_next(v, e);
}

/* One byte long, and so the shortest way to do nothing: 90 exchanges eAX with itself. */
static enum step exchange_accumulator(struct vcpu *v, struct emulation *e)
{
	unsigned size = e->insn.op_size, reg = e->insn.opcode & 7;
	u32 a = access_get_reg(v, reg, size);

	access_set_reg(v, reg, size, access_get_reg(v, EAX, size));
	access_set_reg(v, EAX, size, a);
	return emulation_next(v, e);
}

/* The register gets the old value, r/m the sum; where both name one register the sum stays. */
static enum step exchange_add(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = opcode_size(i);
	u32 flags = v->eflags, old;

	TRY(rm_modify(v, e, size, &old));
	u32 sum = alu_binary(ALU_ADD, &flags, size, old, access_get_reg(v, i->reg, size));

	if (i->has_memory)
		TRY(rm_write(v, e, size, sum));
	access_set_reg(v, i->reg, size, old);
	if (!i->has_memory)
		access_set_reg(v, i->rm, size, sum);
	v->eflags = flags;
	return emulation_next(v, e);
}

/* Memory is written whether or not the values were equal (SDM 2A, CMPXCHG). */
static enum step compare_exchange(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = opcode_size(i);
	u32 flags = v->eflags, old;

	TRY(rm_modify(v, e, size, &old));
	alu_binary(ALU_CMP, &flags, size, access_get_reg(v, EAX, size), old);
	bool equal = flags & EFLAGS_ZF;

	TRY(rm_write(v, e, size, equal ? access_get_reg(v, i->reg, size) : old));
	if (!equal)
		access_set_reg(v, EAX, size, old);
	v->eflags = flags;
	return emulation_next(v, e);
}

/*
 * CMPXCHG8B: EDX:EAX against memory, ECX:EBX into it. Of the flags only ZF changes.
 * Its operand is read and written as two doublewords; no one can see the state between them.
 */
static enum step compare_exchange_8(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	u32 at = access_offset(v, i), low, high;

	if (i->reg != 1 || !i->has_memory)
		return emulation_fault(v, VECTOR_UD, 0);
	TRY(access_probe_write(v, e, i->seg, at, 8));
	TRY(access_read(v, e, i->seg, at, 4, &low));
	TRY(access_read(v, e, i->seg, at + 4, 4, &high));
	bool equal = low == v->gpr[EAX] && high == v->gpr[EDX];

	TRY(access_write(v, e, i->seg, at, 4, equal ? v->gpr[EBX] : low));
	TRY(access_write(v, e, i->seg, at + 4, 4, equal ? v->gpr[ECX] : high));
	if (!equal) {
		v->gpr[EAX] = low;
		v->gpr[EDX] = high;
	}
	alu_set_flag(&v->eflags, EFLAGS_ZF, equal);
	return emulation_next(v, e);
}

enum step emulate_exchange(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0x86 ... 0x87:
		return exchange(v, e);
	case 0x90 ... 0x97:
		return exchange_accumulator(v, e);
	case 0x0fb0 ... 0x0fb1:
		return compare_exchange(v, e);
	case 0x0fc0 ... 0x0fc1:
		return exchange_add(v, e);
	case 0x0fc7:
		return compare_exchange_8(v, e);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
