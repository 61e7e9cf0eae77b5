/* Hostile: page tables where no memory is, and, before, tables made of chance. */
#include "probe.h"

#include "page.h"

PROBE(wild_cr3)
{
	u32 *directory = page_alloc(), *table = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W);
	/*
	 * Beyond the image: entries that are present and point anywhere, tables that are no tables.
	 */
	for (unsigned i = 4; i < PT_ENTRIES; i++)
		directory[i] = i & 1 ? secret(i) | PTE_P : (u32)table | PTE_P | PTE_W;
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table[i] = secret(~i) | PTE_P | PTE_W;
	page_on(directory);
	print("tables of chance: %08x\n", secret(1));
	trap_set(VECTOR_PF, NULL);
	for (unsigned i = 4; i < PT_ENTRIES; i += 2)
		for (unsigned k = 0; k < PT_ENTRIES; k += 64)
			*(volatile u32 *)(i << 22 | k << 12) = secret(k);
	print("wild: %08x\n", secret(2));
	cr3_set(0xfffff000);
	for (;;)
		asm volatile("");
}
