/*
 * How long an instruction is, where nothing else need be known of it. Only the most common kind is
 * measured, and from the same cells (cpu/opcodes.h) that insn_decode() uses, in a fifth of its time:
 *
 *   +--------+-------+-----+--------------+-----------+
 *   | opcode | ModRM | SIB | displacement | immediate |      no prefix, and always defined
 *   +--------+-------+-----+--------------+-----------+
 */
#include "cpu/insn.h"
#include "cpu/opcodes.h"

/* ModRM, SIB and displacement with 32-bit addresses, by mod and rm (SDM 2A table 2-2). */
static inline unsigned operand_bytes(const u8 *modrm)
{
	static const u8 bytes[4][8] = {
		{1, 1, 1, 1, 2, 5, 1, 1},
		{2, 2, 2, 2, 3, 2, 2, 2},
		{5, 5, 5, 5, 6, 5, 5, 5},
		{1, 1, 1, 1, 1, 1, 1, 1},
	};

	/* Mod 0 with SIB: base 5 is a displacement of 32 bits (table 2-3). */
	if ((modrm[0] & 0xc7) == 0x04 && (modrm[1] & 7) == 5)
		return 6;
	return bytes[modrm[0] >> 6][modrm[0] & 7];
}

/* The cell of ModRM's own row, or the one that all rows share. */
static inline u32 complete(u32 cell, u8 modrm)
{
	unsigned row = (modrm >> 6 == 3) * 8 + (modrm >> 3 & 7);

	if (cell & CELL_GROUP)
		return opcode_group[CELL_INDEX(cell)][row] | (cell & CELL_IMMEDIATE);
	return cell;
}

/* Whether these cells say that there is an instruction, whatever its prefixes and ModRM.rm are. */
static inline bool is_always_defined(u32 cell)
{
	const u32 depends = CELL_PREFIX | CELL_BY_PREFIX | CELL_BY_RM | CELL_REGISTER;

	return (cell & (CELL_DEFINED | depends)) == CELL_DEFINED && !CELL_PREFIXES(cell);
}

unsigned insn_plain_length(const u8 *bytes)
{
	static const u8 immediate[] = {
		[IMM_BYTE] = 1,
		[IMM_SIGNED] = 1,
		[IMM_WORD] = 2,
		[IMM_SIZE] = 4,
		[IMM_BRANCH] = 4,
		[IMM_FAR] = 6,
		[IMM_ENTER] = 3,
		[IMM_OFFSET] = 4,
	};
	u32 cell = opcode_map[bytes[0]];
	unsigned at = 1;

	if (bytes[0] == 0x0f)
		cell = opcode_map_0f[bytes[at++]];
	if (cell & CELL_MODRM) {
		u8 modrm = bytes[at];

		if (cell & CELL_BY_PREFIX)
			return 0; /* and not of a group: the index is of another table */
		cell = complete(cell, modrm);
		if (cell & (modrm >> 6 == 3 ? CELL_NO_REGISTER : CELL_NO_MEMORY))
			return 0;
		at += operand_bytes(bytes + at);
	}
	return is_always_defined(cell) ? at + immediate[cell & CELL_IMMEDIATE] : 0;
}
