/*
 * Hostile: descriptor tables made of chance, and tables where no memory is. What can be loaded from
 * them is loaded and used.
 */
#include "probe.h"

#include "base/string.h"

static struct descriptor chance[512] PAGE_ALONE;

extern u32 selector;
u32 selector;

SNIPPET(use_fs, "movl selector, %eax; movl %eax, %fs; movl %fs:0, %eax; movl %eax, %fs:0xfffffff0");
SNIPPET(use_es, "movl selector, %eax; pushl %es; movl %eax, %es; movl %es:0x1000, %eax; popl %es");
SNIPPET(use_ldt, "movl selector, %eax; lldt %ax; movl $4, %eax; movl %eax, %gs; movl %gs:0, %eax");

static void try_all(void)
{
	u32 traps = 0;

	for (selector = FREE_SELECTOR; selector < sizeof chance; selector += 8) {
		traps += guard_kernel(use_fs).trapped;
		traps += guard_kernel(use_es).trapped;
		traps += guard_kernel(use_ldt).trapped;
	}
	print("tried: %u\n", traps > 0);
}

PROBE(bad_descriptor)
{
	struct table_register table = {sizeof chance - 1, (u32)chance};

	memcpy(chance, gdt, sizeof chance);
	for (unsigned i = FREE_SELECTOR / 8; i < ARRAY_SIZE(chance); i++)
		chance[i] = (struct descriptor){secret(2 * i), secret(2 * i + 1)};
	lgdt(&table);
	try_all();
	table.base = 0xe0000000; /* the monitor's own place, and no memory of ours */
	lgdt(&table);
	print("gone: %08x\n", secret(1));
	asm volatile("movl %0, %%ds" : : "r"(KERNEL_DATA));
}
