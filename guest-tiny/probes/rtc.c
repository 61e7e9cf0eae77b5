/*
 * The real-time clock: the date, setting it, its two notations, its alarm and its flags (MC146818A
 * data sheet).
 */
#include "probe.h"

#define RTC_INDEX 0x70
#define RTC_DATA  0x71
#define SECONDS   0x00
#define ALARM     0x01 /* of the seconds; minutes and hours follow at 3 and 5 */
#define MINUTES   0x02
#define HOURS     0x04
#define DAY       0x07
#define MONTH     0x08
#define YEAR      0x09
#define RTC_A     0x0a
#define RTC_B     0x0b
#define RTC_C     0x0c
#define RTC_D     0x0d
#define CENTURY   0x32
#define MEMORY    0x6f
#define B_SET     0x80
#define B_ALARM   0x20
#define B_UPDATE  0x10
#define B_BINARY  0x04
#define B_24H     0x02

static volatile u32 interrupts;
static u8 causes;

static u8 get(u8 index)
{
	out8(RTC_INDEX, index);
	return in8(RTC_DATA);
}

static void set(u8 index, u8 value)
{
	out8(RTC_INDEX, index);
	out8(RTC_DATA, value);
}

static void on_rtc(struct frame *f)
{
	interrupts++;
	causes |= get(RTC_C);
	irq_eoi(IRQ_RTC);
}

static void wait_for_update(void)
{
	set(RTC_B, get(RTC_B) | B_UPDATE);
	interrupts = 0;
	while (!interrupts)
		sti_hlt();
	cli();
	set(RTC_B, get(RTC_B) & ~B_UPDATE);
}

static void show(const char *what)
{
	print("%s: %02x%02x-%02x-%02x %02x:%02x:%02x\n", what, get(CENTURY), get(YEAR), get(MONTH),
		get(DAY), get(HOURS), get(MINUTES), get(SECONDS));
}

static void set_date(u8 year, u8 month, u8 day, u8 hour, u8 minute, u8 second)
{
	set(RTC_B, get(RTC_B) | B_SET);
	set(YEAR, year);
	set(MONTH, month);
	set(DAY, day);
	set(HOURS, hour);
	set(MINUTES, minute);
	set(SECONDS, second);
	set(RTC_B, get(RTC_B) & ~B_SET);
}

static void try_date(void)
{
	print("date: %02x%02x-%02x-%02x\n", get(CENTURY), get(YEAR), get(MONTH), get(DAY));
	wait_for_update();
	set_date(0x31, 0x12, 0x31, 0x23, 0x59, 0x58);
	show("set");
	wait_for_update();
	show("then");
	wait_for_update();
	print("new year: %02x-%02x-%02x %02x:%02x:%02x\n", get(YEAR), get(MONTH), get(DAY),
		get(HOURS), get(MINUTES), get(SECONDS));
	set_date(0x28, 0x02, 0x28, 0x23, 0x59, 0x59);
	wait_for_update();
	print("leap year: %02x-%02x-%02x\n", get(YEAR), get(MONTH), get(DAY));
}

static void try_notations(void)
{
	set(RTC_B, B_BINARY | B_24H);
	set_date(29, 10, 11, 12, 59, 59);
	wait_for_update();
	print("binary: %u-%u-%u %u:%u:%u\n", get(YEAR), get(MONTH), get(DAY), get(HOURS),
		get(MINUTES), get(SECONDS));
	set(RTC_B, 0);
	set_date(0x29, 0x10, 0x11, 0x91, 0x59, 0x59); /* 11:59:59 p.m. */
	wait_for_update();
	print("12 hours: %02x %02x:%02x:%02x\n", get(DAY), get(HOURS), get(MINUTES), get(SECONDS));
	set(RTC_B, B_24H);
}

static void try_alarm(void)
{
	set_date(0x26, 0x01, 0x01, 0x10, 0x20, 0x30);
	set(ALARM, 0x33);
	set(ALARM + 2, 0x20);
	set(ALARM + 4, 0xc0); /* any hour */
	get(RTC_C);
	causes = 0;
	interrupts = 0;
	set(RTC_B, B_24H | B_ALARM);
	while (!interrupts)
		sti_hlt();
	cli();
	print("alarm: at %02x:%02x causes %02x then %02x\n", get(MINUTES), get(SECONDS),
		causes & 0xa0, get(RTC_C) & 0xa0);
	set(RTC_B, B_24H);
}

PROBE(rtc)
{
	irq_set(IRQ_RTC, on_rtc);
	irq_unmask(IRQ_RTC);
	PROBE_STOP(1);
	print("a: %02x b: %02x d: %02x\n", get(RTC_A) & 0x7f, get(RTC_B), get(RTC_D));
	set(MEMORY, secret(1));
	set(MEMORY + 1, secret(2));
	print("memory: %02x %02x\n", get(MEMORY), get(MEMORY + 1));
	try_date();
	try_notations();
	try_alarm();
	get(RTC_C);
	print("c: %02x\n", get(RTC_C));
}
