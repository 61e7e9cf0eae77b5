/*
 * Segment registers. The real DS, ES and FS hold what the guest's do, by promoted descriptors, and what
 * traps when they are loaded is emulated; CS, SS and GS do not.
 */
#include "xlate/translation.h"

static bool is_real(unsigned sreg)
{
	return sreg == DS || sreg == ES || sreg == FS;
}

/* Where the guest's selector is of a register that is not real. */
static u32 selector_state(unsigned sreg)
{
	return sreg == CS ? STATE(cs) : sreg == SS ? STATE(ss) : STATE(gs);
}

/* MOV r/m, Sreg. Into a register of 32 bits it is zero-extended (SDM 2B MOV). */
enum flow translate_read_segment(struct translation *t)
{
	if (is_real(t->insn.reg))
		return translate_copy(t);
	if (t->insn.has_memory || t->insn.op_size != 4)
		return translate_trap(t);
	emit_state(&t->out, 0x8b, t->insn.rm, selector_state(t->insn.reg));
	return FLOW_ON;
}

/*
 * Goes on if the selector in ECX may be loaded in place; else the engine does it, and finds out why not.
 * GS:ecx has the guest's ECX.
 *
 *       movzbl gs:refused(%ecx), %ecx;  jecxz 1f;  mov gs:ecx, %ecx;  hlt
 *    1: mov gs:ecx, %ecx
 */
static void check_selector(struct emitter *e)
{
	u8 *may_load;

	emit8(e, 0x65); /* MOVZX ECX, byte gs:refused[ECX]: ModRM 89 is ECX, [ECX + disp32] */
	emit8(e, 0x0f);
	emit8(e, 0xb6);
	emit8(e, 0x89);
	emit32(e, STATE(refused));
	may_load = emit_short(e, 0xe3);
	emit_restore_ecx(e);
	emit_hlt(e);
	emit_here(e, may_load);
	emit_restore_ecx(e);
}

/* The selector that the operand holds, into ECX. */
static void load_selector(struct translation *t, unsigned opcode_bytes)
{
	static const u8 movzx[] = {0x0f, 0xb7};

	emit_save_ecx(&t->out);
	translate_load(t, opcode_bytes, movzx, sizeof movzx);
}

/* MOV Sreg, r/m. */
enum flow translate_load_segment(struct translation *t)
{
	if (!is_real(t->insn.reg) || t->from->trap_loads)
		return translate_trap(t);
	load_selector(t, 1);
	check_selector(&t->out);
	return translate_copy(t);
}

/* PUSH and POP of ES CS SS DS (06 to 1f) and FS GS (0f a0 to a9): the register is in bits 3 to 5. */
static unsigned stack_register(const struct translation *t)
{
	return t->insn.opcode >> 3 & 7;
}

enum flow translate_push_segment(struct translation *t)
{
	unsigned reg = stack_register(t);

	if (is_real(reg))
		return translate_copy(t);
	if (t->insn.op_size != 4)
		return translate_trap(t);
	emit_state(&t->out, 0xff, 6, selector_state(reg)); /* PUSH gs:field */
	return FLOW_ON;
}

enum flow translate_pop_segment(struct translation *t)
{
	static const u8 movzx_top[] = {0x0f, 0xb7, 0x0c, 0x24}; /* MOVZX ECX, word [ESP] */

	if (!is_real(stack_register(t)) || t->from->trap_loads)
		return translate_trap(t);
	emit_save_ecx(&t->out);
	emit_bytes(&t->out, movzx_top, sizeof movzx_top);
	check_selector(&t->out);
	return translate_copy(t);
}

/*
 * Group 6: only VERW, by which Linux clears buffers on every way to user mode, is tried in place. A yes
 * about the promoted descriptor is the truth if the selector may be loaded; a no need not be.
 */
enum flow translate_group_6(struct translation *t)
{
	u8 *writable;

	if (t->insn.reg != 5)
		return translate_trap(t);
	load_selector(t, 2);
	check_selector(&t->out);
	translate_copy(t);
	writable = emit_short(&t->out, 0x74); /* JZ */
	emit_hlt(&t->out);
	emit_here(&t->out, writable);
	return FLOW_ON;
}
