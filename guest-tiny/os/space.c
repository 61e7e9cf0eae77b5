/*
 * Address spaces (the picture is in abi.h). The kernel and all RAM are mapped at their physical
 * addresses by page tables that every space shares; the tables from 1 GiB on are a process's own,
 * and are empty when it starts. Source: SDM 3A 4.3, 4.7.
 */
#include "os.h"

#include "insn.h"
#include "machine.h"
#include "x86/paging.h"
#include "x86/regs.h"

static u32 *kernel_directory;

/* The kernel's code cannot be written even by itself (CR0.WP), and nobody has a page 0. */
static u32 kernel_entry(u32 address)
{
	if (address == 0)
		return 0;
	if (address >= (u32)image_start && address < (u32)image_data)
		return address | PTE_P;
	return address | PTE_P | PTE_W;
}

void space_init(void)
{
	kernel_directory = ram_alloc();
	for (u32 at = 0; at < ram_end(); at += LARGE_PAGE_SIZE) {
		u32 *table = ram_alloc();

		for (u32 i = 0; i < PT_ENTRIES && at + i * PAGE_SIZE < ram_end(); i++)
			table[i] = kernel_entry(at + i * PAGE_SIZE);
		kernel_directory[pde_index(at)] = (u32)table | PTE_P | PTE_W;
	}
	cr3_set((u32)kernel_directory);
	/* No program here has an FPU: one that tries gets #NM (SDM 3A 2.5, EM). */
	cr0_set(cr0_get() | CR0_PG | CR0_WP | CR0_EM);
}

u32 *space_create(void)
{
	u32 *directory = ram_alloc();

	if (directory)
		for (u32 i = 0; i < pde_index(USER_BASE); i++)
			directory[i] = kernel_directory[i];
	return directory;
}

static void free_table(u32 *table)
{
	for (u32 i = 0; i < PT_ENTRIES; i++)
		if (table[i] & PTE_P)
			ram_free((void *)(table[i] & PTE_FRAME));
	ram_free(table);
}

void space_destroy(u32 *directory)
{
	for (u32 i = pde_index(USER_BASE); i < pde_index(USER_END); i++)
		if (directory[i] & PTE_P)
			free_table((u32 *)(directory[i] & PTE_FRAME));
	ram_free(directory);
}

void space_switch(const u32 *directory)
{
	cr3_set((u32)(directory ? directory : kernel_directory));
}

/* The table entry for a user address; the table is made if need be. NULL: no frame for it. */
static u32 *user_entry(u32 *directory, u32 address)
{
	u32 *pde = &directory[pde_index(address)];

	if (!(*pde & PTE_P)) {
		void *table = ram_alloc();

		if (!table)
			return NULL;
		*pde = (u32)table | PTE_P | PTE_W | PTE_U;
	}
	return (u32 *)(*pde & PTE_FRAME) + pte_index(address);
}

/* What a process finds in a page that it touches for the first time. */
static bool fill_page(struct process *p, u32 page, void *frame, bool *writable)
{
	bool heap = page >= p->heap && page < p->heap_end;
	bool stack = page >= USER_END - STACK_LIMIT;

	*writable = true;
	return heap || stack || program_page(p->program, page, frame, writable);
}

bool space_touch(struct process *p, u32 address, bool write)
{
	u32 page = address & ~PAGE_MASK, *entry;
	bool writable;
	void *frame;

	if (address < USER_BASE || address >= USER_END)
		return false;
	entry = user_entry(p->directory, address);
	if (!entry)
		return false;
	if (*entry & PTE_P)
		return *entry & PTE_W || !write;
	frame = ram_alloc();
	if (!frame)
		return false;
	if (!fill_page(p, page, frame, &writable)) {
		ram_free(frame);
		return false;
	}
	/* No INVLPG: nothing is remembered of a page that was not there (SDM 3A 4.10.2.3). */
	*entry = (u32)frame | PTE_P | PTE_U | (writable ? PTE_W : 0);
	return writable || !write;
}

bool space_touch_range(struct process *p, u32 address, u32 bytes, bool write)
{
	if (address + bytes < address)
		return false;
	for (u32 page = address & ~PAGE_MASK; page < address + bytes; page += PAGE_SIZE)
		if (!space_touch(p, page, write))
			return false;
	return true;
}
