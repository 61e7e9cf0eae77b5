/*
 * What the kernel can do with selectors: its own, the user's, and those that a monitor has for itself
 * where this machine has none; and then where it has.
 */
#include "probe.h"
#include "probe/selectors.h"

#include "base/string.h"

/* As many entries as there can be: those at the end are this machine's too. */
static struct descriptor long_gdt[8192] PAGE_ALONE;

static void try_long_table(void)
{
	struct table_register table = {sizeof long_gdt - 1, (u32)long_gdt};

	memcpy(long_gdt, gdt, sizeof gdt);
	for (u32 i = 0xff80 / 8; i < 8192; i++)
		long_gdt[i] = gdt[(i & 1 ? KERNEL_DATA : KERNEL_CODE) / 8];
	lgdt(&table);
	print("a long table\n");
	for (u32 at = 0xff80; at < 0x10000; at += 8)
		selectors_try(at, false);
	selectors_try(0xffff, true);
}

PROBE(selectors_kernel)
{
	u16 end = selectors_make();

	lldt(0);                               /* at reset the LDT is all of low memory */
	task.tss.esp0 = (u32)stack_top - 8192; /* for what arrives from user mode unplanned */
	for (u32 at = 0; at < end; at += 8) {
		selectors_try(at, false);
		selectors_try(at | 3, false);
	}
	selectors_try(KERNEL_DATA | SELECTOR_TI, false);
	selectors_try(0x1000, false); /* the first beyond the table */
	for (u32 at = 0xff80; at < 0x10000; at += 8) {
		selectors_try(at, false);
		selectors_try(at | 3, false);
	}
	try_long_table();
}
