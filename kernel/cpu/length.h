/*
 * How long an instruction is, where nothing else need be known of it. Only the most common kind is
 * measured, and from the same cells that insn_decode() uses, in a fifth of its time:
 *
 *   +--------+-------+-----+--------------+-----------+
 *   | opcode | ModRM | SIB | displacement | immediate |      no prefix, and always defined
 *   +--------+-------+-----+--------------+-----------+
 */
#pragma once

#include "cpu/insn.h"
#include "cpu/opcodes.h"

/* Of ModRM, SIB and displacement, by ModRM (SDM 2A table 2-2); and of the immediate, by its kind. */
extern const u8 length_modrm[256];
extern const u8 length_immediate[CELL_IMMEDIATE + 1];

static inline unsigned length_operand(const u8 *modrm)
{
	/* Mod 0 with SIB: base 5 is a displacement of 32 bits (table 2-3). */
	if ((modrm[0] & 0xc7) == 0x04 && (modrm[1] & 7) == 5)
		return 6;
	return length_modrm[modrm[0]];
}

/* What insn_plain_length() knows, beside the opcodes that it sees at a glance. */
unsigned length_at_second_look(const u8 *bytes);

/*
 * The length of the instruction at `bytes`, of which INSN_MAX are there, in a 32-bit code segment. 0 if
 * it has a prefix, or if a closer look is needed to tell whether it is defined: insn_decode() knows.
 */
static inline unsigned insn_plain_length(const u8 *bytes)
{
	u32 cell = opcode_map[bytes[0]];
	unsigned length = 1 + length_immediate[cell & CELL_IMMEDIATE];

	if ((cell & ~(CELL_IMMEDIATE | CELL_MODRM | CELL_LOCK)) != CELL_DEFINED)
		return length_at_second_look(bytes);
	return cell & CELL_MODRM ? length + length_operand(bytes + 1) : length;
}
