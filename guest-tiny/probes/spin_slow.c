/*
 * Loops that never end, with interrupts masked, in the ways that make a monitor look at every single
 * instruction: it must take the processor back all the same.
 *
 * how=0 IOPL 3 in the kernel, 1 single steps, 2 a breakpoint, 3 a segment that the table has no more,
 * 4 a user program with IOPL 3 that masks interrupts, 5 one instruction that faults for ever
 */
#include "probe.h"

#include "base/string.h"

static struct descriptor other_gdt[GDT_ENTRIES] PAGE_ALONE;

SNIPPET(by_iopl, "pushl $0x3002; popfl; 1: incl %eax; jmp 1b");
SNIPPET(by_steps, "pushl $0x102; popfl; 1: incl %eax; jmp 1b");
SNIPPET(by_breakpoint, "1: incl %eax; movl %eax, %ecx; jmp 1b");
SNIPPET(by_segment, "1: movl %fs:0x100000, %eax; jmp 1b");
SNIPPET(by_user, "cli; 1: incl %eax; jmp 1b");
SNIPPET(by_fault, "ud2");

static void on_step(struct frame *f)
{
}

static void spin_stale(void)
{
	struct table_register table = {sizeof other_gdt - 1, (u32)other_gdt};

	memcpy(other_gdt, gdt, sizeof other_gdt);
	segment_set(FREE_SELECTOR, 0, ~0u, ATTR_KERNEL_DATA);
	asm volatile("movl %0, %%fs" : : "r"(FREE_SELECTOR));
	lgdt(&table);
	by_segment();
}

PROBE(spin_slow)
{
	u32 how = probe_option(info, "how", 0);

	trap_set(VECTOR_DB, on_step);
	trap_set(VECTOR_UD, on_step);
	print("spinning: %08x\n", secret(how));
	if (how == 0)
		by_iopl();
	if (how == 1)
		by_steps();
	if (how == 2) {
		dr0_set((u32)by_fault);
		dr7_set(2);
		by_breakpoint();
	}
	if (how == 3)
		spin_stale();
	guard_user_eflags = EFLAGS_FIXED | EFLAGS_IOPL | EFLAGS_IF;
	if (how == 4)
		guard_user(by_user);
	by_fault();
}
