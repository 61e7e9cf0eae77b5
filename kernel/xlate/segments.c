/*
 * Segment registers. The real DS, ES and FS hold what the guest's do, by promoted descriptors, and what
 * traps when they are loaded is emulated; CS, SS and GS do not.
 */
#include "xlate/translation.h"

static bool is_real(unsigned sreg)
{
	return sreg == DS || sreg == ES || sreg == FS;
}

/* MOV r/m, Sreg. */
enum flow translate_read_segment(struct translation *t)
{
	return is_real(t->insn.reg) ? translate_copy(t) : translate_trap(t);
}

/* MOV Sreg, r/m. */
enum flow translate_load_segment(struct translation *t)
{
	return is_real(t->insn.reg) && !t->from->trap_loads ? translate_copy(t) : translate_trap(t);
}

/* PUSH and POP of ES CS SS DS (06 to 1f) and FS GS (0f a0 to a9): the register is in bits 3 to 5. */
enum flow translate_push_segment(struct translation *t)
{
	return is_real(t->insn.opcode >> 3 & 7) ? translate_copy(t) : translate_trap(t);
}

enum flow translate_pop_segment(struct translation *t)
{
	return is_real(t->insn.opcode >> 3 & 7) && !t->from->trap_loads ? translate_copy(t)
									: translate_trap(t);
}

enum flow translate_push_cs(struct translation *t)
{
	if (t->insn.op_size != 4)
		return translate_trap(t);
	emit_state(&t->out, 0xff, 6, STATE(cs)); /* PUSH gs:cs */
	return FLOW_ON;
}

/* LES LDS (c4 c5); LSS LFS LGS (0f b2 b4 b5). */
enum flow translate_load_pointer(struct translation *t)
{
	bool real = t->insn.opcode < OPCODE_0F || t->insn.opcode == (OPCODE_0F | 0xb4);

	return real && !t->from->trap_loads ? translate_copy(t) : translate_trap(t);
}

/*
 * Group 6: only VERW of a selector in memory, by which Linux clears buffers on every way to user mode,
 * is tried in place. A yes about the promoted descriptor is the truth if RPL is 0; a no need not be.
 *
 *       mov %ecx, gs:ecx;  movzbl OPERAND, %ecx;  movzbl gs:rpl(%ecx), %ecx;  jecxz 1f
 *       mov gs:ecx, %ecx;  hlt
 *    1: mov gs:ecx, %ecx;  verw OPERAND;  jz 2f;  hlt
 *    2:
 */
enum flow translate_group_6(struct translation *t)
{
	static const u8 movzx[] = {0x0f, 0xb6};
	struct emitter *e = &t->out;
	u8 *is_zero, *writable;

	if (t->insn.reg != 5 || !t->insn.has_memory)
		return translate_trap(t);
	emit_save_ecx(e);
	translate_load(t, movzx, sizeof movzx);
	emit8(e, 0x65); /* MOVZX ECX, byte gs:rpl[ECX] */
	emit_bytes(e, movzx, sizeof movzx);
	emit8(e, 0x89);
	emit32(e, STATE(rpl));
	is_zero = emit_short(e, 0xe3);
	emit_restore_ecx(e);
	emit_hlt(e);
	emit_here(e, is_zero);
	emit_restore_ecx(e);
	translate_copy(t);
	writable = emit_short(e, 0x74);
	emit_hlt(e);
	emit_here(e, writable);
	return FLOW_ON;
}
