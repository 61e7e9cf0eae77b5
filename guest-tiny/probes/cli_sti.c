/*
 * The interrupt flag: what is pending waits while it is clear, and one instruction longer after
 * STI.
 */
#include "probe.h"

static u32 taken, taken_at;
static bool once_more;

static void request_timer(void)
{
	pit_once(100);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
}

/*
 * Runs with interrupts masked, since its gate is an interrupt gate: a second request waits for
 * IRET.
 */
static void on_timer(struct frame *f)
{
	taken++;
	taken_at = f->eip;
	irq_eoi(IRQ_TIMER);
	if (once_more) {
		once_more = false;
		request_timer();
	}
}

SNIPPET(sti_and_three, VALUE "sti; incl %eax; incl %eax; incl %eax; cli");
SNIPPET(sti_cli, VALUE "sti; cli; incl %eax");
SNIPPET(sti_sti, VALUE "sti; sti; incl %eax; cli");

static void show(const char *what, u32 (*code)(void))
{
	u32 value;

	taken = 0;
	taken_at = (u32)code;
	value = code();
	print("%s: taken %u at +%u value %08x\n", what, taken, taken_at - (u32)code, value);
}

PROBE(cli_sti)
{
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	cli();
	PROBE_STOP(1);
	request_timer();
	print("masked: requests %x taken %u\n", pic_requests(), taken);
	/* SDM 3A 6.8.1: interrupts stay masked until the end of the instruction after STI. */
	show("sti", sti_and_three);
	request_timer();
	show("sti cli", sti_cli);
	show("sti again", sti_sti);
	request_timer();
	once_more = true;
	/*
	 * IRET has no such delay: the second interrupt pushes the address that the first one did.
	 */
	show("twice", sti_and_three);
	print("in service: %x\n", pic_in_service());
	PROBE_STOP(2);
}
