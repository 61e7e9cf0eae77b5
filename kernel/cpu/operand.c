/*
 * What an instruction's operands name: registers, memory by ModRM, the stack. A handler asks for "the
 * operand in r/m" and need not know which of the first two it is.
 */
#include "cpu/access.h"
#include "cpu/instructions.h"
#include "cpu/segment.h"

/* Byte registers 4 to 7 are the second bytes of registers 0 to 3 (SDM 2A table 2-2). */
u32 access_get_reg(const struct vcpu *v, unsigned reg, unsigned size)
{
	if (size == 4)
		return v->gpr[reg];
	if (size == 2)
		return v->gpr[reg] & 0xffff;
	return reg < 4 ? v->gpr[reg] & 0xff : v->gpr[reg - 4] >> 8 & 0xff;
}

void access_set_reg(struct vcpu *v, unsigned reg, unsigned size, u32 value)
{
	if (size == 4)
		v->gpr[reg] = value;
	else if (size == 2)
		v->gpr[reg] = (v->gpr[reg] & ~0xffffu) | (value & 0xffff);
	else if (reg < 4)
		v->gpr[reg] = (v->gpr[reg] & ~0xffu) | (value & 0xff);
	else
		v->gpr[reg - 4] = (v->gpr[reg - 4] & ~0xff00u) | (value & 0xff) << 8;
}

/* A sum of up to three parts, modulo the address size: it may well wrap (SDM 1 3.7.5). */
u32 access_offset(const struct vcpu *v, const struct insn *i)
{
	u32 offset = i->disp;

	if (i->base != NO_REG)
		offset += v->gpr[i->base];
	if (i->index != NO_REG)
		offset += v->gpr[i->index] << i->scale;
	return i->addr_size == 2 ? offset & 0xffff : offset;
}

enum step rm_read(struct vcpu *v, struct emulation *e, unsigned size, u32 *value)
{
	const struct insn *i = &e->insn;

	if (i->has_memory)
		return access_read(v, e, i->seg, access_offset(v, i), size, value);
	*value = access_get_reg(v, i->rm, size);
	return STEP_DONE;
}

/*
 * The probe comes first: a device that has been read cannot be unread when the write then faults.
 */
enum step rm_modify(struct vcpu *v, struct emulation *e, unsigned size, u32 *value)
{
	const struct insn *i = &e->insn;

	if (i->has_memory)
		TRY(access_probe_write(v, e, i->seg, access_offset(v, i), size));
	return rm_read(v, e, size, value);
}

/* The last step that may fail: what follows it in a handler only changes registers. */
enum step rm_write(struct vcpu *v, struct emulation *e, unsigned size, u32 value)
{
	const struct insn *i = &e->insn;

	if (i->has_memory)
		return access_write(v, e, i->seg, access_offset(v, i), size, value);
	access_set_reg(v, i->rm, size, value);
	return STEP_DONE;
}

enum step access_push(struct vcpu *v, struct emulation *e, u32 *esp, unsigned size, u32 value)
{
	const struct segment *ss = &v->seg[SS];
	u32 top = stack_move(ss, *esp, -size);

	TRY(access_write(v, e, SS, stack_offset(ss, top), size, value));
	*esp = top;
	return STEP_DONE;
}

enum step access_pop(struct vcpu *v, struct emulation *e, u32 *esp, unsigned size, u32 *value)
{
	const struct segment *ss = &v->seg[SS];

	TRY(access_read(v, e, SS, stack_offset(ss, *esp), size, value));
	*esp = stack_move(ss, *esp, size);
	return STEP_DONE;
}

/* Each push by itself: on a 16-bit stack they may wrap, and the last may lie in another page. */
enum step access_probe_pushes(struct vcpu *v, struct emulation *e, unsigned count, unsigned size)
{
	const struct segment *ss = &v->seg[SS];
	u32 esp = v->gpr[ESP];

	while (count--) {
		esp = stack_move(ss, esp, -size);
		TRY(access_probe_write(v, e, SS, stack_offset(ss, esp), size));
	}
	return STEP_DONE;
}
