/*
 * A set of numbers below 1024: which entries of a page table are in use, say. A second level tells
 * which words hold anything, so that a set of few is looked through in few steps.
 */
#pragma once

#include "base/types.h"

#define BITMAP_BITS 1024u

struct bitmap {
	u32 words; /* bit i: word[i] is not zero */
	u32 word[BITMAP_BITS / 32];
};

static inline bool bitmap_has(const struct bitmap *b, unsigned n)
{
	return b->word[n / 32] >> n % 32 & 1;
}

static inline void bitmap_add(struct bitmap *b, unsigned n)
{
	b->word[n / 32] |= 1u << n % 32;
	b->words |= 1u << n / 32;
}

static inline void bitmap_remove(struct bitmap *b, unsigned n)
{
	b->word[n / 32] &= ~(1u << n % 32);
	if (!b->word[n / 32])
		b->words &= ~(1u << n / 32);
}

/* The first number in the set from `from` on, or BITMAP_BITS. */
static inline unsigned bitmap_next(const struct bitmap *b, unsigned from)
{
	unsigned at = from / 32;
	u32 rest;

	if (from >= BITMAP_BITS)
		return BITMAP_BITS;
	rest = b->word[at] >> from % 32;
	if (rest)
		return from + __builtin_ctz(rest);
	rest = b->words & ~1u << at; /* the words behind this one */
	if (!rest)
		return BITMAP_BITS;
	at = __builtin_ctz(rest);
	return at * 32 + __builtin_ctz(b->word[at]);
}

/* Every number `n` of the set, which may lose that number on the way. */
#define BITMAP_EACH(n, b) \
	for (unsigned n = bitmap_next(b, 0); n < BITMAP_BITS; n = bitmap_next(b, n + 1))
