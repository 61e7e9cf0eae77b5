/* Multiplication, division, and the adjustments that make decimal arithmetic of binary. */
#include "base/math64.h"
#include "cpu/alu.h"
#include "x86/regs.h"

static void split(u64 value, unsigned size, u32 *high, u32 *low)
{
	*low = value & alu_mask(size);
	*high = value >> 8 * size & alu_mask(size);
}

/* CF and OF together say that the product needs its upper half; the other flags are undefined. */
static void set_product_flags(u32 *flags, bool wide)
{
	alu_set_flag(flags, EFLAGS_CF, wide);
	alu_set_flag(flags, EFLAGS_OF, wide);
}

/* Unsigned and signed differ in the upper half alone, and in what makes it needed. */
void alu_mul(u32 *flags, unsigned size, u32 a, u32 b, u32 *high, u32 *low)
{
	split((u64)a * b, size, high, low);
	set_product_flags(flags, *high != 0);
}

void alu_imul(u32 *flags, unsigned size, u32 a, u32 b, u32 *high, u32 *low)
{
	s64 product = (s64)(s32)alu_sign_extend(a, size) * (s32)alu_sign_extend(b, size);

	split(product, size, high, low);
	set_product_flags(flags, product != (s32)alu_sign_extend(*low, size));
}

/* On entry *high and *low are the dividend, on return remainder and quotient, as in EDX and EAX. */
bool alu_div(unsigned size, u32 divisor, u32 *high, u32 *low)
{
	u64 dividend = (u64)*high << 8 * size | *low;

	if (divisor <= *high) /* also a divisor of zero: the quotient would not fit */
		return false;
	*low = div64(dividend, divisor);
	*high = mod64(dividend, divisor);
	return true;
}

/*
 * Divides magnitudes. The quotient is cut towards zero, the rest has the dividend's sign (SDM 2A,
 * IDIV).
 */
bool alu_idiv(unsigned size, u32 divisor, u32 *high, u32 *low)
{
	bool negative_divisor = divisor & alu_sign_bit(size);
	bool negative_dividend = *high & alu_sign_bit(size);
	bool negative = negative_divisor != negative_dividend;
	u64 all = size == 4 ? ~0ull : (1ull << 16 * size) - 1;
	u64 dividend = (u64)*high << 8 * size | *low;
	u32 by = negative_divisor ? -divisor & alu_mask(size) : divisor;
	u64 n = negative_dividend ? -dividend & all : dividend;

	if (by == 0)
		return false;
	u64 quotient = div64(n, by);
	u32 rest = mod64(n, by);

	if (quotient > alu_sign_bit(size) - !negative) /* -128 to 127, for bytes */
		return false;
	*low = (negative ? -quotient : quotient) & alu_mask(size);
	*high = (negative_dividend ? -rest : rest) & alu_mask(size);
	return true;
}

/*
 * Packed decimal, two digits a byte: a digit above 9, or one that carried, is brought back by 6
 * (SDM 2A, DAA and DAS). Both are the same but for the direction.
 */
static u16 adjust_packed(u32 *flags, u16 ax, int direction)
{
	u8 al = ax, adjusted = al;
	bool low = (al & 0xf) > 9 || *flags & EFLAGS_AF;
	bool high = al > 0x99 || *flags & EFLAGS_CF;
	bool borrowed = direction < 0 && low && al < 6;

	if (low)
		adjusted += direction * 6;
	if (high)
		adjusted += direction * 0x60;
	alu_result_flags(flags, 1, adjusted);
	alu_set_flag(flags, EFLAGS_AF, low);
	alu_set_flag(flags, EFLAGS_CF, high || borrowed);
	return (ax & 0xff00) | adjusted;
}

u16 alu_daa(u32 *flags, u16 ax)
{
	return adjust_packed(flags, ax, 1);
}

u16 alu_das(u32 *flags, u16 ax)
{
	return adjust_packed(flags, ax, -1);
}

/* Unpacked decimal, one digit a byte: the carry goes to AH (SDM 2A, AAA and AAS). */
static u16 adjust_unpacked(u32 *flags, u16 ax, int direction)
{
	bool carry = (ax & 0xf) > 9 || *flags & EFLAGS_AF;

	if (carry)
		ax += direction * 0x106;
	alu_set_flag(flags, EFLAGS_AF, carry);
	alu_set_flag(flags, EFLAGS_CF, carry);
	return ax & 0xff0f;
}

u16 alu_aaa(u32 *flags, u16 ax)
{
	return adjust_unpacked(flags, ax, 1);
}

u16 alu_aas(u32 *flags, u16 ax)
{
	return adjust_unpacked(flags, ax, -1);
}

/* AAD before a division, AAM after a multiplication: two digits in AH and AL, and a number. */
u16 alu_aad(u32 *flags, u16 ax, u8 radix)
{
	u8 al = ax + (ax >> 8) * radix;

	alu_result_flags(flags, 1, al);
	return al;
}

bool alu_aam(u32 *flags, u16 *ax, u8 radix)
{
	u8 al = *ax;

	if (radix == 0)
		return false;
	*ax = al / radix << 8 | al % radix;
	alu_result_flags(flags, 1, al % radix);
	return true;
}
