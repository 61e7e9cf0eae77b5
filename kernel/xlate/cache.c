/* All blocks: room for them, how they are found, and how they are chained. */
#include "xlate/cache.h"

#include "base/check.h"
#include "base/string.h"

/* How many records of each kind go with so many bytes of code; from Linux's averages, rounded up. */
#define BYTES_A_BLOCK 80u
#define BYTES_AN_EXIT 40u
#define BYTES_A_MAP   8u
#define BYTES_A_PAGE  1024u

#define GATE_BYTES 64u /* more than a gate and a jump take */

u32 xlate_record_bytes(u32 code_bytes)
{
	return sizeof(struct xlate) + code_bytes / BYTES_A_BLOCK * sizeof(struct xlate_block) +
	       code_bytes / BYTES_AN_EXIT * sizeof(struct xlate_exit) +
	       code_bytes / BYTES_A_PAGE * sizeof(struct xlate_page) +
	       code_bytes / BYTES_A_MAP * sizeof(struct xlate_map);
}

struct xlate *xlate_init(const struct xlate_memory *memory)
{
	struct xlate *x = memory->records;

	check(memory->code_bytes >= XLATE_CODE_MIN);
	x->memory = *memory;
	x->block_most = memory->code_bytes / BYTES_A_BLOCK;
	x->exit_most = memory->code_bytes / BYTES_AN_EXIT;
	x->page_most = memory->code_bytes / BYTES_A_PAGE;
	x->map_most = memory->code_bytes / BYTES_A_MAP;
	x->blocks = (void *)(x + 1);
	x->exits = (void *)(x->blocks + x->block_most);
	x->pages = (void *)(x->exits + x->exit_most);
	x->maps = (void *)(x->pages + x->page_most);
	x->miss = memory->code_address;
	for (unsigned i = 0; i < XLATE_SLOTS; i++)
		memory->state->slot[i] = x->miss;
	xlate_flush(x);
	x->counts.flushes = 0;
	return x;
}

const struct xlate_counts *xlate_counts(const struct xlate *x)
{
	return &x->counts;
}

u32 xlate_used(const struct xlate *x)
{
	return x->code_used;
}

static struct emitter emitter_at(const struct xlate *x, u32 offset)
{
	return (struct emitter){x->memory.code + offset, x->memory.code_address + offset};
}

static void keep_emitted(struct xlate *x, const struct emitter *e)
{
	x->code_used = e->address - x->memory.code_address;
}

/* Of the large tables only what blocks and pages have entered: a small cache is flushed often. */
static void empty_lookups(struct xlate *x)
{
	for (u32 i = 0; i < x->block_count; i++) {
		u32 eip = x->blocks[i].eip;

		x->block_hash[xlate_hash(eip)] = NULL;
		x->memory.state->slot[eip % XLATE_SLOTS] = x->miss;
	}
	for (u32 i = 0; i < x->page_count; i++) {
		x->page_hash[xlate_hash(x->pages[i].linear)] = NULL;
		x->frame_hash[xlate_hash(x->pages[i].gfn)] = NULL;
	}
	memset(x->recent, 0, sizeof x->recent);
	x->locals = NULL;
}

/* The cache is empty again, but for the miss. Nobody may be inside. */
void xlate_flush(struct xlate *x)
{
	struct emitter e = emitter_at(x, 0);

	x->counts.flushes++;
	empty_lookups(x);
	x->block_count = x->map_count = x->exit_count = x->page_count = 0;
	translate_miss(&e);
	keep_emitted(x, &e);
}

/* Room for one block of any size, with the pages that it lies in. */
static void make_room(struct xlate *x)
{
	if (x->code_used + XLATE_BLOCK_BYTES + GATE_BYTES > x->memory.code_bytes ||
		x->block_count == x->block_most || x->map_count + XLATE_BLOCK_MOST > x->map_most ||
		x->exit_count + XLATE_BLOCK_MOST + 1 > x->exit_most ||
		x->page_count + 2 > x->page_most)
		xlate_flush(x);
}

struct xlate_block *xlate_find(const struct xlate *x, u32 eip)
{
	struct xlate_block *b = x->block_hash[xlate_hash(eip)];

	while (b && b->eip != eip)
		b = b->next;
	return b;
}

struct xlate_page *xlate_find_page(const struct xlate *x, u32 linear)
{
	struct xlate_page *page = x->page_hash[xlate_hash(linear)];

	while (page && page->linear != linear)
		page = page->next;
	return page;
}

static void enter_frame(struct xlate *x, struct xlate_page *page, u32 gfn)
{
	struct xlate_page **head = &x->frame_hash[xlate_hash(gfn)];

	page->gfn = gfn;
	page->next_of_frame = *head;
	*head = page;
}

static void leave_frame(struct xlate *x, struct xlate_page *page)
{
	struct xlate_page **at = &x->frame_hash[xlate_hash(page->gfn)];

	while (*at != page)
		at = &(*at)->next_of_frame;
	*at = page->next_of_frame;
}

void xlate_set_global(struct xlate *x, struct xlate_page *page, bool global)
{
	page->global = global;
	if (global || page->local)
		return;
	page->local = true;
	page->next_local = x->locals;
	x->locals = page;
}

/* A page that is mapped elsewhere by now begins anew. */
static struct xlate_page *enter_page(struct xlate *x, u32 linear, u32 gfn, bool global)
{
	struct xlate_page *page = xlate_find_page(x, linear), **head;

	if (!page) {
		page = &x->pages[x->page_count++];
		*page = (struct xlate_page){.linear = linear};
		head = &x->page_hash[xlate_hash(linear)];
		page->next = *head;
		*head = page;
		enter_frame(x, page, gfn);
	} else if (page->gfn != gfn) {
		xlate_drop_page(x, page);
		leave_frame(x, page);
		enter_frame(x, page, gfn);
	}
	if (!page->blocks)
		page->writes = 0;
	xlate_set_global(x, page, global);
	return page;
}

/* The block is made from one page, or with its last instruction from two. */
static void enter_pages(struct xlate *x, struct xlate_block *b, const struct xlate_source *from)
{
	u32 first = from->linear >> PAGE_SHIFT;
	u32 last = (from->linear + b->guest_bytes - 1) >> PAGE_SHIFT;
	unsigned pages = first == last ? 1 : 2;

	for (unsigned i = 0; i < pages; i++) {
		struct xlate_page *page =
			enter_page(x, i ? last : first, from->gfn[i], from->global[i]);

		b->page[i] = page;
		b->next_in_page[i] = page->blocks;
		page->blocks = b;
	}
}

void xlate_patch(struct xlate *x, u32 patch, u32 to)
{
	struct emitter e = {xlate_code_at(x, patch), patch};

	emit_displacement(&e, to);
}

/* The gate that is tried behind this one. */
static u32 next_gate(const struct xlate *x, u32 gate)
{
	s32 distance;

	memcpy(&distance, xlate_code_at(x, gate + GATE_ELSE), sizeof distance);
	return gate + GATE_ELSE + sizeof distance + distance;
}

bool xlate_is_open(const struct xlate *x, const struct xlate_block *b)
{
	u32 gate = x->memory.state->slot[b->eip % XLATE_SLOTS];

	while (gate != x->miss && gate != b->gate)
		gate = next_gate(x, gate);
	return gate == b->gate;
}

/* In front of the gates of other blocks whose addresses share its slot. */
static void take_slot(struct xlate *x, const struct xlate_block *b)
{
	u32 *slot = &x->memory.state->slot[b->eip % XLATE_SLOTS];

	if (xlate_is_open(x, b))
		return;
	xlate_patch(x, b->gate + GATE_ELSE, *slot);
	*slot = b->gate;
}

struct xlate_block *xlate_translate(struct xlate *x, const struct xlate_source *from)
{
	struct xlate_block *b, **head = &x->block_hash[xlate_hash(from->eip)];
	struct emitter e;

	make_room(x);
	b = &x->blocks[x->block_count];
	*b = (struct xlate_block){.eip = from->eip,
		.linear = from->linear,
		.map = x->maps + x->map_count,
		.exit = x->exits + x->exit_count};
	e = emitter_at(x, x->code_used);
	if (from->indirect) {
		b->gate = e.address;
		translate_gate(&e, from->eip, x->miss);
	}
	if (!translate_block(b, from, &e))
		return NULL;
	keep_emitted(x, &e);
	x->block_count++;
	x->map_count += b->count;
	x->exit_count += b->exits;
	b->next = *head;
	*head = b;
	enter_pages(x, b, from);
	x->counts.blocks++;
	if (b->gate)
		take_slot(x, b);
	return b;
}

void xlate_link(struct xlate *x, struct xlate_exit *exit, struct xlate_block *to)
{
	check(!exit->to && !to->dead && exit->target == to->eip);
	xlate_patch(x, exit->patch, to->host);
	exit->to = to;
	exit->next = to->incoming;
	to->incoming = exit;
	x->counts.links++;
}

/* A gate that is made later lies apart, and jumps to its block. */
struct xlate_block *xlate_open_gate(struct xlate *x, struct xlate_block *b)
{
	if (!b->gate) {
		struct emitter e = emitter_at(x, x->code_used);

		if (x->code_used + GATE_BYTES > x->memory.code_bytes) {
			xlate_flush(x);
			return NULL;
		}
		b->gate = e.address;
		translate_gate(&e, b->eip, x->miss);
		emit_jmp(&e, b->host);
		keep_emitted(x, &e);
	}
	take_slot(x, b);
	return b;
}
