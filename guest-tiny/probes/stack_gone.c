/*
 * The kernel loses its stack: the fault of a push finds no stack for its frame, nor does the double
 * fault that follows, and the machine shuts down (SDM 3A 6.15, "Interrupt 8"). It does not return.
 *
 * how=0 to 8 says what meets the end of the stack.
 */
#include "page.h"
#include "probe.h"

#define HOLE "0x00800000" /* an address that nothing maps */

SNIPPET(push, "movl $" HOLE ", %esp; pushl %eax");
SNIPPET(push_flags, "movl $" HOLE ", %esp; pushfl");
SNIPPET(call, "movl $" HOLE ", %esp; call 1f; 1:");
SNIPPET(call_at_zero, "xorl %esp, %esp; call 1f; 1:");
SNIPPET(software, "movl $" HOLE ", %esp; int $0x40");
SNIPPET(exception, "movl $" HOLE ", %esp; ud2");
SNIPPET(interrupt, "movl $" HOLE ", %esp; sti; 1: jmp 1b");
SNIPPET(read_only, "movl $1f + 8, %esp; pushl %eax; .balign 16; 1: .skip 16");
SNIPPET(user, "ud2"); /* where ESP0 of the TSS leads to a hole */

static u32 (*const all[])(void) = {
	push, push_flags, call, call_at_zero, software, exception, interrupt, read_only, user};

PROBE(stack_gone)
{
	u32 how = probe_option(info, "how", 0), *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	*page_entry(directory, (u32)read_only & PTE_FRAME) &= ~PTE_W;
	page_on(directory);
	irq_unmask(IRQ_TIMER);
	pit_once(1000);
	print("before: %08x\n", secret(how));
	if (all[how] != user)
		guard_kernel(all[how]);
	guard_user_eflags |= EFLAGS_IF; /* what comes first, the interrupt or UD2, is the end */
	segment_set(TSS_SELECTOR, (u32)user_stack, sizeof task.tss - 1, ATTR_TSS);
	*(struct tss *)user_stack = (struct tss){.esp0 = 0x00800000, .ss0 = KERNEL_DATA};
	ltr(TSS_SELECTOR);
	guard_user(user);
	print("after: %08x\n", secret(how));
}
