/*
 * Hostile: lets another page take the place of the GDT's by a page-table entry alone, without INVLPG,
 * and loads segment registers from it. What the processor finds and what memory says are then two
 * things: a register may hold one, and must never be taken to hold the other.
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define DATA FREE_SELECTOR
#define CODE (FREE_SELECTOR + 8)

static struct descriptor other[GDT_ENTRIES] PAGE_ALONE;

extern u32 *entry_of_gdt, entry_of_other;
u32 *entry_of_gdt, entry_of_other;

#define EXCHANGE "movl entry_of_other, %eax; movl entry_of_gdt, %ecx; movl %eax, (%ecx);"

SNIPPET(load_data, EXCHANGE "movl $0x30, %eax; movl %eax, %es; cli; int $0x81");
SNIPPET(load_code, EXCHANGE "ljmp $0x38, $1f; 1: cli; ljmp $8, $1f; 1:");

PROBE(stale_descriptor)
{
	u32 *directory = page_alloc(), mine;

	segment_set(DATA, 0, ~0u, ATTR_KERNEL_DATA | ATTR_ACCESSED);
	segment_set(CODE, 0, ~0u, ATTR_KERNEL_CODE | ATTR_ACCESSED);
	memcpy(other, gdt, sizeof other);
	other[DATA / 8] = descriptor_make((u32)&task, sizeof task.tss - 1, ATTR_TSS);
	other[CODE / 8] = descriptor_make(0x40000000, ~0u, ATTR_KERNEL_CODE | ATTR_ACCESSED);
	page_identity(directory, 8 * MIB, PTE_W);
	page_on(directory);
	entry_of_gdt = page_entry(directory, (u32)gdt);
	mine = *entry_of_gdt;
	entry_of_other = (u32)other | (mine & PAGE_MASK);
	print("before: %08x\n", secret(1));
	guard_kernel(load_data);
	*entry_of_gdt = mine;
	guard_kernel(load_code);
	*entry_of_gdt = mine;
	print("after: %08x\n", secret(2));
}
