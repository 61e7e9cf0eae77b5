/*
 * PUSHF and POPF: sensitive and unprivileged. In ring 3 they do not trap: PUSHF shows the real IF
 * and IOPL, POPF leaves IF alone without a word (SDM 2B, POPF). So this probe goes wrong in direct
 * execution, and that is why there is a binary translator.
 */
#include "probe.h"

static volatile u32 taken;

static void on_timer(struct frame *f)
{
	taken++;
	irq_eoi(IRQ_TIMER);
}

SNIPPET(flags_after_cli, "cli; pushfl; popl %eax; andl $0x3200, %eax");
SNIPPET(flags_after_sti, "sti; nop; pushfl; popl %eax; cli; andl $0x3200, %eax");
SNIPPET(popf_sets_if, "pushl $0x202; popfl; nop; cli");
SNIPPET(popf_clears_if, "sti; nop; pushl $0x002; popfl");

/*
 * Returns once the request waits in the 8259, or, where interrupts were not masked after all, was
 * taken.
 */
static void request_timer(void)
{
	u32 before = taken;

	pit_once(100);
	while (taken == before && !(pic_requests() & 1 << IRQ_TIMER))
		;
}

PROBE(popf_wrong)
{
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	print("secret: %08x\n", secret(1));
	print("pushf after cli: %x\n", flags_after_cli());
	print("pushf after sti: %x\n", flags_after_sti());
	request_timer();
	popf_sets_if();
	print("popf sets if: taken %u\n", taken);
	sti();
	asm volatile("nop; nop");
	taken = 0;
	popf_clears_if();
	request_timer();
	asm volatile("nop; nop; nop");
	print("popf clears if: taken %u\n", taken);
	cli();
}
