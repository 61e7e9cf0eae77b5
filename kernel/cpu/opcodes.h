/*
 * The opcode maps: what follows an opcode, and what makes it undefined. One cell an opcode; the
 * cells are in opcodes.c. Source: SDM 2D appendix A.
 */
#pragma once

#include "base/types.h"

/*
 * A cell. All zeros: no instruction has this opcode.
 *
 *   27       20 19      16 15 14 13                   4 3         0
 *  +-----------+----------+-----+----------------------+-----------+
 *  |   index   | prefixes |     |        flags         | immediate |
 *  +-----------+----------+-----+----------------------+-----------+
 *
 * prefixes: the mandatory prefixes that make an instruction, a set of 1 << enum mandatory; the
 *           empty set: they do not matter.
 * index:    of a row in opcode_group or opcode_by_prefix, which has the cell that counts; or, for
 *           CELL_BY_RM, the set of the values of ModRM.rm that are defined.
 */
#define CELL_IMMEDIATE      0x0000000fu /* enum immediate */
#define CELL_MODRM          (1u << 4)
#define CELL_NO_MEMORY      (1u << 5)  /* undefined where ModRM names memory */
#define CELL_NO_REGISTER    (1u << 6)  /* undefined where ModRM names a register */
#define CELL_REGISTER       (1u << 7)  /* ModRM names a register whatever its mod says */
#define CELL_LOCK           (1u << 8)  /* LOCK is allowed where the destination is memory */
#define CELL_PREFIX         (1u << 9)  /* not an opcode at all */
#define CELL_GROUP          (1u << 10) /* ModRM.reg is part of the opcode */
#define CELL_BY_PREFIX      (1u << 11) /* the mandatory prefix is part of the opcode */
#define CELL_BY_RM          (1u << 12) /* ModRM.rm is part of the opcode */
#define CELL_DEFINED        (1u << 13)
#define CELL_PREFIXES(cell) ((cell) >> 16 & 0xf)
#define CELL_INDEX(cell)    ((cell) >> 20 & 0xff)

/* The bytes after opcode, ModRM, SIB and displacement. */
enum immediate {
	IMM_NONE,
	IMM_BYTE,   /* one byte */
	IMM_SIGNED, /* one byte, sign-extended; also a short branch's displacement */
	IMM_WORD,   /* two bytes, whatever the operand size */
	IMM_SIZE,   /* as many bytes as the operand has */
	IMM_BRANCH, /* the same, sign-extended: a near branch's displacement */
	IMM_FAR,    /* an offset of operand size, then a selector */
	IMM_ENTER,  /* ENTER's: two bytes, then one more */
	IMM_OFFSET, /* a memory operand without ModRM: an offset of address size */
};

/* What selects among the instructions of one opcode; F3 and F2 win over 66 (SDM 2A 2.1.2). */
enum mandatory { MANDATORY_NONE, MANDATORY_66, MANDATORY_F3, MANDATORY_F2, MANDATORY_COUNT };

extern const u32 opcode_map[256];
extern const u32 opcode_map_0f[256];
extern const u32 opcode_map_0f38[256];
extern const u32 opcode_map_0f3a[256];

/* A group's row: /0 to /7 where ModRM names memory, then /0 to /7 where it names a register. */
extern const u32 opcode_group[][16];

/* By enum mandatory. */
extern const u32 opcode_by_prefix[][MANDATORY_COUNT];
