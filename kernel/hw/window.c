/* The monitor's window, from a table of ranges to page-table entries. */
#include "hw/window.h"

#include "base/string.h"
#include "x86/paging.h"

/* The entry of page `page` of a range; both formats have the same low bits (SDM 3A 4.3, 4.4). */
static u64 range_entry(const struct window_range *r, u32 page)
{
	return (r->physical.v + (u64)page * PAGE_SIZE) | PTE_P | (r->writable ? PTE_W : 0) | PTE_A |
	       PTE_D;
}

void window_build(u32 entry[WINDOW_ENTRIES], const struct window_range *r, unsigned ranges)
{
	memset(entry, 0, WINDOW_ENTRIES * sizeof entry[0]);
	for (; ranges--; r++)
		for (u32 page = 0; page < r->bytes >> PAGE_SHIFT; page++)
			entry[(r->offset >> PAGE_SHIFT) + page] = range_entry(r, page);
}

void window_build_pae(u64 entry[WINDOW_ENTRIES], const struct window_range *r, unsigned ranges)
{
	memset(entry, 0, WINDOW_ENTRIES * sizeof entry[0]);
	for (; ranges--; r++)
		for (u32 page = 0; page < r->bytes >> PAGE_SHIFT; page++)
			entry[(r->offset >> PAGE_SHIFT) + page] = range_entry(r, page);
}
