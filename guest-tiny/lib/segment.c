/* The descriptor table and the task-state segment of a guest. Source: SDM 3A 3.5, 7.2. */
#include "segment.h"

#include "base/string.h"
#include "insn.h"
#include "machine.h"

struct descriptor gdt[GDT_ENTRIES] PAGE_ALONE;
struct task_page task PAGE_ALONE;

void segment_set(u16 selector, u32 base, u32 limit, u32 attr)
{
	gdt[selector / sizeof *gdt] = descriptor_make(base, limit, attr);
}

/*
 * LGDT alone changes nothing: a segment register keeps what it has loaded until it is loaded again.
 */
static void load_segments(void)
{
	asm volatile("ljmp %0, $1f\n"
		     "1: movl %1, %%ds; movl %1, %%es; movl %1, %%fs; movl %1, %%gs; movl %1, %%ss"
		     :
		     : "i"(KERNEL_CODE), "r"(KERNEL_DATA)
		     : "memory");
}

void segment_init(void)
{
	struct table_register table = {sizeof gdt - 1, (u32)gdt};

	segment_set(KERNEL_CODE, 0, ~0u, ATTR_KERNEL_CODE);
	segment_set(KERNEL_DATA, 0, ~0u, ATTR_KERNEL_DATA);
	segment_set(USER_CODE, 0, ~0u, ATTR_USER_CODE);
	segment_set(USER_DATA, 0, ~0u, ATTR_USER_DATA);
	segment_set(TSS_SELECTOR, (u32)&task, sizeof task.tss - 1, ATTR_TSS);
	task.tss.ss0 = KERNEL_DATA;
	task.tss.esp0 = (u32)stack_top;
	task.tss.io_map = sizeof task.tss; /* beyond the limit: none */
	memset(task.io_bitmap, 0xff, sizeof task.io_bitmap);
	lgdt(&table);
	load_segments();
	ltr(TSS_SELECTOR);
}
