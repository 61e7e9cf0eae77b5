/*
 * What ends a block's life. A dead block is in no look-up, nothing leads to it any more, and its
 * bytes stay as they are: the guest may be in the middle of it, at the very store that changed its
 * code, and comes out of it after that instruction.
 */
#include "xlate/cache.h"

#include "base/check.h"

/* Takes a block out of the list that begins at *head. */
static void leave_hash(struct xlate *x, struct xlate_block *b)
{
	struct xlate_block **at = &x->block_hash[xlate_hash(b->eip)];

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
}

static void leave_page(struct xlate_page *page, struct xlate_block *b)
{
	struct xlate_block **at = &page->blocks;

	while (*at != b)
		at = &(*at)->next_in_page[(*at)->page[1] == page];
	*at = b->next_in_page[b->page[1] == page];
}

/* What jumped to the block traps again, and finds another. */
static void unlink_incoming(struct xlate *x, struct xlate_block *b)
{
	for (struct xlate_exit *exit = b->incoming; exit; exit = exit->next) {
		xlate_patch(x, exit->patch, exit->halt);
		exit->to = NULL;
	}
	b->incoming = NULL;
}

/* The block's own exits no longer keep others informed; whoever is inside leaves by a trap. */
static void unlink_exits(struct xlate *x, struct xlate_block *b)
{
	for (unsigned i = 0; i < b->exits; i++) {
		struct xlate_exit *exit = &b->exit[i], **at;

		if (!exit->to)
			continue;
		for (at = &exit->to->incoming; *at != exit;)
			at = &(*at)->next;
		*at = exit->next;
		exit->to = NULL;
		xlate_patch(x, exit->patch, exit->halt);
	}
}

static void drop_block(struct xlate *x, struct xlate_block *b)
{
	u32 *slot = &x->memory.state->slot[b->eip % XLATE_SLOTS];

	check(!b->dead);
	b->dead = true;
	x->counts.dropped++;
	if (b->gate)
		*slot = x->miss; /* others that share it open their gates again */
	unlink_incoming(x, b);
	unlink_exits(x, b);
	leave_hash(x, b);
	for (unsigned i = 0; i < 2 && b->page[i]; i++)
		leave_page(b->page[i], b);
}

void xlate_drop_page(struct xlate *x, struct xlate_page *page)
{
	while (page->blocks)
		drop_block(x, page->blocks);
}

/* Whether a block was made from some of these bytes of one of its pages. */
static bool is_made_from(
	const struct xlate_block *b, const struct xlate_page *page, u32 offset, u32 bytes)
{
	u32 start = b->linear & PAGE_MASK, end = start + b->guest_bytes;

	if (b->page[1] == page)
		return offset < end - PAGE_SIZE;
	return offset < end && start < offset + bytes;
}

/* So many writes, each of them emulated, cost more than to translate what a page holds again. */
#define WRITES_MOST 8u

static bool drop_bytes(struct xlate *x, struct xlate_page *page, u32 offset, u32 bytes)
{
	struct xlate_block *b, *next;

	if (++page->writes >= WRITES_MOST)
		xlate_drop_page(x, page);
	for (b = page->blocks; b; b = next) {
		next = b->next_in_page[b->page[1] == page];
		if (is_made_from(b, page, offset, bytes))
			drop_block(x, b);
	}
	return page->blocks != NULL;
}

bool xlate_written(struct xlate *x, u32 gfn, u32 offset, u32 bytes)
{
	struct xlate_page *page = x->frame_hash[xlate_hash(gfn)];
	bool used = false;

	for (; page; page = page->next_of_frame)
		if (page->gfn == gfn)
			used |= drop_bytes(x, page, offset, bytes);
	return used;
}

struct xlate_page *xlate_next_page(const struct xlate *x, const struct xlate_page *page)
{
	page = page ? page + 1 : x->pages;
	return page < x->pages + x->page_count ? (struct xlate_page *)page : NULL;
}

/* Pages that have become global, or of which nothing is left, leave the list on the way. */
struct xlate_page *xlate_next_local(struct xlate *x, struct xlate_page *page)
{
	struct xlate_page **at = page ? &page->next_local : &x->locals;

	while (*at && ((*at)->global || !(*at)->blocks)) {
		(*at)->local = false;
		*at = (*at)->next_local;
	}
	return *at;
}
