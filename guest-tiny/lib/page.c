/* Builds a guest's page tables. */
#include "page.h"

#include "base/string.h"
#include "insn.h"
#include "machine.h"
#include "x86/regs.h"

void *page_alloc(void)
{
	static u8 *next = image_end;
	void *page = next;

	next += PAGE_SIZE;
	return memset(page, 0, PAGE_SIZE);
}

void page_map(u32 *directory, u32 linear, u32 physical, u32 flags)
{
	u32 *pde = &directory[pde_index(linear)];

	if (!(*pde & PTE_P))
		*pde = (u32)page_alloc() | PTE_P | PTE_W | PTE_U;
	*page_entry(directory, linear) = physical | flags | PTE_P;
}

u32 *page_entry(u32 *directory, u32 linear)
{
	u32 *table = (u32 *)(directory[pde_index(linear)] & PTE_FRAME);

	return &table[pte_index(linear)];
}

void page_map_large(u32 *directory, u32 linear, u32 physical, u32 flags)
{
	directory[pde_index(linear)] = physical | flags | PTE_PS | PTE_P;
}

void page_identity(u32 *directory, u32 bytes, u32 flags)
{
	for (u32 at = 0; at < bytes; at += PAGE_SIZE)
		page_map(directory, at, at, flags);
}

void page_on(u32 *directory)
{
	cr3_set((u32)directory);
	cr0_set(cr0_get() | CR0_PG | CR0_WP);
}
