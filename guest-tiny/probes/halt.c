/* HLT gives the processor up until an interrupt comes, and then goes on after itself. */
#include "probe.h"

static u32 ticks, tick_at;

static void on_timer(struct frame *f)
{
	ticks++;
	tick_at = f->eip;
	irq_eoi(IRQ_TIMER);
}

SNIPPET(halt, "sti; hlt; movl $" SECRET_TEXT ", %eax; cli");

static void wait(const char *what)
{
	u32 value, before = ticks;

	value = halt();
	print("%s: ticks %u woken at +%u value %08x\n", what, ticks - before, tick_at - (u32)halt,
		value);
}

/* Each HLT waits for its own tick, however long that takes. */
static void many(void)
{
	ticks = 0;
	pit_periodic(20000);
	for (unsigned n = 0; n < 50; n++) {
		u32 before = ticks;

		sti_hlt();
		if (ticks != before + 1)
			print("many: bad at %u\n", n);
	}
	cli();
	print("many: %u\n", ticks);
}

PROBE(halt)
{
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	pit_once(60000);
	PROBE_STOP(1);
	wait("idle");
	pit_once(100);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
	/*
	 * The request is there before HLT is, and STI lets it through only after HLT: no wake-up is
	 * lost.
	 */
	wait("request first");
	many();
	PROBE_STOP(2);
}
