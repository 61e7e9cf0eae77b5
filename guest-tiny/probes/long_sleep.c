/*
 * A sleep longer than any count of the 8254: its channel 0 is stopped, and HLT waits for the clock's
 * next second. A monitor that sets its own alarm by an 8254 has to set it many times.
 */
#include "probe.h"

#define RTC_INDEX 0x70
#define RTC_DATA  0x71
#define RTC_B     0x0b
#define RTC_C     0x0c
#define B_24H     0x02
#define B_UPDATE  0x10

static volatile u32 updates;

static void on_rtc(struct frame *f)
{
	out8(RTC_INDEX, RTC_C); /* reading it lets the next one come */
	updates += !!(in8(RTC_DATA) & B_UPDATE);
	irq_eoi(IRQ_RTC);
}

PROBE(long_sleep)
{
	print("secret: %08x\n", secret(1));
	pit_once(100); /* mode 0: once, and never again */
	irq_set(IRQ_RTC, on_rtc);
	irq_unmask(IRQ_RTC);
	out8(RTC_INDEX, RTC_B);
	out8(RTC_DATA, B_24H | B_UPDATE);
	while (updates < 2)
		sti_hlt();
	cli();
	print("seconds: %u\n", updates);
}
