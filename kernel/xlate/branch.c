/*
 * Control transfers. Where a branch to a known address leads is found when it is first taken, and
 * linked; what is not known before goes through the slots of struct xlate_state.
 */
#include "xlate/translation.h"

/* A displacement that leads to a HLT of the exit's own, at the block's end, until it is linked. */
static void exit_displacement(struct translation *t, u32 target)
{
	t->block->exit[t->block->exits++] =
		(struct xlate_exit){.target = target, .patch = t->out.address};
	emit32(&t->out, 0);
}

void translate_exit(struct translation *t, u32 target)
{
	emit8(&t->out, 0xe9);
	exit_displacement(t, target);
}

/* Jcc: the block goes on where it is not taken. */
enum flow translate_jump_if(struct translation *t)
{
	if (t->insn.op_size != 4)
		return translate_trap(t);
	emit8(&t->out, 0x0f);
	emit8(&t->out, 0x80 | (t->insn.opcode & 0xf));
	exit_displacement(t, t->next + t->insn.imm);
	return FLOW_ON;
}

/* LOOP, LOOPE, LOOPNE, JECXZ only have short jumps. */
enum flow translate_loop(struct translation *t)
{
	struct emitter *e = &t->out;
	u8 *taken, *not_taken;

	if (t->insn.op_size != 4)
		return translate_trap(t);
	if (t->insn.addr_size == 2)
		emit8(e, 0x67);
	taken = emit_short(e, t->insn.opcode);
	not_taken = emit_short(e, 0xeb);
	emit_here(e, taken);
	translate_exit(t, t->next + t->insn.imm);
	emit_here(e, not_taken);
	return FLOW_ON;
}

enum flow translate_jump(struct translation *t)
{
	if (t->insn.op_size != 4)
		return translate_trap_and_end(t);
	translate_exit(t, t->next + t->insn.imm);
	return FLOW_END;
}

enum flow translate_call(struct translation *t)
{
	if (t->insn.op_size != 4)
		return translate_trap_and_end(t);
	emit_push(&t->out, t->next);
	translate_exit(t, t->next + t->insn.imm);
	return FLOW_END;
}

/* To gs:target, by the slot of its low 16 bits. The gate there restores ECX, or the miss does. */
static enum flow jump_to_target(struct emitter *e)
{
	emit8(e, 0x65); /* MOVZX ECX, word gs:target */
	emit8(e, 0x0f);
	emit8(e, 0xb7);
	emit8(e, ECX << 3 | 5);
	emit32(e, STATE(target));
	/* JMP gs:slot[ECX * 4]: ModRM 24 is /4 with SIB, SIB 8d is ECX * 4 + disp32 */
	emit8(e, 0x65);
	emit8(e, 0xff);
	emit8(e, 0x24);
	emit8(e, 0x8d);
	emit32(e, STATE(slot));
	return FLOW_END;
}

void translate_gate(struct emitter *e, u32 eip, u32 miss)
{
	u8 *found;

	emit_state(e, 0x8b, ECX, STATE(target));
	emit8(e, 0x8d); /* LEA ECX, [ECX - EIP]: a comparison that leaves the flags alone */
	emit8(e, 0x89);
	emit32(e, -eip);
	found = emit_short(e, 0xe3);
	emit_jmp(e, miss);
	emit_here(e, found);
	emit_restore_ecx(e);
}

void translate_miss(struct emitter *e)
{
	emit_restore_ecx(e);
	emit_hlt(e);
}

/* RET, and RET imm16, which removes its arguments. */
enum flow translate_ret(struct translation *t)
{
	struct emitter *e = &t->out;

	if (t->insn.op_size != 4)
		return translate_trap_and_end(t);
	emit_state(e, 0x8f, 0, STATE(target)); /* POP gs:target */
	if (t->insn.opcode == 0xc2) {
		emit8(e, 0x8d); /* LEA ESP, [ESP + imm32] */
		emit8(e, 0xa4);
		emit8(e, 0x24);
		emit32(e, t->insn.imm & 0xffff);
	}
	emit_save_ecx(e);
	return jump_to_target(e);
}

static bool is_prefix(u8 byte)
{
	static const u8 prefixes[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};

	for (unsigned i = 0; i < sizeof prefixes; i++)
		if (prefixes[i] == byte)
			return true;
	return false;
}

/* REP and the operand size mean nothing to the new instruction. */
void translate_load(struct translation *t, unsigned old, const u8 *opcode, unsigned count)
{
	unsigned at = 0;

	for (; is_prefix(t->bytes[at]); at++)
		if (t->bytes[at] != 0xf2 && t->bytes[at] != 0xf3 && t->bytes[at] != 0x66)
			emit8(&t->out, t->bytes[at]);
	emit_bytes(&t->out, opcode, count);
	at += old;
	emit8(&t->out, (t->bytes[at] & ~0x38) | ECX << 3); /* ModRM */
	emit_bytes(&t->out, t->bytes + at + 1, t->insn.length - at - 1);
}

/* Group 5 (SDM 2D table A-6). A near CALL pushes while ECX is the guest's again. */
enum flow translate_group_5(struct translation *t)
{
	static const u8 mov[] = {0x8b};
	struct emitter *e = &t->out;

	if (t->insn.reg == 3 || t->insn.reg == 5)
		return translate_trap_and_end(t);
	if (t->insn.reg != 2 && t->insn.reg != 4)
		return translate_copy(t);
	if (t->insn.op_size != 4)
		return translate_trap_and_end(t);
	emit_save_ecx(e);
	translate_load(t, 1, mov, sizeof mov);
	emit_state(e, 0x89, ECX, STATE(target));
	if (t->insn.reg == 2) {
		emit_restore_ecx(e);
		emit_push(e, t->next);
	}
	return jump_to_target(e);
}
