/*
 * The tables of the cache: found by what they were made from, made true again, linked and given up.
 */
#include "mmu/shadow_cache.h"
#include "mmu/shadow_pool.h"

static struct cached_table *record(const struct shadow *s, u32 number)
{
	return &s->own->record[number];
}

static bool is_large(const struct cached_table *t)
{
	return t->key & PTE_PS;
}

u32 shadow_table_key(const struct paging *paging, u32 directory_entry)
{
	u32 bits = PTE_FRAME | PTE_P | PTE_W | PTE_U | PTE_PS;

	if (directory_entry & PTE_PS)
		bits |= PTE_D | PTE_G;
	return (directory_entry & bits) | (paging->wp ? 0 : KEY_WP_OFF);
}

/* --- found and made --------------------------------------------------------------------------- */

static u16 *bucket(const struct shadow *s, unsigned region, u32 key)
{
	return &s->own->bucket[(region ^ key >> PAGE_SHIFT) % BUCKETS];
}

u32 shadow_table_find(const struct shadow *s, unsigned region, u32 key, enum shadow_root root)
{
	u32 number = *bucket(s, region, key);

	for (; number; number = record(s, number)->next) {
		const struct cached_table *t = record(s, number);

		if (t->key == key && t->region == region && t->root == root)
			break;
	}
	return number;
}

u32 shadow_table_linked(const struct shadow *s, enum shadow_root root, unsigned region)
{
	u32 entry = s->table[root][region];

	return entry & PTE_P ? shadow_table_number(s, entry) : 0;
}

static bool is_linked(const struct shadow *s, u32 number)
{
	const struct cached_table *t = record(s, number);

	return shadow_table_linked(s, t->root, t->region) == number;
}

/* Back to the free ones, which are all zero: clearing only what is live costs what was filled. */
static void give_up(struct shadow *s, u32 number)
{
	struct cached_table *t = record(s, number);
	u16 *link = bucket(s, t->region, t->key);

	s->counts.evictions++;
	if (is_linked(s, number))
		shadow_table_unlink(s, t->region);
	while (*link != number)
		link = &record(s, *link)->next;
	*link = t->next;
	BITMAP_EACH (i, &t->live) {
		s->table[number][i] = 0;
		bitmap_remove(&t->live, i);
	}
	t->key = 0;
}

/* A free table: the next one, or what waits the longest, or in need one that is linked. */
static u32 take(struct shadow *s)
{
	struct shadow_own *own = s->own;

	for (u32 tries = 0;; tries++) {
		own->hand = own->hand + 1 < s->tables ? own->hand + 1 : ROOT_COUNT;
		if (!record(s, own->hand)->key)
			return own->hand;
		if (!is_linked(s, own->hand) || tries >= s->tables) {
			give_up(s, own->hand);
			return own->hand;
		}
	}
}

/* SDM 3A 4.6.1, 4.8. */
static void set_demands(struct cached_table *t)
{
	t->present = PTE_P | PTE_A | (t->root == ROOT_USER ? PTE_U : 0);
	t->writable = PTE_D | (t->key & PTE_W ? PTE_W : ~0u);
	if (t->root == ROOT_KERNEL && t->key & KEY_WP_OFF)
		t->writable = PTE_D;
}

u32 shadow_table_make(struct shadow *s, unsigned region, u32 key, enum shadow_root root)
{
	u32 number = take(s);
	struct cached_table *t = record(s, number);
	u16 *first = bucket(s, region, key);

	t->key = key;
	t->region = region;
	t->root = root;
	set_demands(t);
	t->global = true; /* as long as it is empty */
	t->next = *first;
	*first = number;
	return number;
}

/* --- entries ---------------------------------------------------------------------------------- */

/* The guest's page table. Outside RAM all its entries are ones (gmem_read32), and lead nowhere. */
static const u32 *guest_table(struct shadow *s, const struct cached_table *t)
{
	gpa_t at = gpa(t->key & PTE_FRAME);

	if (!gmem_is_ram(s->mem, at, PAGE_SIZE))
		return NULL;
	return s->mem->map(s->mem, at.v >> PAGE_SHIFT);
}

/* A 4 MiB page is as good as 1,024 entries in a row. */
static u32 large_entry(const struct cached_table *t, unsigned index)
{
	const u32 flags = PTE_W | PTE_U | PTE_D | PTE_G;

	return (t->key & (PDE_LARGE_FRAME | flags)) + index * PAGE_SIZE + (PTE_P | PTE_A);
}

/*
 * What the table may hold for a page entry of the guest: 0, or an entry without its accessed bit.
 * Never more than mmu_walk() would allow.
 */
static inline u32 translate(const struct shadow *s, const struct cached_table *t, u32 page_entry)
{
	gpa_t frame = gpa(page_entry & PTE_FRAME);
	u32 entry = (u32)s->mem->base.v + frame.v + (PTE_P | PTE_U | PTE_D);

	if (~page_entry & t->present || !gmem_is_readable(s->mem, frame, PAGE_SIZE))
		return 0;
	if (~page_entry & t->writable || gmem_watchers(s->mem, frame.v >> PAGE_SHIFT))
		return entry;
	return entry | PTE_W;
}

/* A page of the table that is not global: it must not outlive a switch. */
static void set_local(struct shadow *s, struct cached_table *t)
{
	if (t->global && bitmap_has(&s->own->linked, t->region))
		bitmap_add(&s->own->local, t->region);
	t->global = false;
}

static inline bool is_global(const struct paging *paging, u32 page_entry)
{
	return paging->pge && page_entry & PTE_G;
}

u32 shadow_table_enter(
	struct shadow *s, const struct paging *paging, u32 number, unsigned index, u32 page_entry)
{
	struct cached_table *t = record(s, number);
	u32 entry = translate(s, t, page_entry);

	if (!entry) {
		s->table[number][index] = 0;
		bitmap_remove(&t->live, index);
		return 0;
	}
	bitmap_add(&t->live, index);
	if (!is_global(paging, page_entry))
		set_local(s, t);
	return s->table[number][index] = entry | KEPT;
}

/* Usually all are RAM and nobody watches them, so that the entries differ only in their frames. */
static bool is_plain_run(const struct gmem *mem, gpa_t start)
{
	if (!gmem_is_ram(mem, start, SHADOW_RUN * PAGE_SIZE))
		return false;
	for (unsigned i = 0; i < SHADOW_RUN; i++)
		if (gmem_watchers(mem, (start.v >> PAGE_SHIFT) + i))
			return false;
	return true;
}

void shadow_table_enter_run(
	struct shadow *s, const struct paging *paging, u32 number, unsigned index)
{
	struct cached_table *t = record(s, number);
	unsigned first = index & ~(SHADOW_RUN - 1);
	u32 *table = &s->table[number][first], entry;

	if (!is_plain_run(s->mem, gpa(large_entry(t, first) & PTE_FRAME))) {
		for (unsigned i = first; i < first + SHADOW_RUN; i++)
			shadow_table_enter(s, paging, number, i, large_entry(t, i));
		return;
	}
	entry = shadow_table_enter(s, paging, number, first, large_entry(t, first));
	for (unsigned i = 0; i < SHADOW_RUN; i++)
		table[i] = entry + i * PAGE_SIZE;
	t->live.word[first / SHADOW_RUN] = ~0u;
}

/*
 * The entry that takes the place of `old`. The real MMU has set the accessed bit of what was used since
 * the last time. What was not used for two turns is not worth the look, and is dropped: so a turn
 * costs what the last two have used, and not what the guest has ever touched.
 */
static inline u32 renew(
	const struct shadow *s, const struct cached_table *t, u32 old, u32 page_entry)
{
	u32 entry = old & (PTE_A | KEPT) ? translate(s, t, page_entry) : 0;

	return entry && (old & PTE_A) ? entry | KEPT : entry;
}

/* Makes a table of 4 KiB pages true. Hot: it is most of what a switch costs. */
static void refresh(struct shadow *s, const struct paging *paging, u32 number)
{
	struct cached_table *t = record(s, number);
	const u32 *guest = guest_table(s, t);
	u32 *table = s->table[number], all = PTE_G;

	for (u32 words = t->live.words; words; words &= words - 1) {
		unsigned first = 32 * __builtin_ctz(words);

		for (u32 bits = t->live.word[first / 32]; bits; bits &= bits - 1) {
			unsigned i = first + __builtin_ctz(bits);

			table[i] = renew(s, t, table[i], guest[i]);
			if (table[i])
				all &= guest[i];
			else
				bitmap_remove(&t->live, i);
		}
	}
	t->global = is_global(paging, all);
}

/* --- linked and unlinked ---------------------------------------------------------------------- */

/*
 * The processor may still use a directory entry that was there (SDM 3A 4.10.3), but not for the address
 * that has just faulted (4.10.4.1); and what it leads to is true.
 */
static void set_root(struct shadow *s, enum shadow_root root, unsigned region, u32 number)
{
	s->table[root][region] = shadow_table_hpa(s, number) | PTE_P | PTE_W | PTE_U | PTE_A;
}

void shadow_table_link(struct shadow *s, const struct paging *paging, u32 number)
{
	struct cached_table *t = record(s, number);
	u32 kernels = shadow_table_linked(s, ROOT_KERNEL, t->region);

	if (is_linked(s, number))
		return;
	if (is_large(t))
		t->global = is_global(paging, t->key);
	else
		refresh(s, paging, number);
	set_root(s, t->root, t->region, number);
	/* The user's table serves the kernel too, unless that has one of its own. */
	if (t->root == ROOT_USER && (!kernels || record(s, kernels)->root == ROOT_USER))
		set_root(s, ROOT_KERNEL, t->region, number);
	bitmap_add(&s->own->linked, t->region);
	if (!t->global)
		bitmap_add(&s->own->local, t->region);
}

void shadow_table_unlink(struct shadow *s, unsigned region)
{
	s->table[ROOT_KERNEL][region] = s->table[ROOT_USER][region] = 0;
	bitmap_remove(&s->own->linked, region);
	bitmap_remove(&s->own->local, region);
	s->stale = true;
}
