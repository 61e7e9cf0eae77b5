/*
 * 64-bit arithmetic for time. Nothing is linked from a compiler's library, so division is spelled
 * out here.
 */
#pragma once

#include "base/types.h"

/*
 * n / d with the remainder in *rest. The quotient of (high rest : low) by d always fits, because
 * that rest is below d.
 */
static inline u64 div_rest(u64 n, u32 d, u32 *rest)
{
#ifdef __i386__
	u32 high = n >> 32, low = n, q_high = high / d, q_low;

	asm("divl %4" : "=a"(q_low), "=d"(*rest) : "a"(low), "d"(high % d), "rm"(d));
	return (u64)q_high << 32 | q_low;
#else
	*rest = n % d;
	return n / d;
#endif
}

static inline u64 div64(u64 n, u32 d)
{
	u32 rest;

	return div_rest(n, d, &rest);
}

static inline u32 mod64(u64 n, u32 d)
{
	u32 rest;

	div_rest(n, d, &rest);
	return rest;
}

/* a * b / c, exact, and the remainder: the product has 96 bits. The result must fit into 64. */
static inline u64 mul_div_rest(u64 a, u32 b, u32 c, u32 *rest)
{
	u64 low = (u64)(u32)a * b;
	u64 high = (a >> 32) * b + (low >> 32);
	u32 middle;
	u64 q_high = div_rest(high, c, &middle);

	return (q_high << 32) + div_rest((u64)middle << 32 | (u32)low, c, rest);
}

static inline u64 mul_div(u64 a, u32 b, u32 c)
{
	u32 rest;

	return mul_div_rest(a, b, c, &rest);
}
