/* The pool of page tables, and the monitor's window in the roots: the same in every implementation. */
#include "mmu/shadow_pool.h"

#include "base/string.h"

void shadow_set_pool(struct shadow *s, struct gmem *mem, void *memory, hpa_t memory_hpa, u32 pages)
{
	u32 tables = pages;

	while (tables && shadow_pages(tables) > pages)
		tables--;
	check(tables >= 4 && memory_hpa.v + (u64)pages * PAGE_SIZE <= 1ull << 32);
	check(mem->base.v + mem->size <= 1ull << 32);
	memset(s, 0, sizeof *s);
	memset(memory, 0, pages * PAGE_SIZE);
	s->mem = mem;
	s->table = memory;
	s->table_hpa = memory_hpa;
	s->tables = tables;
	s->own = (void *)s->table[tables];
}

void shadow_set_window(
	struct shadow *s, unsigned first, unsigned count, const u32 *const entries[ROOT_COUNT])
{
	s->window_first = first;
	s->window_count = count;
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		s->window[root] = entries[root];
		memcpy(&s->table[root][first], entries[root], count * sizeof(u32));
	}
}

hpa_t shadow_root(const struct shadow *s, enum shadow_root root)
{
	return hpa(shadow_table_hpa(s, root));
}
