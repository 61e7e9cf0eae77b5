/* LGDT, LIDT, LLDT and LTR: new tables count for what is loaded next, and what is loaded stays. */
#include "probe.h"

#include "base/string.h"

#define CODE_2    0x60
#define DATA_2    0x68
#define LDT_SLOT  0x70
#define TSS_2     0x78
#define LDT_FIRST 0x0c /* entry 1 of the LDT, RPL 0 */

static u32 far_value; /* read through segments whose base is here */
static struct descriptor other_gdt[16], ldt[2], other_idt[IDT_ENTRIES] PAGE_ALONE;
static struct tss other_tss;

SNIPPET(read_fs, "movl %fs:0, %eax");
SNIPPET(read_gs, "movl %gs:0, %eax");
SNIPPET(load_data_2, "movl $0x68, %eax; movl %eax, %gs; movl %gs:0, %eax");
SNIPPET(load_ldt_first, "movl $0x0c, %eax; movl %eax, %fs; movl %fs:0, %eax");
SNIPPET(load_ldt_beyond, "movl $0x14, %eax; movl %eax, %fs");
SNIPPET(code_2, VALUE "ljmp $0x60, $1f; 1: int3");
SNIPPET(lldt_data, "movl $0x10, %eax; lldt %ax");
SNIPPET(lldt_slot, "movl $0x70, %eax; lldt %ax");
SNIPPET(lldt_in_ldt, "movl $0x0c, %eax; lldt %ax");
SNIPPET(ltr_busy, "movl $0x28, %eax; ltr %ax");
SNIPPET(ltr_data, "movl $0x10, %eax; ltr %ax");
SNIPPET(ltr_second, "movl $0x78, %eax; ltr %ax");

/* Takes FS and GS back to flat, so that no stale selector is left. */
static void flat_again(void)
{
	asm volatile("movl %0, %%fs; movl %0, %%gs" : : "r"(KERNEL_DATA));
}

static void try_gdt(void)
{
	struct table_register old = {sizeof gdt - 1, (u32)gdt};
	struct table_register new = {sizeof other_gdt - 1, (u32)other_gdt};

	far_value = secret(1);
	segment_set(DATA_2, (u32)&far_value, 3, ATTR_KERNEL_DATA & ~ATTR_G);
	try_kernel("data segment", load_data_2);
	print("accessed: %u\n", descriptor_attr(gdt[DATA_2 / 8]) & ATTR_ACCESSED);
	memcpy(other_gdt, gdt, sizeof other_gdt);
	other_gdt[DATA_2 / 8] = (struct descriptor){0};
	other_gdt[CODE_2 / 8] = descriptor_make(0, ~0u, ATTR_KERNEL_CODE);
	lgdt(&new);
	far_value = secret(2);
	try_kernel("stale selector", read_gs);
	try_kernel("loaded again", load_data_2);
	try_kernel("new code segment", code_2);
	new.limit = CODE_2 - 1;
	lgdt(&new);
	try_kernel("beyond the limit", code_2);
	flat_again();
	lgdt(&old);
}

static void try_ldt(void)
{
	far_value = secret(3);
	ldt[1] = descriptor_make((u32)&far_value, 3, ATTR_KERNEL_DATA & ~ATTR_G);
	segment_set(LDT_SLOT, (u32)ldt, sizeof ldt - 1, ATTR_P | TYPE_LDT);
	lldt(0);
	try_kernel("no ldt", load_ldt_first);
	try_kernel("lldt", lldt_slot);
	try_kernel("from the ldt", load_ldt_first);
	try_kernel("beyond the ldt", load_ldt_beyond);
	try_kernel("lldt of data", lldt_data);
	try_kernel("lldt in the ldt", lldt_in_ldt);
	lldt(0);
	far_value = secret(4);
	try_kernel("after lldt 0", read_fs);
	try_kernel("loaded again", load_ldt_first);
	segment_set(LDT_SLOT, (u32)ldt, sizeof ldt - 1, TYPE_LDT);
	try_kernel("lldt not present", lldt_slot);
	flat_again();
}

/* SDM 3A 7.2.4: LTR marks the descriptor busy; one that is busy already is refused. */
static void try_task(void)
{
	print("busy: %x\n", descriptor_attr(gdt[TSS_SELECTOR / 8]) & ATTR_TYPE);
	try_kernel("ltr busy", ltr_busy);
	try_kernel("ltr data", ltr_data);
	segment_set(TSS_2, (u32)&other_tss, sizeof other_tss - 1, TYPE_TSS32);
	try_kernel("ltr not present", ltr_second);
	segment_set(TSS_2, (u32)&other_tss, sizeof other_tss - 1, ATTR_TSS);
	try_kernel("ltr", ltr_second);
	print("busy: %x and still %x\n", descriptor_attr(gdt[TSS_2 / 8]) & ATTR_TYPE,
		descriptor_attr(gdt[TSS_SELECTOR / 8]) & ATTR_TYPE);
	segment_set(TSS_SELECTOR, (u32)&task, sizeof task.tss - 1, ATTR_TSS);
	ltr(TSS_SELECTOR);
}

SNIPPET(divide, VALUE "xorl %ecx, %ecx; divl %ecx");
SNIPPET(breakpoint, VALUE "int3");

/* In the other table INT3 arrives at the stub of another vector, and the table is short. */
static void try_idt(void)
{
	struct table_register old = {IDT_ENTRIES * 8 - 1, (u32)idt};
	struct table_register new = {14 * 8 - 1, (u32)other_idt};

	memcpy(other_idt, idt, sizeof other_idt);
	other_idt[VECTOR_BP] = idt[VECTOR_DE];
	lidt(&new);
	try_kernel("int3 by the other idt", breakpoint);
	lidt(&old);
	try_kernel("int3", breakpoint);
	try_kernel("divide", divide);
}

PROBE(tables)
{
	PROBE_STOP(1);
	try_idt();
	try_gdt();
	try_ldt();
	try_task();
	PROBE_STOP(2);
}
