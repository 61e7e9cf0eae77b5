/*
 * One block: what each of the guest's instructions becomes. Most are copied. Of the others,
 *
 *   - what only virtual ring 0 may do, and what shows or loads what the real processor does not
 *     have, is a HLT, which traps: the engine emulates the guest's instruction and comes back
 *     behind it;
 *   - the few sensitive instructions that kernels use all the time are done in place;
 *   - a write to a port that nobody listens at is nothing;
 *   - control transfers go to other blocks.
 */
#include "xlate/translation.h"

#include "base/string.h"
#include "cpu/length.h"

typedef enum flow (*translator)(struct translation *);

/* MOV r32, CRn: a page-fault handler reads CR2 first of all. CR1 and 5 to 7 do not decode. */
static enum flow read_control(struct translation *t)
{
	emit_state(&t->out, 0x8b, t->insn.rm, STATE(cr) + t->insn.reg * sizeof(u32));
	return FLOW_ON;
}

/*
 * Group 9. QEMU (7.2) gets the flags of CMPXCHG8B wrong, TF and DF among them, where it translates it
 * together with the instruction that set the flags before. A jump parts them.
 */
static enum flow compare_exchange(struct translation *t)
{
	emit_short(&t->out, 0xeb);
	return translate_copy(t);
}

/* The opcode map, one byte (SDM 2D table A-2). What is empty is copied. */
static const translator one_byte[256] = {
	[0x06] = translate_push_segment,
	[0x07] = translate_pop_segment,
	[0x0e] = translate_push_segment,
	[0x16] = translate_push_segment,
	[0x17] = translate_pop_segment,
	[0x1e] = translate_push_segment,
	[0x1f] = translate_pop_segment,
	[0x6c ... 0x6f] = translate_trap, /* INS OUTS */
	[0x70 ... 0x7f] = translate_jump_if,
	[0x8c] = translate_read_segment,
	[0x8e] = translate_load_segment,
	[0x9a] = translate_trap_and_end, /* CALL far */
	[0x9c] = translate_pushf,
	[0x9d] = translate_popf,
	[0xc2 ... 0xc3] = translate_ret,
	[0xc4 ... 0xc5] = translate_trap,         /* LES LDS */
	[0xca ... 0xcb] = translate_trap_and_end, /* RETF */
	[0xcc ... 0xce] = translate_trap,         /* INT3 INT INTO */
	[0xcf] = translate_trap_and_end,          /* IRET */
	[0xe0 ... 0xe3] = translate_loop,
	[0xe4 ... 0xe5] = translate_trap, /* IN */
	[0xe6] = translate_out_immediate,
	[0xe7] = translate_trap, /* OUT */
	[0xe8] = translate_call,
	[0xe9] = translate_jump,
	[0xea] = translate_trap_and_end, /* JMP far */
	[0xeb] = translate_jump,
	[0xec ... 0xef] = translate_trap, /* IN OUT */
	[0xf1] = translate_trap,          /* INT1 */
	[0xf4] = translate_trap,          /* HLT */
	[0xfa] = translate_cli,
	[0xfb] = translate_sti,
	[0xff] = translate_group_5,
};

/* The opcode map, 0F xx (SDM 2D table A-3). */
static const translator two_byte[256] = {
	[0x00] = translate_group_6,
	[0x01] = translate_trap,          /* SGDT SIDT LGDT LIDT SMSW LMSW INVLPG, SVM */
	[0x02 ... 0x03] = translate_trap, /* LAR LSL */
	[0x05 ... 0x09] = translate_trap, /* SYSCALL CLTS SYSRET INVD WBINVD */
	[0x20] = read_control,
	[0x21 ... 0x23] = translate_trap, /* MOV CR, MOV DR */
	[0x30] = translate_trap,          /* WRMSR */
	[0x31] = translate_rdtsc,
	[0x32 ... 0x35] = translate_trap, /* RDMSR RDPMC SYSENTER SYSEXIT */
	[0x80 ... 0x8f] = translate_jump_if,
	[0xa0] = translate_push_segment,
	[0xa1] = translate_pop_segment,
	[0xa2] = translate_trap, /* CPUID */
	[0xa8] = translate_push_segment,
	[0xa9] = translate_pop_segment,
	[0xaa] = translate_trap,          /* RSM */
	[0xb2] = translate_trap,          /* LSS */
	[0xb4 ... 0xb5] = translate_trap, /* LFS LGS */
	[0xc7] = compare_exchange,
};

static translator find_translator(u16 opcode)
{
	translator found = NULL;

	if ((opcode & 0xff00) == OPCODE_0F)
		found = two_byte[opcode & 0xff];
	else if (opcode < ARRAY_SIZE(one_byte))
		found = one_byte[opcode];
	return found ? found : translate_copy;
}

/* The same for an instruction without prefixes, by its bytes. */
static inline bool is_copied(const u8 *bytes)
{
	return bytes[0] == 0x0f ? !two_byte[bytes[1]] : !one_byte[bytes[0]];
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

	/* PAUSE: QEMU raises no single-step trap behind it, and whoever steps with TF would lose the guest. */
	if (insn->opcode == 0x90 && insn->rep == REP_E)
		return false;
	/* INC, DEC and PUSH of group 5. */
	return translate == translate_copy || translate == compare_exchange ||
	       (translate == translate_group_5 && (insn->reg < 2 || insn->reg == 6));
}

static void translate_one(struct translation *t, enum flow *flow)
{
	translator translate = find_translator(t->insn.opcode);

	/* On a branch the prefix is a hint, or nothing. */
	if (names_other_segment(t) && (translate == translate_copy || t->insn.has_memory))
		translate = translate_trap;
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

/*
 * The longest instruction without prefixes: opcode 2, ModRM 1, SIB 1, displacement 4, immediate 4. So many
 * bytes are copied of each, which is faster than to stop where it ends.
 */
#define COPIED 12u

/* How many of the source's bytes may begin such a copy, and lie within the limit. */
static u32 bytes_to_copy(const struct xlate_source *s)
{
	u32 bytes = s->eip <= s->limit ? MIN(s->bytes, s->limit - s->eip) : 0;

	return bytes > COPIED ? bytes - COPIED : 0;
}

/*
 * Copies instructions up to one that needs a closer look. Six of seven are of this kind in a kernel, so
 * that this loop is most of what a translation costs.
 */
static void copy_plain(struct translation *t, unsigned most)
{
	const struct xlate_source *s = t->from;
	const u8 *from = s->code + (t->eip - s->eip), *start = from;
	const u8 *end = s->code + bytes_to_copy(s);
	struct xlate_map *map = t->block->map + t->block->count;
	struct xlate_map *map_end = t->block->map + most;
	u8 *to = t->out.at;

	while (from < end && map < map_end && is_copied(from)) {
		u8 length = insn_plain_length(from);

		if (!length)
			break;
		__builtin_memcpy(to, from, COPIED);
		*map++ = (struct xlate_map){length, length};
		from += length;
		to += length;
	}
	t->block->count = map - t->block->map;
	t->eip += from - start;
	t->out.address += from - start;
	t->out.at = to;
}

/* Puts a HLT behind the block for each exit that needs one. */
static void place_halts(struct translation *t, u8 *start, u32 start_address)
{
	t->block->halts = t->out.address;
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
	while (flow == FLOW_ON) {
		u8 covered = t.covers ? XLATE_COVERED : 0;

		if (!covered)
			copy_plain(&t, most);
		if (b->count == most || !decode(&t))
			break;
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
		translate_exit(&t, t.eip);
	place_halts(&t, out->at, out->address);
	b->guest_bytes = t.eip - from->eip;
	b->end = t.out.address;
	*out = t.out;
	return b->count > 0;
}
