/* The rules of the cache's structures, for tests and for the end of a machine. */
#include "xlate/cache.h"

#include "base/string.h"

static s32 displacement(const struct xlate *x, u32 patch)
{
	s32 value;

	memcpy(&value, xlate_code_at(x, patch), sizeof value);
	return value;
}

static bool is_incoming(const struct xlate_block *to, const struct xlate_exit *exit)
{
	const struct xlate_exit *e = to->incoming;

	while (e && e != exit)
		e = e->next;
	return e == exit;
}

static const char *audit_exits(const struct xlate *x, const struct xlate_block *b)
{
	for (unsigned i = 0; i < b->exits; i++) {
		const struct xlate_exit *e = &b->exit[i];
		u32 leads_to = e->patch + 4 + displacement(x, e->patch);

		if (!e->to && leads_to != e->halt)
			return "an exit that is not linked does not trap";
		if (e->to && (leads_to != e->to->host || e->target != e->to->eip))
			return "an exit leads elsewhere than to its block";
		if (e->to && (b->dead || e->to->dead))
			return "an exit is linked to or from a dead block";
		if (e->to && !is_incoming(e->to, e))
			return "a block does not know an exit that leads to it";
	}
	return NULL;
}

static bool is_in_page(const struct xlate_block *b, const struct xlate_page *page)
{
	const struct xlate_block *at = page->blocks;

	while (at && at != b)
		at = at->next_in_page[at->page[1] == page];
	return at == b;
}

static const char *audit_block(const struct xlate *x, const struct xlate_block *b)
{
	if ((xlate_find(x, b->eip) == b) == b->dead)
		return "a block is found though it is dead, or not though it lives";
	for (unsigned i = 0; i < 2 && b->page[i]; i++)
		if (is_in_page(b, b->page[i]) == b->dead)
			return "a page does not know its blocks";
	if (b->dead && b->incoming)
		return "a dead block can be entered";
	return audit_exits(x, b);
}

/* Each slot leads to the miss, or to the gate of a living block that is at home there. */
static const char *audit_slots(const struct xlate *x)
{
	const u32 *slot = x->memory.state->slot;
	u32 taken = 0, owned = 0;

	for (unsigned i = 0; i < XLATE_SLOTS; i++)
		taken += slot[i] != x->miss;
	for (u32 i = 0; i < x->block_count; i++) {
		const struct xlate_block *b = &x->blocks[i];

		owned += b->gate && !b->dead && slot[b->eip % XLATE_SLOTS] == b->gate;
		if (b->gate && b->dead && xlate_is_open(x, b))
			return "a dead block can be entered through its gate";
	}
	return taken == owned ? NULL : "a slot leads to no living block's gate";
}

const char *xlate_audit(const struct xlate *x)
{
	const char *broken = NULL;

	for (u32 i = 0; i < x->block_count && !broken; i++)
		broken = audit_block(x, &x->blocks[i]);
	return broken ? broken : audit_slots(x);
}
