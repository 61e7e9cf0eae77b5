/*
 * STI before a store of the FPU's into a page of code, which a monitor cannot emulate: the interrupt that waits still
 * comes behind the store, not before it (SDM 3A 6.8.3).
 */
#include "probe.h"

#define TIMES 4

u8 page[PAGE_SIZE] PAGE_ALONE;
extern u8 store[], behind[];
SNIPPET(go, "fninit; fldz; movl $page + 0x100, %ecx; sti\n"
	    ".global store; store: fstps (%ecx)\n"
	    ".global behind; behind: nop; nop; cli; xorl %eax, %eax");

static u32 seen;

static void on_timer(struct frame *f)
{
	seen = f->eip;
	f->eflags &= ~EFLAGS_IF;
	irq_eoi(IRQ_TIMER);
}

PROBE(sti_before_fpu)
{
	page[0] = 0xc3; /* RET */
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	for (unsigned i = 0; i < TIMES; i++) {
		((void (*)(void))page)();
		pit_once(1000);
		while (!(pic_requests() & 1 << IRQ_TIMER))
			;
		go();
		print("%s\n", seen == (u32)behind  ? "behind it"
			      : seen == (u32)store ? "before it"
						   : "astray");
	}
}
