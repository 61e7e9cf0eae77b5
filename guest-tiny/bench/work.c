/*
 * Works for ever and keeps the amount in a page that can be found from outside: what several
 * machines do together is the sum over all such pages. tick=HZ: with a clock, as a kernel has one.
 */
#include "machine.h"
#include "probe.h"

#define STEPS 1000
#define MARK  0xbe4c4bad /* and its multiples; tools/bench.py looks for them */

static volatile struct {
	u32 mark[4];
	u32 done; /* blocks of STEPS steps */
	u32 sum;
	u32 ticks;
} progress PAGE_ALONE;

static void on_tick(struct frame *f)
{
	progress.ticks++;
	irq_eoi(IRQ_TIMER);
}

void guest_main(const struct multiboot_info *info)
{
	u32 hz = probe_option(info, "tick", 0), h = SECRET;

	for (u32 i = 0; i < ARRAY_SIZE(progress.mark); i++)
		progress.mark[i] = MARK * (i + 1);
	irq_set(IRQ_TIMER, on_tick);
	if (hz) {
		pit_periodic(PIT_HZ / hz);
		irq_unmask(IRQ_TIMER);
		sti();
	}
	for (;; progress.done++) {
		for (u32 i = 0; i < STEPS; i++)
			h = (h ^ h >> 15) * 0x2c1b3c6d + i;
		progress.sum = h;
	}
}
