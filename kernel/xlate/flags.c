/*
 * The interrupt flag of translated code is a word in memory (SDM 2A CLI, POPF; 2B PUSHF, STI). The real
 * one is always set. All other flags are the real ones, and stay as they are.
 */
#include "xlate/translation.h"

enum flow translate_cli(struct translation *t)
{
	emit_set_state(&t->out, STATE(vif), 0);
	return FLOW_ON;
}

/*
 * Traps if an interrupt waits. ECX is moved and tested by JECXZ, which leave the flags alone.
 *
 *       mov %ecx, gs:ecx;  mov gs:intr, %ecx;  jecxz 1f;  mov gs:ecx, %ecx;  hlt
 *    1: mov gs:ecx, %ecx;  mov $IF, gs:vif
 */
enum flow translate_sti(struct translation *t)
{
	struct emitter *e = &t->out;
	u8 *none_waits;

	emit_save_ecx(e);
	emit_state(e, 0x8b, ECX, STATE(intr));
	none_waits = emit_short(e, 0xe3);
	emit_restore_ecx(e);
	emit_hlt(e);
	emit_here(e, none_waits);
	emit_restore_ecx(e);
	emit_set_state(e, STATE(vif), EFLAGS_IF);
	t->covers = true;
	return FLOW_ON;
}

/*
 * What is pushed has the real IF, which is 1. Behind the push nothing faults: the word is there.
 *
 *       pushf;  mov %ecx, gs:ecx;  mov gs:vif, %ecx;  jecxz 1f;  jmp 2f
 *    1: mov (%esp), %ecx;  lea -IF(%ecx), %ecx;  mov %ecx, (%esp)
 *    2: mov gs:ecx, %ecx
 */
enum flow translate_pushf(struct translation *t)
{
	static const u8 read_top[] = {0x8b, 0x0c, 0x24}, write_top[] = {0x89, 0x0c, 0x24};
	struct emitter *e = &t->out;
	u8 *off, *on;

	if (t->insn.op_size != 4)
		return translate_trap(t);
	emit8(e, 0x9c);
	emit_save_ecx(e);
	emit_state(e, 0x8b, ECX, STATE(vif));
	off = emit_short(e, 0xe3);
	on = emit_short(e, 0xeb);
	emit_here(e, off);
	emit_bytes(e, read_top, sizeof read_top);
	emit8(e, 0x8d); /* LEA ECX, [ECX + disp32] */
	emit8(e, 0x89);
	emit32(e, -EFLAGS_IF);
	emit_bytes(e, write_top, sizeof write_top);
	emit_here(e, on);
	emit_restore_ecx(e);
	return FLOW_ON;
}

/*
 * The guest's flags are about to be replaced, so that they may be used once the word has been read.
 * Traps if it sets a flag that the real processor must not have, or if an interrupt waits for IF.
 *
 *       mov %ecx, gs:ecx;  mov (%esp), %ecx;  test $TF|IOPL|NT, %ecx;  jz 1f
 *    0: mov gs:ecx, %ecx;  hlt
 *    1: and $IF, %ecx;  test %ecx, gs:intr;  jnz 0b
 *       mov %ecx, gs:vif;  mov gs:ecx, %ecx;  popf
 */
enum flow translate_popf(struct translation *t)
{
	static const u8 read_top[] = {0x8b, 0x0c, 0x24};
	struct emitter *e = &t->out;
	u8 *harmless, *give_up;

	if (t->insn.op_size != 4)
		return translate_trap(t);
	emit_save_ecx(e);
	emit_bytes(e, read_top, sizeof read_top);
	emit8(e, 0xf7); /* TEST ECX, imm32 */
	emit8(e, 0xc1);
	emit32(e, EFLAGS_TF | EFLAGS_IOPL | EFLAGS_NT);
	harmless = emit_short(e, 0x74);
	give_up = e->at;
	emit_restore_ecx(e);
	emit_hlt(e);
	emit_here(e, harmless);
	emit8(e, 0x81); /* AND ECX, imm32 */
	emit8(e, 0xe1);
	emit32(e, EFLAGS_IF);
	emit_state(e, 0x85, ECX, STATE(intr)); /* TEST gs:intr, ECX */
	emit8(e, 0x75);
	emit8(e, give_up - (e->at + 1));
	emit_state(e, 0x89, ECX, STATE(vif));
	emit_restore_ecx(e);
	emit8(e, 0x9d);
	return FLOW_ON;
}
