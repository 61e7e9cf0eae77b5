/* From the address where ring 3 trapped back to the guest's instruction. */
#include "xlate/cache.h"

/* The last block that begins at or below the address: they lie in the order in which they were made. */
static struct xlate_block *block_below(const struct xlate *x, u32 host)
{
	u32 low = 0, high = x->block_count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (x->blocks[middle].host <= host)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &x->blocks[low - 1] : NULL;
}

/* At an exit that is not linked. */
static struct xlate_where at_exit(struct xlate_block *b, u32 host)
{
	struct xlate_exit *exit = &b->exit[host - b->halts];

	return (struct xlate_where){
		.place = XLATE_EXIT, .eip = exit->target, .block = b, .exit = exit};
}

static struct xlate_where find_instruction(struct xlate_block *b, u32 host)
{
	struct xlate_where w = {.place = XLATE_INSIDE, .eip = b->eip, .block = b, .host = b->host};

	for (unsigned i = 0; i < b->count; i++) {
		const struct xlate_map *m = &b->map[i];

		w.next_eip = w.eip + (m->guest & ~XLATE_COVERED);
		w.next_host = w.host + m->host;
		if (host < w.next_host) {
			if (host == w.host)
				w.place = m->guest & XLATE_COVERED ? XLATE_COVERS : XLATE_CLEAN;
			if (i + 1 == b->count)
				w.next_host = 0; /* there is something else: an exit */
			return w;
		}
		w.eip = w.next_eip;
		w.host = w.next_host;
	}
	return w; /* at the jump to the first of the exits */
}

const struct xlate_where xlate_nowhere = {.place = XLATE_NOWHERE};

static struct xlate_where find_place(const struct xlate *x, u32 host)
{
	struct xlate_block *b;

	if (host - x->memory.code_address >= x->memory.code_bytes)
		return xlate_nowhere;
	b = block_below(x, host);
	if (b && host - b->halts < b->exits)
		return at_exit(b, host);
	if (b && host < b->end)
		return find_instruction(b, host);
	/* What is left: gates, and the code that they all share, which ends in a HLT. */
	return (struct xlate_where){
		.place = *xlate_code_at(x, host) == HLT ? XLATE_INDIRECT : XLATE_INSIDE,
		.eip = x->memory.state->target,
	};
}

const struct xlate_where *xlate_where(struct xlate *x, u32 host)
{
	struct xlate_recent *r = &x->recent[(host ^ host >> 10) % XLATE_RECENT];

	if (r->host == host)
		return &r->where;
	r->where = find_place(x, host);
	/* Elsewhere the answer may be another one the next time. */
	r->host = r->where.block ? host : 0;
	return &r->where;
}
