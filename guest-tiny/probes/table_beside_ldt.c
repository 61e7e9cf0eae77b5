/*
 * GDT and LDT in one page. A monitor that tires of looking at writes there, since they meet no descriptor of the one
 * table, must still hear of those that meet the other's: programs run with it, and load its segments.
 */
#include "probe.h"

#include "base/string.h"

#define LDT_SELECTOR 0x30
#define GDT_LIMIT    0xff
#define MANY         40 /* writes in a row */

static u8 page[PAGE_SIZE] PAGE_ALONE;
static u32 words[] PAGE_ALONE = {0x111, 0x222, 0x333, 0x444};

SNIPPET(load_user, "movl $0x0f, %eax; movl %eax, %fs; movl %fs:0, %eax");
SNIPPET(load_kernel, "movl $0x0c, %eax; movl %eax, %fs; movl %fs:0, %eax");

static struct descriptor *ldt(void)
{
	return (struct descriptor *)(page + PAGE_SIZE / 2);
}

static void write_often(void)
{
	for (u32 i = 0; i < MANY; i++)
		*(volatile u32 *)&ldt()[8].low = i;
}

static void set_word(unsigned i)
{
	ldt()[1] = descriptor_make((u32)&words[i], ~0u, ATTR_USER_DATA | ATTR_ACCESSED);
}

PROBE(table_beside_ldt)
{
	struct table_register here = {GDT_LIMIT, (u32)page}, usual = {sizeof gdt - 1, (u32)gdt};

	segment_set(LDT_SELECTOR, (u32)ldt(), 0xff, ATTR_P | TYPE_LDT);
	memcpy(page, gdt, GDT_LIMIT + 1);
	lgdt(&here);
	set_word(0);
	asm volatile("lldt %w0" ::"r"(LDT_SELECTOR));
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		set_word(i);
		print("program: %x", guard_user(load_user).value);
		write_often();
		set_word(ARRAY_SIZE(words) - 1 - i);
		print(" kernel: %x\n", load_kernel());
	}
	write_often();
	lgdt(&usual);
	asm volatile("mov %0, %%fs" ::"r"(KERNEL_DATA));
}
