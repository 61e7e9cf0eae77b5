/*
 * The GDT lies in the page of a page table: a walk that sets an accessed bit there writes beside it. Many such
 * writes in a row, the last one by the processor itself, in the middle of an access that a monitor emulates.
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define VIDEO 0xb8000u
#define ENTRIES \
	1008 /* of the page table's first are left for pages; the GDT takes the place of the next */
#define WRITES 11 /* so that the accessed bits of the read below follow on them */

PROBE(table_in_tables)
{
	u32 *directory = page_alloc(), *table;
	struct table_register moved = {0x2f, 0};
	const volatile u32 *video = (const void *)VIDEO;
	u32 value;

	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	table = (u32 *)(directory[0] & PTE_FRAME);
	memcpy(table + ENTRIES, gdt, moved.limit + 1);
	moved.base = (u32)(table + ENTRIES);
	table[0] = 0;
	page_on(directory);
	lgdt(&moved);
	(void)*video;
	*(volatile u32 *)&table[VIDEO >> PAGE_SHIFT] &= ~PTE_A;
	invlpg((void *)VIDEO);
	for (u32 i = 0; i < WRITES; i++)
		*(volatile u32 *)(table + ENTRIES - 8) = i << PAGE_SHIFT;
	value = *video;
	print("read: %x, its entry: %x\n", value & 0, table[VIDEO >> PAGE_SHIFT] & 0xfff);
}
