/*
 * The instruction decoder. It goes along an instruction as the manual draws one (SDM 2A figure
 * 2-1), a function a box:
 *
 *   +----------+--------+-------+-----+--------------+-----------+
 *   | prefixes | opcode | ModRM | SIB | displacement | immediate |
 *   +----------+--------+-------+-----+--------------+-----------+
 *     0 or more  1 to 3   0, 1   0, 1   0, 1, 2 or 4   0 to 6        bytes, and 15 in all
 *
 * Which boxes are there is said by the prefixes before them and by the opcode's cell
 * (cpu/opcodes.h). No step fails: what lies beyond the end reads as zero, and insn_decode() looks
 * at the end whether the instruction went past it.
 */
#include "cpu/insn.h"
#include "cpu/opcodes.h"

struct stream {
	const u8 *bytes;
	unsigned at, end;
};

/* The next 1, 2 or 4 bytes, low byte first. */
static inline u32 fetch(struct stream *s, unsigned size)
{
	const u8 *p = s->bytes + s->at;

	s->at += size;
	if (s->at > s->end)
		return 0;
	if (size == 1)
		return p[0];
	if (size == 2)
		return p[0] | p[1] << 8;
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

/*
 * Returns the byte after the prefixes. Of a group's prefixes the last one counts (what processors
 * do; SDM 2A 2.1.1 says one).
 */
static u8 decode_prefixes(struct insn *insn, struct stream *s, unsigned size)
{
	u8 byte = fetch(s, 1);

	for (; opcode_map[byte] & CELL_PREFIX; byte = fetch(s, 1)) {
		switch (byte) {
		case 0x66:
			insn->op_size = 6 - size; /* the other one of 2 and 4 */
			break;
		case 0x67:
			insn->addr_size = 6 - size;
			break;
		case 0xf0:
			insn->lock = true;
			break;
		case 0xf2:
			insn->rep = REP_NE;
			break;
		case 0xf3:
			insn->rep = REP_E;
			break;
		case 0x64:
		case 0x65: /* FS, GS */
			insn->seg = byte - 0x64 + FS;
			insn->seg_override = true;
			break;
		default: /* 26, 2E, 36, 3E: ES, CS, SS, DS */
			insn->seg = byte >> 3 & 3;
			insn->seg_override = true;
		}
	}
	return byte;
}

/* Returns the opcode's cell; `byte` is its first byte. */
static u32 decode_opcode(struct insn *insn, struct stream *s, u8 byte)
{
	insn->opcode = byte;
	if (byte != 0x0f)
		return opcode_map[byte];
	byte = fetch(s, 1);
	if (byte == 0x38) {
		byte = fetch(s, 1);
		insn->opcode = OPCODE_0F38 | byte;
		return opcode_map_0f38[byte];
	}
	if (byte == 0x3a) {
		byte = fetch(s, 1);
		insn->opcode = OPCODE_0F3A | byte;
		return opcode_map_0f3a[byte];
	}
	insn->opcode = OPCODE_0F | byte;
	return opcode_map_0f[byte];
}

/* Returns the cell, which for a group only ModRM completes. */
static u32 decode_modrm(struct insn *insn, struct stream *s, u32 cell)
{
	u8 modrm = fetch(s, 1);

	insn->has_modrm = true;
	insn->mod = modrm >> 6;
	insn->reg = modrm >> 3 & 7;
	insn->rm = modrm & 7;
	if (cell & CELL_GROUP)
		cell = opcode_group[CELL_INDEX(cell)][(insn->mod == 3) * 8 + insn->reg] |
		       (cell & CELL_IMMEDIATE);
	insn->has_memory = insn->mod != 3 && !(cell & CELL_REGISTER);
	return cell;
}

/*
 * 16-bit addresses (SDM 2A table 2-1): a fixed choice of registers; rm 6 without displacement is a
 * 16-bit offset alone.
 */
static void decode_memory16(struct insn *insn, struct stream *s)
{
	static const u8 base[8] = {EBX, EBX, EBP, EBP, ESI, EDI, EBP, EBX};
	static const u8 index[8] = {ESI, EDI, ESI, EDI, NO_REG, NO_REG, NO_REG, NO_REG};

	insn->base = base[insn->rm];
	insn->index = index[insn->rm];
	if (insn->mod == 0 && insn->rm == 6) {
		insn->base = NO_REG;
		insn->disp = (s16)fetch(s, 2);
	} else if (insn->mod == 1) {
		insn->disp = (s8)fetch(s, 1);
	} else if (insn->mod == 2) {
		insn->disp = (s16)fetch(s, 2);
	}
}

/*
 * 32-bit addresses (SDM 2A tables 2-2 and 2-3): rm 4 asks for a SIB byte; base 5 without
 * displacement is an offset alone.
 */
static void decode_memory32(struct insn *insn, struct stream *s)
{
	insn->base = insn->rm;
	if (insn->rm == ESP) {
		u8 sib = fetch(s, 1);

		insn->scale = sib >> 6;
		insn->index = (sib >> 3 & 7) == ESP ? NO_REG : sib >> 3 & 7;
		insn->base = sib & 7;
	}
	if (insn->mod == 0 && insn->base == EBP) {
		insn->base = NO_REG;
		insn->disp = fetch(s, 4);
	} else if (insn->mod == 1) {
		insn->disp = (s8)fetch(s, 1);
	} else if (insn->mod == 2) {
		insn->disp = fetch(s, 4);
	}
}

static void decode_memory(struct insn *insn, struct stream *s)
{
	if (insn->addr_size == 4)
		decode_memory32(insn, s);
	else
		decode_memory16(insn, s);
	/* What is addressed by a stack register lies in the stack segment (SDM 1 table 3-5). */
	if (!insn->seg_override && (insn->base == ESP || insn->base == EBP))
		insn->seg = SS;
}

static void decode_immediate(struct insn *insn, struct stream *s, enum immediate kind)
{
	switch (kind) {
	case IMM_NONE:
		break;
	case IMM_BYTE:
		insn->imm = fetch(s, 1);
		break;
	case IMM_SIGNED:
		insn->imm = (s8)fetch(s, 1);
		break;
	case IMM_WORD:
		insn->imm = fetch(s, 2);
		break;
	case IMM_SIZE:
		insn->imm = fetch(s, insn->op_size);
		break;
	case IMM_BRANCH:
		insn->imm = insn->op_size == 4 ? fetch(s, 4) : (u32)(s16)fetch(s, 2);
		break;
	case IMM_FAR:
		insn->imm = fetch(s, insn->op_size);
		insn->imm2 = fetch(s, 2);
		break;
	case IMM_ENTER:
		insn->imm = fetch(s, 2);
		insn->imm2 = fetch(s, 1);
		break;
	case IMM_OFFSET:
		insn->has_memory = true;
		insn->disp = fetch(s, insn->addr_size);
		break;
	}
}

/*
 * Whether the processor knows what was decoded. C4, C5 and 62 with a register operand are invalid
 * here: a processor with AVX would find a VEX or EVEX prefix in them, and so is XOP in 8F /1 to /7.
 * The virtual CPU has none of these, and #UD is right.
 */
static bool is_defined(const struct insn *insn, u32 cell, enum mandatory prefix)
{
	if (!(cell & CELL_DEFINED) || cell & (insn->has_memory ? CELL_NO_MEMORY : CELL_NO_REGISTER))
		return false;
	if (insn->lock && !(cell & CELL_LOCK && insn->has_memory)) /* SDM 2A LOCK */
		return false;
	if (cell & CELL_BY_RM && !(CELL_INDEX(cell) >> insn->rm & 1))
		return false;
	return !CELL_PREFIXES(cell) || CELL_PREFIXES(cell) >> prefix & 1;
}

static enum mandatory mandatory_prefix(const struct insn *insn, unsigned size)
{
	if (insn->rep != REP_NONE)
		return insn->rep == REP_E ? MANDATORY_F3 : MANDATORY_F2;
	return insn->op_size != size ? MANDATORY_66 : MANDATORY_NONE;
}

enum decode_status insn_decode(struct insn *insn, const u8 *bytes, unsigned count, unsigned size)
{
	struct stream s = {.bytes = bytes, .end = MIN(count, INSN_MAX)};
	enum mandatory prefix;
	u32 cell;

	*insn = (struct insn){
		.op_size = size, .addr_size = size, .seg = DS, .base = NO_REG, .index = NO_REG};
	cell = decode_opcode(insn, &s, decode_prefixes(insn, &s, size));
	prefix = mandatory_prefix(insn, size);
	if (cell & CELL_BY_PREFIX)
		cell = opcode_by_prefix[CELL_INDEX(cell)][prefix];
	if (cell & CELL_MODRM)
		cell = decode_modrm(insn, &s, cell);
	if (cell & CELL_MODRM && insn->has_memory)
		decode_memory(insn, &s);
	decode_immediate(insn, &s, cell & CELL_IMMEDIATE);
	insn->length = s.at;
	if (s.at > s.end)
		return count < INSN_MAX ? DECODE_SHORT : DECODE_TOO_LONG;
	return is_defined(insn, cell, prefix) ? DECODE_OK : DECODE_INVALID;
}
