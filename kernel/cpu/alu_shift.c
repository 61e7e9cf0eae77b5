/*
 * Shifts and rotates. The count is taken modulo 32, and a count of 0 changes no flag (SDM 2B, SAL
 * and RCL). OF is defined for a count of 1 only; it is computed alike for all counts. Operands are
 * shifted within 64 bits, so that the bit that falls out stays visible:
 *
 *   SHL   [ ...... | operand ] <<           CF is the bit above the operand
 *   RCL   [ CF | operand ] turned as one    of 8 * size + 1 bits
 */
#include "cpu/alu.h"
#include "x86/regs.h"

static bool bit(u64 value, unsigned n)
{
	return value >> n & 1;
}

static void carry_and_overflow(u32 *flags, bool carry, bool overflow)
{
	alu_set_flag(flags, EFLAGS_CF, carry);
	alu_set_flag(flags, EFLAGS_OF, overflow);
}

/* Turns the low `bits` bits to the left by less than `bits`. */
static u64 turn_left(u64 value, unsigned bits, unsigned count)
{
	return (value << count | value >> (bits - count)) & ((1ull << bits) - 1);
}

/* CF is the bit that went around the end. SF, ZF, AF and PF stay. */
static u32 rotate(bool left, u32 *flags, unsigned bits, u32 a, unsigned count)
{
	unsigned turn = count % bits;
	u32 result = turn_left(a, bits, left ? turn : (bits - turn) % bits);
	bool top = bit(result, bits - 1);

	if (left)
		carry_and_overflow(flags, result & 1, top != bit(result, 0));
	else
		carry_and_overflow(flags, top, top != bit(result, bits - 2));
	return result;
}

/* CF is one more bit of the ring. Turning right by n is turning left by all the others. */
static u32 rotate_through_carry(bool left, u32 *flags, unsigned bits, u32 a, unsigned count)
{
	unsigned ring = bits + 1, turn = count % ring;
	u64 whole = a | (u64)(*flags & EFLAGS_CF) << bits;

	whole = turn_left(whole, ring, left ? turn : (ring - turn) % ring);

	bool carry = bit(whole, bits), top = bit(whole, bits - 1);

	carry_and_overflow(flags, carry, top != (left ? carry : bit(whole, bits - 2)));
	return whole & alu_mask(bits / 8);
}

/* `wide` is the operand after the shift, with CF where `carry` says. */
static u32 shifted(u32 *flags, unsigned size, u64 wide, bool carry, bool overflow)
{
	u32 result = wide & alu_mask(size);

	alu_result_flags(flags, size, result);
	carry_and_overflow(flags, carry, overflow);
	*flags &= ~EFLAGS_AF; /* undefined */
	return result;
}

u32 alu_shift(enum shift_op op, u32 *flags, unsigned size, u32 a, unsigned count)
{
	unsigned bits = 8 * size;
	bool top = bit(a, bits - 1), carry;
	u64 wide = a;

	count &= 31;
	if (count == 0)
		return a;
	switch (op) {
	case SHIFT_ROL:
	case SHIFT_ROR:
		return rotate(op == SHIFT_ROL, flags, bits, a, count);
	case SHIFT_RCL:
	case SHIFT_RCR:
		return rotate_through_carry(op == SHIFT_RCL, flags, bits, a, count);
	case SHIFT_SHL:
	case SHIFT_SAL:
		wide <<= count;
		carry = bit(wide, bits);
		return shifted(flags, size, wide, carry, carry != bit(wide, bits - 1));
	case SHIFT_SHR:
		return shifted(flags, size, wide >> count, bit(wide, count - 1), top);
	case SHIFT_SAR:
		wide = (s64)(s32)alu_sign_extend(a, size);
		return shifted(flags, size, wide >> count, bit(wide, count - 1), false);
	}
	return a;
}

/*
 * OF says that the sign has changed. A count above the operand's bits leaves everything undefined.
 */
u32 alu_shift_double(bool left, u32 *flags, unsigned size, u32 a, u32 fill, unsigned count)
{
	unsigned bits = 8 * size;
	u64 pair = left ? (u64)a << bits | fill : (u64)fill << bits | a;
	bool carry, top = bit(a, bits - 1);

	count &= 31;
	if (count == 0)
		return a;
	if (left) {
		carry = bit(pair, 2 * bits - count);
		pair = pair << count >> bits;
	} else {
		carry = bit(pair, count - 1);
		pair >>= count;
	}
	return shifted(flags, size, pair, carry, top != bit(pair, bits - 1));
}
