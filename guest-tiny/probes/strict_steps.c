/*
 * What the manual says of single steps and QEMU's TCG does not do: a step ends with STI too, whose
 * shadow holds back interrupts and no traps (SDM 3A 6.8.3), and with HLT that waits no more.
 */
#include "probe/steps.h"

STEPS(masks, "cli; nop; sti; nop; nop; cli; sti; sti; cli");
STEPS(halt, "sti; hlt; nop; cli");

static void try_pending(const char *what, u32 (*code)(void))
{
	pit_once(100);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
	steps_show(what, code, code());
}

PROBE(strict_steps)
{
	steps_init();
	steps_show("masks", masks, masks());
	irq_unmask(IRQ_TIMER);
	try_pending("pending, masks", masks);
	try_pending("pending, halt", halt);
}
