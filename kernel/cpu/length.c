/* The lengths of parts of instructions, and of instructions with opcodes of two bytes and of groups. */
#include "cpu/length.h"

/* One value of mod, with each value of reg. */
#define ROWS(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
#define MOD(...)  ROWS(__VA_ARGS__), ROWS(__VA_ARGS__)

/* clang-format off */
const u8 length_modrm[256] = {
	MOD(1, 1, 1, 1, 2, 5, 1, 1),
	MOD(2, 2, 2, 2, 3, 2, 2, 2),
	MOD(5, 5, 5, 5, 6, 5, 5, 5),
	MOD(1, 1, 1, 1, 1, 1, 1, 1),
};
/* clang-format on */

const u8 length_immediate[CELL_IMMEDIATE + 1] = {
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

unsigned length_at_second_look(const u8 *bytes)
{
	const u32 depends = CELL_PREFIX | CELL_BY_PREFIX | CELL_BY_RM | CELL_REGISTER;
	const u8 *at = bytes;
	u32 cell = opcode_map[*at++];

	if (bytes[0] == 0x0f)
		cell = opcode_map_0f[*at++];
	if (cell & CELL_MODRM) {
		if (cell & CELL_GROUP)
			cell = complete(cell, *at);
		if (cell & (*at < 0xc0 ? CELL_NO_MEMORY : CELL_NO_REGISTER))
			return 0;
		at += length_operand(at);
	}
	if ((cell & (CELL_DEFINED | depends)) != CELL_DEFINED || CELL_PREFIXES(cell))
		return 0;
	return at - bytes + length_immediate[cell & CELL_IMMEDIATE];
}
