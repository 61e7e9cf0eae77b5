/* The rules of the table cache, checked from outside by looking at every table there is. */
#include "mmu/shadow_cache.h"
#include "mmu/shadow_pool.h"

/* Whether a table is in the chain in which it is looked for. */
static bool is_found(const struct shadow *s, u32 number)
{
	const struct cached_table *t = &s->own->record[number];

	return shadow_table_find(s, t->region, t->key, t->root) == number;
}

/* An entry of a 4 MiB page's table: it is as its key says at any time, linked or not. */
static const char *audit_large(
	const struct shadow *s, const struct cached_table *t, u32 entry, u32 i)
{
	gpa_t frame = shadow_frame(s, entry);

	if (frame.v != (t->key & PDE_LARGE_FRAME) + i * PAGE_SIZE)
		return "an entry leads out of its large page";
	if (entry & PTE_W && gmem_watchers(s->mem, frame.v >> PAGE_SHIFT))
		return "a watched frame is writable in a large page";
	return NULL;
}

/* What is known of a table's entries is so. */
static const char *audit_entries(const struct shadow *s, u32 number)
{
	const struct cached_table *t = &s->own->record[number];
	const char *broken = NULL;

	for (unsigned i = 0; i < PT_ENTRIES && !broken; i++) {
		u32 entry = s->table[number][i];

		if (entry && !t->key)
			return "a free table is not clean";
		if (!entry != !bitmap_has(&t->live, i))
			return "an entry is not what its table's record says";
		if (!bitmap_has(&t->live, i) !=
			!(t->live.words >> i / 32 & 1 && bitmap_next(&t->live, i) == i))
			return "a set does not find what it holds";
		if (entry && t->key & PTE_PS)
			broken = audit_large(s, t, entry, i);
	}
	return broken;
}

/* A region: its tables are made from the same directory entry, and flushes know of them. */
static const char *audit_region(const struct shadow *s, unsigned region)
{
	const struct cached_table *record = s->own->record;
	u32 kernels = shadow_table_linked(s, ROOT_KERNEL, region);
	u32 users = shadow_table_linked(s, ROOT_USER, region);

	if (!bitmap_has(&s->own->linked, region))
		return kernels || users ? "a root leads to a table that is not linked" : NULL;
	if (kernels < ROOT_COUNT || kernels >= s->tables || users >= s->tables)
		return "a directory entry leads to no table in use";
	if (record[kernels].region != region || (users && record[users].region != region))
		return "a table is linked in another region than its own";
	if (users && record[users].root != ROOT_USER)
		return "the user's root leads to a table of the kernel";
	if (users && record[users].key != record[kernels].key)
		return "a region's two tables have two keys";
	if (!bitmap_has(&s->own->local, region) &&
		!(record[kernels].global && (!users || record[users].global)))
		return "a table that is not all global outlives a switch";
	return NULL;
}

const char *shadow_audit_own(struct shadow *s)
{
	const char *broken = NULL;

	for (u32 number = ROOT_COUNT; number < s->tables && !broken; number++) {
		if (s->own->record[number].key && !is_found(s, number))
			return "a table is not found by its key";
		broken = audit_entries(s, number);
	}
	for (unsigned region = 0; region < PT_ENTRIES && !broken; region++)
		if (!shadow_in_window(s, gva(region << 22)))
			broken = audit_region(s, region);
	return broken;
}
