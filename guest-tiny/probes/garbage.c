/*
 * Hostile: executes bytes of chance in kernel mode, again from elsewhere after each fault, until it
 * has wrecked itself.
 */
#include "probe.h"

#define WORDS 16384
#define TRIES 2000

static u32 code[WORDS] PAGE_ALONE;

static void on_timer(struct frame *f)
{
	irq_eoi(IRQ_TIMER);
	if (f->eip - (u32)code < sizeof code)
		guard_leave(0);
}

PROBE(garbage)
{
	for (unsigned i = 0; i < WORDS; i++)
		code[i] = secret(i);
	print("garbage: %08x\n", secret(1));
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	pit_periodic(2000);
	for (unsigned n = 0; n < TRIES; n++) {
		u32 (*start)(void) = (u32(*)(void))((u32)code + secret(~n) % sizeof code);

		sti();
		guard_kernel(start);
	}
	print("survived\n");
}
