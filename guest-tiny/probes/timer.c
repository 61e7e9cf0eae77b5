/*
 * One clock: PIT, TSC and RTC agree, and no tick is lost or doubled. Prints no times, only whether
 * each lies within its tolerance, so that it says the same wherever the clock is right.
 */
#include "probe.h"

#define DIVISOR      11932    /* 100.0 Hz */
#define TICK_NS      10000151 /* DIVISOR cycles of 1,193,182 Hz; the TSC counts nanoseconds */
#define SECOND_NS    1000000000u
#define TICKS        50
#define RTC_INDEX    0x70
#define RTC_DATA     0x71
#define RTC_A        0x0a
#define RTC_B        0x0b
#define RTC_C        0x0c
#define B_24H        0x02
#define B_UPDATE     0x10
#define B_PERIODIC   0x40
#define SPEAKER      0x61
#define PIT_CHANNEL2 0x42

static volatile u32 ticks, updates, periods;

static u8 rtc_read(u8 index)
{
	out8(RTC_INDEX, index);
	return in8(RTC_DATA);
}

static void rtc_write(u8 index, u8 value)
{
	out8(RTC_INDEX, index);
	out8(RTC_DATA, value);
}

static void on_timer(struct frame *f)
{
	ticks++;
	irq_eoi(IRQ_TIMER);
}

static void on_rtc(struct frame *f)
{
	u8 cause = rtc_read(RTC_C);

	updates += !!(cause & B_UPDATE);
	periods += !!(cause & B_PERIODIC);
	irq_eoi(IRQ_RTC);
}

/* Whether `value` is within `percent` of what it should be. */
static void judge(const char *what, u32 value, u32 should, u32 percent)
{
	u32 slack = should / 100 * percent;
	bool ok = value >= should - slack && value <= should + slack;

	print("%s: %s", what, ok ? "ok\n" : "bad ");
	if (!ok)
		print("%u not %u\n", value, should);
}

static u32 now(void)
{
	return rdtsc();
}

static void wait_for(const volatile u32 *counter, u32 more)
{
	u32 end = *counter + more;

	while ((s32)(*counter - end) < 0)
		sti_hlt();
	cli();
}

/*
 * The same without HLT: while halted, QEMU 7.2 under -icount loses every second periodic interrupt
 * of the RTC.
 */
static void spin_for(const volatile u32 *counter, u32 more)
{
	u32 end = *counter + more;

	sti();
	while ((s32)(*counter - end) < 0)
		;
	cli();
}

static void idle_ticks(void)
{
	u32 start;

	wait_for(&ticks, 2); /* one may have waited since long ago */
	start = now();
	wait_for(&ticks, TICKS);
	judge("halted for 50 ticks", now() - start, TICKS * TICK_NS, 1);
}

static void busy_ticks(void)
{
	u32 start, before;

	wait_for(&ticks, 1);
	start = now();
	before = ticks;
	sti();
	while (now() - start < TICKS * TICK_NS + TICK_NS / 2)
		;
	cli();
	print("ticks while busy: %u\n", ticks - before);
}

/* Ticks that pass while interrupts are masked leave one request, not several. */
static void masked_ticks(void)
{
	u32 start, before;

	wait_for(&ticks, 1);
	start = now();
	before = ticks;
	while (now() - start < 3 * TICK_NS + TICK_NS / 2)
		;
	sti();
	asm volatile("nop; nop; nop");
	cli();
	print("after 3 masked: %u\n", ticks - before);
	/* And the next one comes at its own time. */
	wait_for(&ticks, 1);
	judge("the one after", now() - start, 4 * TICK_NS, 2);
}

static void against_rtc(void)
{
	u32 start, before;

	rtc_write(RTC_B, B_24H | B_UPDATE);
	rtc_read(RTC_C);
	wait_for(&updates, 1);
	start = now();
	before = ticks;
	wait_for(&updates, 2);
	judge("two seconds", now() - start, 2 * SECOND_NS, 1);
	judge("ticks in two seconds", ticks - before, 200, 1);
	rtc_write(RTC_A, 0x26); /* 1024 Hz */
	rtc_write(RTC_B, B_24H | B_PERIODIC);
	rtc_read(RTC_C);
	spin_for(&periods, 1);
	start = now();
	spin_for(&periods, 256);
	judge("256 periods", now() - start, SECOND_NS / 4, 1);
	rtc_write(RTC_B, B_24H);
	rtc_read(RTC_C);
}

/* Channel 2 by its gate, as kernels measure the TSC: its output rises after 59659 cycles. */
static void against_channel_2(void)
{
	u32 start;

	out8(SPEAKER, 0);
	out8(PIT_COMMAND, 0xb0); /* channel 2, mode 0 */
	out8(PIT_CHANNEL2, 59659 & 0xff);
	out8(PIT_CHANNEL2, 59659 >> 8);
	print("output: %u", in8(SPEAKER) >> 5 & 1);
	start = now();
	out8(SPEAKER, 1);
	while (!(in8(SPEAKER) & 0x20))
		;
	judge(" channel 2", now() - start, SECOND_NS / 20, 1);
	out8(SPEAKER, 0);
}

PROBE(timer)
{
	irq_set(IRQ_TIMER, on_timer);
	irq_set(IRQ_RTC, on_rtc);
	irq_unmask(IRQ_TIMER);
	irq_unmask(IRQ_RTC);
	pit_periodic(DIVISOR);
	print("secret: %08x\n", secret(1));
	PROBE_STOP(1);
	idle_ticks();
	busy_ticks();
	masked_ticks();
	against_rtc();
	against_channel_2();
	idle_ticks();
}
