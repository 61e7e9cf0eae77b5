/* Near jumps, calls and returns: what changes EIP within the code segment. */
#include "cpu/alu.h"
#include "cpu/instructions.h"

/* A 16-bit branch clears the upper half of EIP; none may leave the segment (SDM 2A, JMP). */
static enum step check_target(struct vcpu *v, const struct emulation *e, u32 *target)
{
	*target &= alu_mask(e->insn.op_size);
	if (*target > v->seg[CS].limit)
		return emulation_fault(v, VECTOR_GP, 0);
	return STEP_DONE;
}

static enum step jump(struct vcpu *v, struct emulation *e, u32 target)
{
	TRY(check_target(v, e, &target));
	v->eip = target;
	v->eflags &= ~EFLAGS_RF;
	return STEP_DONE;
}

/* Displacements count from the next instruction. */
static u32 relative(const struct vcpu *v, const struct emulation *e)
{
	return v->eip + e->insn.length + e->insn.imm;
}

/* A jump that is not taken checks nothing. */
static enum step jump_if(struct vcpu *v, struct emulation *e, bool taken)
{
	return taken ? jump(v, e, relative(v, e)) : emulation_next(v, e);
}

/* The target is checked before the push: a fault must find the stack as it was. */
static enum step call(struct vcpu *v, struct emulation *e, u32 target)
{
	u32 esp = v->gpr[ESP];

	TRY(check_target(v, e, &target));
	TRY(access_push(v, e, &esp, e->insn.op_size, v->eip + e->insn.length));
	v->gpr[ESP] = esp;
	return jump(v, e, target);
}

/* CALL and JMP through a register or memory (FF /2, FF /4). */
static enum step indirect(struct vcpu *v, struct emulation *e)
{
	u32 target;

	if (e->insn.reg == 2)
		TRY(access_probe_pushes(v, e, 1, e->insn.op_size));
	TRY(rm_read(v, e, e->insn.op_size, &target));
	return e->insn.reg == 2 ? call(v, e, target) : jump(v, e, target);
}

/* RET (C3), and RET that drops `imm` bytes of parameters (C2). */
static enum step ret(struct vcpu *v, struct emulation *e)
{
	u32 esp = v->gpr[ESP], target;

	TRY(access_pop(v, e, &esp, e->insn.op_size, &target));
	TRY(jump(v, e, target));
	access_set_reg(v, ESP, v->seg[SS].attr & ATTR_DB ? 4 : 2, esp + e->insn.imm);
	return STEP_DONE;
}

/*
 * LOOPNE LOOPE LOOP (E0-E2) count eCX down, JECXZ (E3) only looks at it. The address size says
 * whether it is ECX or CX. No flag changes.
 */
static enum step loop(struct vcpu *v, struct emulation *e)
{
	unsigned size = e->insn.addr_size, form = e->insn.opcode & 3;
	u32 count = access_get_reg(v, ECX, size);
	bool zero = v->eflags & EFLAGS_ZF;

	if (form == 3)
		return jump_if(v, e, count == 0);
	count = (count - 1) & alu_mask(size);
	TRY(jump_if(v, e, count != 0 && (form == 2 || zero == form)));
	access_set_reg(v, ECX, size, count);
	return STEP_DONE;
}

enum step emulate_branch(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0x70 ... 0x7f:
	case 0x0f80 ... 0x0f8f:
		return jump_if(v, e, alu_condition(v->eflags, e->insn.opcode));
	case 0xc2 ... 0xc3:
		return ret(v, e);
	case 0xe0 ... 0xe3:
		return loop(v, e);
	case 0xe8:
		return call(v, e, relative(v, e));
	case 0xe9:
	case 0xeb:
		return jump(v, e, relative(v, e));
	case 0xff:
		return indirect(v, e);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
