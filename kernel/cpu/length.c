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

/* ModRM of an operand in memory with SIB and displacement (SDM 2A tables 2-2 and 2-3). */
static inline unsigned memory_bytes(const u8 *modrm)
{
	static const u8 bytes[3][8] = {
		{1, 1, 1, 1, 2, 5, 1, 1},
		{2, 2, 2, 2, 3, 2, 2, 2},
		{5, 5, 5, 5, 6, 5, 5, 5},
	};
	bool offset_only = (modrm[0] & 0xc7) == 0x04 && (modrm[1] & 7) == 5;

	return offset_only ? 6 : bytes[modrm[0] >> 6][modrm[0] & 7];
}

/* The immediate, by enum immediate. */
static const u8 immediate_bytes[] = {
	[IMM_BYTE] = 1,
	[IMM_SIGNED] = 1,
	[IMM_WORD] = 2,
	[IMM_SIZE] = 4,
	[IMM_BRANCH] = 4,
	[IMM_FAR] = 6,
	[IMM_ENTER] = 3,
	[IMM_OFFSET] = 4,
};

/* The cell of the group's row that ModRM names. */
static inline u32 complete(u32 cell, u8 modrm)
{
	unsigned row = (modrm >= 0xc0) * 8 + (modrm >> 3 & 7);

	return opcode_group[CELL_INDEX(cell)][row] | (cell & CELL_IMMEDIATE);
}

unsigned insn_plain_length(const u8 *bytes)
{
	const u32 depends = CELL_PREFIX | CELL_BY_PREFIX | CELL_BY_RM | CELL_REGISTER;
	const u8 *at = bytes;
	u32 cell = opcode_map[*at++];

	if (bytes[0] == 0x0f)
		cell = opcode_map_0f[*at++];
	if (cell & CELL_MODRM) {
		bool has_memory = *at < 0xc0;

		if (cell & CELL_GROUP)
			cell = complete(cell, *at);
		if (cell & (has_memory ? CELL_NO_MEMORY : CELL_NO_REGISTER))
			return 0;
		at += has_memory ? memory_bytes(at) : 1;
	}
	if ((cell & (CELL_DEFINED | depends)) != CELL_DEFINED || CELL_PREFIXES(cell))
		return 0;
	return at - bytes + immediate_bytes[cell & CELL_IMMEDIATE];
}
