/*
 * PUSH and POP in all their forms, and the frames of ENTER and LEAVE. ESP moves when all is done.
 */
#include "cpu/alu.h"
#include "cpu/instructions.h"

static enum step push(struct vcpu *v, struct emulation *e, u32 value)
{
	u32 esp = v->gpr[ESP];

	TRY(access_push(v, e, &esp, e->insn.op_size, value));
	v->gpr[ESP] = esp;
	return emulation_next(v, e);
}

/* FF /6. An address that ESP is part of is computed with ESP before the push (SDM 2B, PUSH). */
static enum step push_rm(struct vcpu *v, struct emulation *e)
{
	u32 value;

	TRY(access_probe_pushes(v, e, 1, e->insn.op_size));
	TRY(rm_read(v, e, e->insn.op_size, &value));
	return push(v, e, value);
}

/* POP of a register (58-5F). POP ESP leaves what was popped. */
static enum step pop_register(struct vcpu *v, struct emulation *e)
{
	u32 esp = v->gpr[ESP], value;

	TRY(access_pop(v, e, &esp, e->insn.op_size, &value));
	v->gpr[ESP] = esp;
	access_set_reg(v, e->insn.opcode & 7, e->insn.op_size, value);
	return emulation_next(v, e);
}

/* POP r/m: an address that ESP is part of is computed with ESP after the pop (SDM 2B, POP). */
static enum step pop_rm(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	u32 before = v->gpr[ESP], after = before, value;
	enum step step;

	TRY(access_pop(v, e, &after, i->op_size, &value));
	v->gpr[ESP] = after;
	step = rm_write(v, e, i->op_size, value);
	if (step != STEP_DONE) {
		v->gpr[ESP] = before;
		return step;
	}
	return emulation_next(v, e);
}

/* EAX ECX EDX EBX ESP EBP ESI EDI, the value of ESP before the first push. */
static enum step push_all(struct vcpu *v, struct emulation *e)
{
	unsigned size = e->insn.op_size;
	u32 esp = v->gpr[ESP];

	TRY(access_probe_pushes(v, e, GPR_COUNT, size));
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		TRY(access_push(v, e, &esp, size, v->gpr[reg]));
	v->gpr[ESP] = esp;
	return emulation_next(v, e);
}

/* The other way round; what was pushed for ESP is lost. */
static enum step pop_all(struct vcpu *v, struct emulation *e)
{
	unsigned size = e->insn.op_size;
	u32 esp = v->gpr[ESP], value[GPR_COUNT];

	for (unsigned reg = GPR_COUNT; reg-- > 0;)
		TRY(access_pop(v, e, &esp, size, &value[reg]));
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		access_set_reg(v, reg, size, value[reg]);
	v->gpr[ESP] = esp;
	return emulation_next(v, e);
}

#define NESTING_MAX 32

/*
 * ENTER: a frame for a procedure nested `level` deep, with pointers to the frames around it, copied
 * from the caller's frame (SDM 2A, ENTER; SDM 1 6.6.1):
 *
 *   caller's EBP          <-- new EBP
 *   level - 1 frame pointers, then the new EBP itself      (only if level > 0)
 *   `imm` bytes of locals <-- new ESP
 */
static enum step enter(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;
	unsigned size = i->op_size, level = i->imm2 % NESTING_MAX, copied = level ? level - 1 : 0;
	u32 esp = v->gpr[ESP], from = v->gpr[EBP], outer, frame;
	unsigned stack = v->seg[SS].attr & ATTR_DB ? 4 : 2;
	u32 end = esp - (1 + level) * size - i->imm;

	/* All that may fault, first. The last is the manual's: where the locals end has to be writable. */
	TRY(access_probe_pushes(v, e, 1 + level, size));
	TRY(access_probe_write(v, e, SS, end & alu_mask(stack), 1));
	for (unsigned n = 1; n <= copied; n++)
		TRY(access_probe_read(v, e, SS, (from - n * size) & alu_mask(stack), size));

	TRY(access_push(v, e, &esp, size, v->gpr[EBP]));
	frame = esp;
	for (unsigned n = 0; n < copied; n++) {
		from -= size;
		TRY(access_read(v, e, SS, from & alu_mask(stack), size, &outer));
		TRY(access_push(v, e, &esp, size, outer));
	}
	if (level)
		TRY(access_push(v, e, &esp, size, frame));
	access_set_reg(v, EBP, size, frame);
	access_set_reg(v, ESP, stack, end);
	return emulation_next(v, e);
}

/* The reverse: ESP goes back to the frame, and the caller's EBP is popped from there. */
static enum step leave(struct vcpu *v, struct emulation *e)
{
	u32 esp = v->gpr[ESP], value;

	if (v->seg[SS].attr & ATTR_DB)
		esp = v->gpr[EBP];
	else
		esp = (esp & ~0xffffu) | (v->gpr[EBP] & 0xffff);
	TRY(access_pop(v, e, &esp, e->insn.op_size, &value));
	v->gpr[ESP] = esp;
	access_set_reg(v, EBP, e->insn.op_size, value);
	return emulation_next(v, e);
}

enum step emulate_stack(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0x06: /* ES CS SS DS: bits 4:3 of the opcode */
	case 0x0e:
	case 0x16:
	case 0x1e:
		return push(v, e, v->seg[e->insn.opcode >> 3].selector);
	case 0x50 ... 0x57:
		return push(v, e, v->gpr[e->insn.opcode & 7]);
	case 0x58 ... 0x5f:
		return pop_register(v, e);
	case 0x60:
		return push_all(v, e);
	case 0x61:
		return pop_all(v, e);
	case 0x68:
	case 0x6a:
		return push(v, e, e->insn.imm);
	case 0x8f:
		return pop_rm(v, e);
	case 0xc8:
		return enter(v, e);
	case 0xc9:
		return leave(v, e);
	case 0xff:
		return push_rm(v, e);
	case 0x0fa0:
		return push(v, e, v->seg[FS].selector);
	case 0x0fa8:
		return push(v, e, v->seg[GS].selector);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
