/* CR0.PG off and on again: linear addresses are physical, then translated, then physical. */
#include "probe.h"

#include "page.h"

#define PAGE 0x00a00000 /* RAM too, so that the address means something with paging off */

PROBE(paging_off_on)
{
	u32 *directory = page_alloc(), *page = page_alloc();
	volatile u32 *there = (volatile u32 *)PAGE;

	page_identity(directory, 4 * MIB, PTE_W);
	page_map(directory, PAGE, (u32)page, PTE_W);
	PROBE_STOP(1);
	for (unsigned n = 0; n < 4; n++) {
		*there = secret(2 * n);
		page_on(directory);
		print("on: %08x\n", *there);
		*there = secret(2 * n + 1);
		cr0_set(cr0_get() & ~CR0_PG);
		print("off: %08x %08x\n", *there, *page);
	}
}
