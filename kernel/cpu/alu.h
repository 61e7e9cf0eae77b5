/*
 * Arithmetic and logic with flags: pure functions of their operands. Source: SDM 1 3.4.3.1, and
 * each instruction's page in SDM 2.
 *
 * Operands are zero-extended, `size` is 1, 2 or 4 bytes, results are cut to it. `flags` is EFLAGS:
 * the status flags that the manual defines are set there, those that it leaves undefined may keep
 * their values, all other bits do.
 */
#pragma once

#include "base/types.h"

/* Numbered as bits 5:3 of the opcode, and ModRM.reg of group 1 (SDM 2D table A-6). */
enum alu_op { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/* Numbered as ModRM.reg of group 2. SAL (6) is the undocumented twin of SHL. */
enum shift_op {
	SHIFT_ROL,
	SHIFT_ROR,
	SHIFT_RCL,
	SHIFT_RCR,
	SHIFT_SHL,
	SHIFT_SHR,
	SHIFT_SAL,
	SHIFT_SAR
};

/* Numbered as bits 4:3 of the opcode, and the low bits of ModRM.reg of group 8. */
enum bit_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

static inline u32 alu_mask(unsigned size)
{
	return 0xffffffff >> (32 - 8 * size);
}

static inline u32 alu_sign_bit(unsigned size)
{
	return 1u << (8 * size - 1);
}

static inline u32 alu_sign_extend(u32 value, unsigned size)
{
	return (value ^ alu_sign_bit(size)) - alu_sign_bit(size);
}

/* The parts that results share: one flag; SF, ZF and PF, which follow from any result. */
static inline void alu_set_flag(u32 *flags, u32 flag, bool on)
{
	*flags = on ? *flags | flag : *flags & ~flag;
}
void alu_result_flags(u32 *flags, unsigned size, u32 result);

/* CMP gives the difference, for its flags. */
u32 alu_binary(enum alu_op, u32 *flags, unsigned size, u32 a, u32 b);
u32 alu_inc(u32 *flags, unsigned size, u32 a);
u32 alu_dec(u32 *flags, unsigned size, u32 a);
u32 alu_neg(u32 *flags, unsigned size, u32 a);

u32 alu_shift(enum shift_op, u32 *flags, unsigned size, u32 a, unsigned count);
/* SHLD and SHRD: `fill` supplies the bits that move in. */
u32 alu_shift_double(bool left, u32 *flags, unsigned size, u32 a, u32 fill, unsigned count);

/* `bit` counts from bit 0 of `a`, modulo the operand's bits. */
u32 alu_bit(enum bit_op, u32 *flags, unsigned size, u32 a, unsigned bit);
/* BSF (lowest set bit) or BSR (highest). False, and *index untouched, if there is none. */
bool alu_scan(bool reverse, u32 *flags, u32 a, u32 *index);

/* The double-length product or dividend is in *high and *low, each `size` bytes. */
void alu_mul(u32 *flags, unsigned size, u32 a, u32 b, u32 *high, u32 *low);
void alu_imul(u32 *flags, unsigned size, u32 a, u32 b, u32 *high, u32 *low);
/* False for #DE: the divisor is zero or the quotient does not fit. The flags are all undefined. */
bool alu_div(unsigned size, u32 divisor, u32 *high, u32 *low);
bool alu_idiv(unsigned size, u32 divisor, u32 *high, u32 *low);

/*
 * Decimal adjustments of AX: packed after addition or subtraction, unpacked. AAM is false for #DE.
 */
u16 alu_daa(u32 *flags, u16 ax);
u16 alu_das(u32 *flags, u16 ax);
u16 alu_aaa(u32 *flags, u16 ax);
u16 alu_aas(u32 *flags, u16 ax);
u16 alu_aad(u32 *flags, u16 ax, u8 radix);
bool alu_aam(u32 *flags, u16 *ax, u8 radix);

/* Whether condition `cc`, the low four bits of Jcc, SETcc and CMOVcc, holds (SDM 1 appendix B). */
bool alu_condition(u32 flags, unsigned cc);
