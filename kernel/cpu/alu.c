/* Addition, logic, bits and conditions, with their flags. */
#include "cpu/alu.h"

#include "x86/regs.h"

/* PF looks at the low byte alone: an even number of ones. */
void alu_result_flags(u32 *flags, unsigned size, u32 result)
{
	u32 nibble = (result ^ result >> 4) & 0xf;

	alu_set_flag(flags, EFLAGS_SF, result & alu_sign_bit(size));
	alu_set_flag(flags, EFLAGS_ZF, result == 0);
	alu_set_flag(
		flags, EFLAGS_PF, 0x9669 >> nibble & 1); /* bit n: n has an even number of ones */
}

/*
 * A bit position carries if both operands have the bit, or one has and the sum has lost it. The
 * carry out of bit 3 is AF, that out of the highest bit is CF; OF says that the sign came out
 * wrong: two operands of one sign, a sum of the other.
 */
static u32 add(u32 *flags, unsigned size, u32 a, u32 b, bool carry)
{
	u32 sum = (a + b + carry) & alu_mask(size);
	u32 carries = (a & b) | ((a | b) & ~sum);

	alu_result_flags(flags, size, sum);
	alu_set_flag(flags, EFLAGS_CF, carries & alu_sign_bit(size));
	alu_set_flag(flags, EFLAGS_AF, carries & 1 << 3);
	alu_set_flag(flags, EFLAGS_OF, (a ^ sum) & (b ^ sum) & alu_sign_bit(size));
	return sum;
}

/* The same with borrows. */
static u32 subtract(u32 *flags, unsigned size, u32 a, u32 b, bool borrow)
{
	u32 rest = (a - b - borrow) & alu_mask(size);
	u32 borrows = (~a & b) | ((~a | b) & rest);

	alu_result_flags(flags, size, rest);
	alu_set_flag(flags, EFLAGS_CF, borrows & alu_sign_bit(size));
	alu_set_flag(flags, EFLAGS_AF, borrows & 1 << 3);
	alu_set_flag(flags, EFLAGS_OF, (a ^ b) & (a ^ rest) & alu_sign_bit(size));
	return rest;
}

/* AF is undefined; it is cleared, as processors do. */
static u32 logic(u32 *flags, unsigned size, u32 result)
{
	alu_result_flags(flags, size, result);
	*flags &= ~(EFLAGS_CF | EFLAGS_OF | EFLAGS_AF);
	return result;
}

/* Only ADC and SBB look at CF; they are what long numbers are added with. */
u32 alu_binary(enum alu_op op, u32 *flags, unsigned size, u32 a, u32 b)
{
	bool carry = *flags & EFLAGS_CF;

	switch (op) {
	case ALU_ADD:
		return add(flags, size, a, b, false);
	case ALU_ADC:
		return add(flags, size, a, b, carry);
	case ALU_SUB:
	case ALU_CMP:
		return subtract(flags, size, a, b, false);
	case ALU_SBB:
		return subtract(flags, size, a, b, carry);
	case ALU_AND:
		return logic(flags, size, a & b);
	case ALU_OR:
		return logic(flags, size, a | b);
	case ALU_XOR:
		return logic(flags, size, a ^ b);
	}
	return 0;
}

/* INC and DEC leave CF alone, so that a loop can add long numbers. */
u32 alu_inc(u32 *flags, unsigned size, u32 a)
{
	u32 carry = *flags & EFLAGS_CF;
	u32 result = add(flags, size, a, 1, false);

	*flags = (*flags & ~EFLAGS_CF) | carry;
	return result;
}

u32 alu_dec(u32 *flags, unsigned size, u32 a)
{
	u32 carry = *flags & EFLAGS_CF;
	u32 result = subtract(flags, size, a, 1, false);

	*flags = (*flags & ~EFLAGS_CF) | carry;
	return result;
}

/* 0 - a, with that subtraction's flags: CF says that `a` was not zero. */
u32 alu_neg(u32 *flags, unsigned size, u32 a)
{
	return subtract(flags, size, 0, a, false);
}

/* CF is the bit as it was before. The other flags are undefined, and stay. */
u32 alu_bit(enum bit_op op, u32 *flags, unsigned size, u32 a, unsigned bit)
{
	u32 mask = 1u << (bit & (8 * size - 1));

	alu_set_flag(flags, EFLAGS_CF, a & mask);
	switch (op) {
	case BIT_TEST:
		return a;
	case BIT_SET:
		return a | mask;
	case BIT_RESET:
		return a & ~mask;
	case BIT_COMPLEMENT:
		return a ^ mask;
	}
	return a;
}

/* ZF speaks of the source here, not of the result. */
bool alu_scan(bool reverse, u32 *flags, u32 a, u32 *index)
{
	alu_set_flag(flags, EFLAGS_ZF, a == 0);
	if (a == 0)
		return false;
	*index = reverse ? 31 - __builtin_clz(a) : __builtin_ctz(a);
	return true;
}

/* Conditions come in pairs: an odd number negates the even one before it. */
bool alu_condition(u32 flags, unsigned cc)
{
	/* After CMP a, b: a < b if the difference is negative, unless it has overflowed. */
	bool less = !(flags & EFLAGS_SF) != !(flags & EFLAGS_OF);
	bool holds = false;

	switch (cc >> 1 & 7) {
	case 0: /* O */
		holds = flags & EFLAGS_OF;
		break;
	case 1: /* B: below, unsigned */
		holds = flags & EFLAGS_CF;
		break;
	case 2: /* E */
		holds = flags & EFLAGS_ZF;
		break;
	case 3: /* BE */
		holds = flags & (EFLAGS_CF | EFLAGS_ZF);
		break;
	case 4: /* S */
		holds = flags & EFLAGS_SF;
		break;
	case 5: /* P */
		holds = flags & EFLAGS_PF;
		break;
	case 6: /* L: less, signed */
		holds = less;
		break;
	case 7: /* LE */
		holds = less || flags & EFLAGS_ZF;
		break;
	}
	return holds != (cc & 1);
}
