/*
 * What the files of the translator share: the cache's insides.
 *
 *    code:     | the miss | block | block | gate | block | ...      free |
 *    blocks:   | one record for each, in the same order, so that an address finds its block
 *    maps, exits, pages: taken in order as well
 *
 * All of it only grows, until something is used up; then everything is flushed and begins again.
 */
#pragma once

#include "xlate/emit.h"

#define XLATE_HASHES      4096u /* a power of two */
#define XLATE_RECENT      1024u /* places that are remembered */
#define XLATE_BLOCK_MOST  64u   /* instructions of a block */
#define XLATE_BLOCK_BYTES 8192u /* of code that a block may take: 64 instructions at their worst */

struct xlate {
	struct xlate_memory memory;
	struct xlate_counts counts;

	u32 code_used;
	u32 miss; /* host address of the common end of transfers that found nothing */

	struct xlate_block *blocks;
	struct xlate_map *maps;
	struct xlate_exit *exits;
	struct xlate_page *pages;
	u32 block_count, block_most, map_count, map_most, exit_count, exit_most, page_count,
		page_most;

	struct xlate_recent { /* what xlate_where() found lately, by host address; 0: void */
		u32 host;
		struct xlate_where where;
	} recent[XLATE_RECENT];
	struct xlate_page *locals; /* not global; some that were not, until they are met */
	struct xlate_block *block_hash[XLATE_HASHES]; /* by EIP */
	struct xlate_page *page_hash[XLATE_HASHES];   /* by linear page */
	struct xlate_page *frame_hash[XLATE_HASHES];  /* by frame */
};

static inline u32 xlate_hash(u32 number)
{
	return (number ^ number >> 12) % XLATE_HASHES;
}

/*
 * translate.c: makes a block's code at `out`, and fills in map, exit, count, exits, host, end and
 * guest_bytes; `map` and `exit` lead to room enough. False if not even one instruction was made.
 */
bool translate_block(struct xlate_block *, const struct xlate_source *, struct emitter *out);
/* Where in a gate the displacement is of its jump to what else may be meant by its slot. */
#define GATE_ELSE 16u

/* The code that checks `target` against the block's EIP; it falls through to the block. */
void translate_gate(struct emitter *out, u32 eip, u32 miss);
/* What all transfers that found nothing end in. */
void translate_miss(struct emitter *out);

/* cache.c: where ring 3's address of code is written. */
static inline u8 *xlate_code_at(const struct xlate *x, u32 host)
{
	return x->memory.code + (host - x->memory.code_address);
}

/* cache.c: whether indirect transfers to the block find it. */
bool xlate_is_open(const struct xlate *, const struct xlate_block *);

/* cache.c: makes a jump's displacement, at host address `patch`, lead to `to`. */
void xlate_patch(struct xlate *, u32 patch, u32 to);
