/* A decoded instruction. Source: SDM 2A chapter 2 (format), SDM 2D appendix A (opcode maps). */
#pragma once

#include "base/types.h"
#include "x86/regs.h"

#define INSN_MAX 15 /* bytes; a longer one is #GP(0) (SDM 3A 6.15) */

/* Two-byte opcodes are written 0x0fxx, three-byte ones 0x38xx and 0x3axx. */
#define OPCODE_0F   0x0f00
#define OPCODE_0F38 0x3800
#define OPCODE_0F3A 0x3a00

enum rep { REP_NONE, REP_E /* F3 */, REP_NE /* F2 */ };

/* A register number that stands for "none" in a memory operand. */
#define NO_REG 0xff

/*
 * A memory operand's address is cut to addr_size. String instructions and XLAT have no memory
 * operand in this sense: `seg` is their source's segment, DS or the override; their destination is
 * ES:[EDI] always.
 */
struct insn {
	u8 length;    /* bytes, prefixes included */
	u16 opcode;   /* 0x00-0xff, or one of the maps above */
	u8 op_size;   /* operand size: 2 or 4 (byte opcodes do not change it) */
	u8 addr_size; /* address size: 2 or 4 */
	u8 seg;       /* enum sreg: the memory operand's segment, override or default */
	bool seg_override;
	enum rep rep;
	bool lock; /* only where the architecture allows it; elsewhere LOCK is DECODE_INVALID */

	bool has_modrm;
	u8 mod, reg, rm;
	bool has_memory; /* an operand lies at seg:[base + (index << scale) + disp] */
	u8 base, index;  /* enum gpr or NO_REG */
	u8 scale;
	s32 disp; /* sign-extended; MOV AL/eAX, moffs (A0-A3) has only this, no ModRM */

	/*
	 * Immediate, sign-extended where the instruction does; the displacement of a near branch,
	 * sign-extended; the offset of a far pointer.
	 */
	u32 imm;
	u16 imm2; /* selector of a far pointer; second immediate of ENTER */
};

enum decode_status {
	DECODE_OK,
	DECODE_SHORT,   /* the bytes end before the instruction does */
	DECODE_INVALID, /* undefined: #UD */
	DECODE_TOO_LONG /* more than 15 bytes: #GP(0) */
};

/*
 * Decodes the instruction at `bytes`, of which `count` are there; never reads beyond them. `size`
 * is the code segment's default operand and address size: 2 or 4. Only with DECODE_OK does `insn`
 * describe an instruction. Whether the processor has the feature (MMX, say), and faults that depend
 * on registers or privilege, are not looked at.
 */
enum decode_status insn_decode(struct insn *, const u8 *bytes, unsigned count, unsigned size);
