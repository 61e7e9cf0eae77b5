/* The tick: a hundred times a second it counts, wakes sleepers, and takes the processor away. */
#include "os.h"

#include "pic.h"

static u32 ticks;

static void on_tick(struct frame *f)
{
	irq_eoi(IRQ_TIMER);
	ticks++;
	current->ticks++;
	process_wake(&ticks);
	/* From the idle loop there is no need: it looks for itself. */
	if (frame_from_user(f))
		process_yield();
}

void clock_init(void)
{
	irq_set(IRQ_TIMER, on_tick);
	pit_periodic(PIT_HZ / TICKS_PER_SECOND);
	irq_unmask(IRQ_TIMER);
}

u32 clock_ticks(void)
{
	return ticks;
}

/* Every tick wakes every sleeper, and most go back to sleep: simple, and cheap for a few. */
void clock_sleep(u32 count)
{
	u32 start = ticks;

	while (ticks - start < count)
		process_block(&ticks, "sleeping");
}
