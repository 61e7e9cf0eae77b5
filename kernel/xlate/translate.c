/*
 * One block: what each of the guest's instructions becomes. Most are copied. Of the others,
 *
 *   - what only virtual ring 0 may do, and what shows or loads what the real processor does not
 *     have, is a HLT, which traps: the engine emulates the guest's instruction and comes back
 *     behind it;
 *   - the few sensitive instructions that kernels use all the time are done in place;
 *   - control transfers go to other blocks.
 *
 * In each sequence the accesses to the guest's memory come while its registers are its own, so that
 * a fault leaves nothing half done. Where ECX or the flags are borrowed nothing can fault any more.
 */
#include "xlate/cache.h"

#include "base/string.h"

/* A block under way, at one of its instructions. */
struct translation {
	struct emitter out;
	const struct xlate_source *from;
	struct xlate_block *block;
	struct insn insn;
	const u8 *bytes;       /* of the instruction */
	u8 crossing[INSN_MAX]; /* they lie here if it may cross into the next page */
	u32 eip;               /* its own, */
	u32 next;              /* and that of the one behind it */
	bool covers;           /* interrupts are to wait for the next one */
};

enum flow { FLOW_ON, FLOW_END };

typedef enum flow (*translator)(struct translation *);

static enum flow copy(struct translation *t)
{
	emit_bytes(&t->out, t->bytes, t->insn.length);
	return FLOW_ON;
}

/* The engine does it. */
static enum flow trap(struct translation *t)
{
	emit_hlt(&t->out);
	return FLOW_ON;
}

/* The same for what never goes on behind itself. */
static enum flow trap_and_end(struct translation *t)
{
	emit_hlt(&t->out);
	return FLOW_END;
}

/* --- the interrupt flag (SDM 2A CLI, POPF, PUSHF, STI) --- */

static enum flow cli(struct translation *t)
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
static enum flow sti(struct translation *t)
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
static enum flow pushf(struct translation *t)
{
	static const u8 read_top[] = {0x8b, 0x0c, 0x24}, write_top[] = {0x89, 0x0c, 0x24};
	struct emitter *e = &t->out;
	u8 *off, *on;

	if (t->insn.op_size != 4)
		return trap(t);
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
 *    1: and $IF, %ecx;  mov %ecx, gs:vif;  and gs:intr, %ecx;  jnz 0b
 *       mov gs:ecx, %ecx;  popf
 */
static enum flow popf(struct translation *t)
{
	static const u8 read_top[] = {0x8b, 0x0c, 0x24};
	struct emitter *e = &t->out;
	u8 *harmless, *give_up;

	if (t->insn.op_size != 4)
		return trap(t);
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
	emit_state(e, 0x89, ECX, STATE(vif));
	emit_state(e, 0x23, ECX, STATE(intr)); /* AND ECX, gs:intr */
	emit8(e, 0x75);
	emit8(e, give_up - (e->at + 1));
	emit_restore_ecx(e);
	emit8(e, 0x9d);
	return FLOW_ON;
}

/* --- control transfers --- */

/* A displacement that leads to a HLT of the exit's own, at the block's end, until it is linked. */
static void exit_displacement(struct translation *t, u32 target)
{
	t->block->exit[t->block->exits++] =
		(struct xlate_exit){.target = target, .patch = t->out.address};
	emit32(&t->out, 0);
}

static void exit_jump(struct translation *t, u32 target)
{
	emit8(&t->out, 0xe9);
	exit_displacement(t, target);
}

/* Jcc: the block goes on where it is not taken. */
static enum flow jump_if(struct translation *t)
{
	if (t->insn.op_size != 4)
		return trap(t);
	emit8(&t->out, 0x0f);
	emit8(&t->out, 0x80 | (t->insn.opcode & 0xf));
	exit_displacement(t, t->next + t->insn.imm);
	return FLOW_ON;
}

/* LOOP, LOOPE, LOOPNE, JECXZ only have short jumps. */
static enum flow loop(struct translation *t)
{
	struct emitter *e = &t->out;
	u8 *taken, *not_taken;

	if (t->insn.op_size != 4)
		return trap(t);
	if (t->insn.addr_size == 2)
		emit8(e, 0x67);
	taken = emit_short(e, t->insn.opcode);
	not_taken = emit_short(e, 0xeb);
	emit_here(e, taken);
	exit_jump(t, t->next + t->insn.imm);
	emit_here(e, not_taken);
	return FLOW_ON;
}

static enum flow jump(struct translation *t)
{
	if (t->insn.op_size != 4)
		return trap_and_end(t);
	exit_jump(t, t->next + t->insn.imm);
	return FLOW_END;
}

static enum flow call(struct translation *t)
{
	if (t->insn.op_size != 4)
		return trap_and_end(t);
	emit_push(&t->out, t->next);
	exit_jump(t, t->next + t->insn.imm);
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
	emit8(e,
		0x65); /* JMP gs:slot[ECX * 4]: ModRM 24 is /4 with SIB, SIB 8d is ECX * 4 + disp32 */
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
static enum flow ret(struct translation *t)
{
	struct emitter *e = &t->out;

	if (t->insn.op_size != 4)
		return trap_and_end(t);
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

/* MOV ECX, r/m, with the operand of the FF that is translated: prefixes, ModRM and so on are its. */
static void load_target(struct translation *t)
{
	unsigned at = 0;

	for (; t->bytes[at] != 0xff; at++)
		if (t->bytes[at] != 0xf2 && t->bytes[at] != 0xf3)
			emit8(&t->out, t->bytes[at]);
	emit8(&t->out, 0x8b);
	emit8(&t->out, (t->bytes[at + 1] & ~0x38) | ECX << 3);
	emit_bytes(&t->out, t->bytes + at + 2, t->insn.length - at - 2);
}

/* Group 5 (SDM 2D table A-6). A near CALL pushes while ECX is the guest's again. */
static enum flow group_5(struct translation *t)
{
	struct emitter *e = &t->out;

	if (t->insn.reg == 3 || t->insn.reg == 5)
		return trap_and_end(t);
	if (t->insn.reg != 2 && t->insn.reg != 4)
		return copy(t);
	if (t->insn.op_size != 4)
		return trap_and_end(t);
	emit_save_ecx(e);
	load_target(t);
	emit_state(e, 0x89, ECX, STATE(target));
	if (t->insn.reg == 2) {
		emit_restore_ecx(e);
		emit_push(e, t->next);
	}
	return jump_to_target(e);
}

/* --- segment registers: DS, ES and FS are in the real ones, CS, SS and GS are not --- */

static bool is_real(unsigned sreg)
{
	return sreg == DS || sreg == ES || sreg == FS;
}

/* MOV r/m, Sreg. */
static enum flow read_segment(struct translation *t)
{
	return is_real(t->insn.reg) ? copy(t) : trap(t);
}

/* MOV Sreg, r/m. */
static enum flow load_segment(struct translation *t)
{
	return is_real(t->insn.reg) && !t->from->trap_loads ? copy(t) : trap(t);
}

/* PUSH and POP of ES CS SS DS (06 to 1f) and FS GS (0f a0 to a9): the register is in bits 3 to 5. */
static enum flow push_segment(struct translation *t)
{
	return is_real(t->insn.opcode >> 3 & 7) ? copy(t) : trap(t);
}

static enum flow pop_segment(struct translation *t)
{
	return is_real(t->insn.opcode >> 3 & 7) && !t->from->trap_loads ? copy(t) : trap(t);
}

static enum flow push_cs(struct translation *t)
{
	if (t->insn.op_size != 4)
		return trap(t);
	emit_push(&t->out, t->from->cs);
	return FLOW_ON;
}

/* LES LDS (c4 c5); LSS LFS LGS (0f b2 b4 b5). */
static enum flow load_pointer(struct translation *t)
{
	bool real = t->insn.opcode < OPCODE_0F || t->insn.opcode == (OPCODE_0F | 0xb4);

	return real && !t->from->trap_loads ? copy(t) : trap(t);
}

/*
 * Group 6: only VERW, by which Linux clears buffers on every way to user mode, is tried in place. If
 * it says yes of the promoted descriptor that is the truth; a no need not be.
 */
static enum flow group_6(struct translation *t)
{
	u8 *writable;

	if (t->insn.reg != 5)
		return trap(t);
	copy(t);
	writable = emit_short(&t->out, 0x74);
	emit_hlt(&t->out);
	emit_here(&t->out, writable);
	return FLOW_ON;
}

/* The opcode map, one byte (SDM 2D table A-2). What is empty is copied. */
static const translator one_byte[256] = {
	[0x06] = push_segment,
	[0x07] = pop_segment,
	[0x0e] = push_cs,
	[0x16] = push_segment,
	[0x17] = pop_segment,
	[0x1e] = push_segment,
	[0x1f] = pop_segment,
	[0x6c ... 0x6f] = trap, /* INS OUTS */
	[0x70 ... 0x7f] = jump_if,
	[0x8c] = read_segment,
	[0x8e] = load_segment,
	[0x9a] = trap_and_end, /* CALL far */
	[0x9c] = pushf,
	[0x9d] = popf,
	[0xc2 ... 0xc3] = ret,
	[0xc4 ... 0xc5] = load_pointer,
	[0xca ... 0xcb] = trap_and_end, /* RETF */
	[0xcc ... 0xce] = trap,         /* INT3 INT INTO */
	[0xcf] = trap_and_end,          /* IRET */
	[0xe0 ... 0xe3] = loop,
	[0xe4 ... 0xe7] = trap, /* IN OUT */
	[0xe8] = call,
	[0xe9] = jump,
	[0xea] = trap_and_end, /* JMP far */
	[0xeb] = jump,
	[0xec ... 0xef] = trap, /* IN OUT */
	[0xf1] = trap,          /* INT1 */
	[0xf4] = trap,          /* HLT */
	[0xfa] = cli,
	[0xfb] = sti,
	[0xff] = group_5,
};

/* The opcode map, 0F xx (SDM 2D table A-3). */
static const translator two_byte[256] = {
	[0x00] = group_6,
	[0x01] = trap,          /* SGDT SIDT LGDT LIDT SMSW LMSW INVLPG, SVM */
	[0x02 ... 0x03] = trap, /* LAR LSL */
	[0x05 ... 0x09] = trap, /* SYSCALL CLTS SYSRET INVD WBINVD */
	[0x20 ... 0x23] = trap, /* MOV CR, MOV DR */
	[0x30 ... 0x35] = trap, /* WRMSR RDTSC RDMSR RDPMC SYSENTER SYSEXIT */
	[0x80 ... 0x8f] = jump_if,
	[0xa0] = push_segment,
	[0xa1] = pop_segment,
	[0xa2] = trap, /* CPUID */
	[0xa8] = push_segment,
	[0xa9] = pop_segment,
	[0xaa] = trap, /* RSM */
	[0xb2] = load_pointer,
	[0xb4 ... 0xb5] = load_pointer,
};

static translator find_translator(u16 opcode)
{
	translator found = NULL;

	if (opcode < OPCODE_0F)
		found = one_byte[opcode];
	else if ((opcode & 0xff00) == OPCODE_0F)
		found = two_byte[opcode & 0xff];
	return found ? found : copy;
}

/* The real GS is not the guest's, and the real CS has base 0. */
static bool names_other_segment(const struct translation *t)
{
	if (!t->insn.seg_override)
		return false;
	return t->insn.seg == GS || (t->insn.seg == CS && t->from->linear != t->from->eip);
}

bool xlate_is_plain(const struct insn *insn)
{
	translator translate = find_translator(insn->opcode);

	/* INC, DEC and PUSH of group 5. */
	return translate == copy || (translate == group_5 && (insn->reg < 2 || insn->reg == 6));
}

static void translate_one(struct translation *t, enum flow *flow)
{
	translator translate = find_translator(t->insn.opcode);

	/* On a branch the prefix is a hint, or nothing. */
	if (names_other_segment(t) && (translate == copy || t->insn.has_memory))
		translate = trap;
	*flow = translate(t);
}

/* --- the block --- */

/* Reads and decodes the instruction at t->eip; false if that cannot be done, or not here. */
static bool decode(struct translation *t)
{
	const struct xlate_source *s = t->from;
	u32 offset = t->eip - s->eip;
	unsigned here, there;

	if (offset >= s->bytes || t->eip > s->limit)
		return false;
	here = MIN(s->bytes - offset, (u32)INSN_MAX);
	there = MIN(s->next_bytes, INSN_MAX - here);
	t->bytes = s->code + offset;
	if (there) {
		memcpy(t->crossing, t->bytes, here);
		memcpy(t->crossing + here, s->next, there);
		t->bytes = t->crossing;
	}
	if (insn_decode(&t->insn, t->bytes, here + there, 4) != DECODE_OK)
		return false;
	t->next = t->eip + t->insn.length;
	return t->next - 1 <= s->limit;
}

/* Puts a HLT behind the block for each exit that needs one. */
static void place_halts(struct translation *t, u8 *start, u32 start_address)
{
	for (unsigned i = 0; i < t->block->exits; i++) {
		struct xlate_exit *exit = &t->block->exit[i];
		struct emitter patch = {start + (exit->patch - start_address), exit->patch};

		exit->halt = t->out.address;
		emit_displacement(&patch, exit->halt);
		emit_hlt(&t->out);
	}
}

/*
 * STI covers the next instruction. If the block ends here, nobody knows that any more where the next
 * one begins: so it traps, and the engine sees to it.
 */
static void end_behind_sti(struct translation *t, const struct emitter *before)
{
	t->out = *before;
	emit_hlt(&t->out);
	t->block->map[t->block->count - 1].host = 1;
}

bool translate_block(struct xlate_block *b, const struct xlate_source *from, struct emitter *out)
{
	struct translation t = {.out = *out, .from = from, .block = b, .eip = from->eip};
	unsigned most = from->most ? from->most : XLATE_BLOCK_MOST;
	struct emitter before = *out;
	enum flow flow = FLOW_ON;

	b->host = t.out.address;
	while (flow == FLOW_ON && b->count < most && decode(&t)) {
		u8 covered = t.covers ? XLATE_COVERED : 0;

		before = t.out;
		t.covers = false;
		translate_one(&t, &flow);
		b->map[b->count++] =
			(struct xlate_map){t.insn.length | covered, t.out.address - before.address};
		t.eip = t.next;
	}
	if (t.covers)
		end_behind_sti(&t, &before);
	if (flow == FLOW_ON)
		exit_jump(&t, t.eip);
	place_halts(&t, out->at, out->address);
	b->guest_bytes = t.eip - from->eip;
	b->end = t.out.address;
	*out = t.out;
	return b->count > 0;
}
