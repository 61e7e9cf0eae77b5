/*
 * The MC146818: registers, flags and alarm. The date's own arithmetic is in rtc_date.c.
 *
 *   machine's clock - epoch --+-- / 10^9 ns ----> seconds: update-ended, alarm
 *                             +-- * 32768 Hz ---> ticks: periodic interrupt
 */
#include "dev/rtc.h"

#include "base/math64.h"
#include "dev/bus.h"

/* Register A */
#define A_UIP   0x80u /* an update comes within 244 us */
#define A_RESET 0x60u /* both bits: the divider is held in reset */
#define A_RATE  0x0fu
/* Registers B (enable) and C (flag) */
#define PERIODIC 0x40u
#define ALARM    0x20u
#define UPDATE   0x10u
#define C_IRQF   0x80u

#define TICK_HZ      32768u
#define UIP_NS       244000u
#define FIRST_UPDATE (NS_PER_SECOND / 2) /* after the divider's reset (DS "Divider Control") */

/* The PC's own bytes (IBM PC/AT technical reference, "CMOS RAM"; Bochs and QEMU for 0x34). */
#define CMOS_CHECKED_FIRST   0x10
#define CMOS_EQUIPMENT       0x14 /* an FPU, a colour display of 80 columns */
#define CMOS_BASE_MEMORY     0x15 /* KiB below 1 MiB */
#define CMOS_EXTENDED_MEMORY 0x17 /* KiB above 1 MiB */
#define CMOS_CHECKED_LAST    0x2d
#define CMOS_CHECKSUM        0x2e
#define CMOS_EXTENDED_FOUND  0x30 /* as 0x17 */
#define CMOS_ABOVE_16M       0x34 /* in 64 KiB */

/* 0, 2, 4, 6 to 9 and the century; 1, 3 and 5 are the alarm's. */
static bool is_date(unsigned index)
{
	return index <= RTC_YEAR ? !(index & 1) || index >= RTC_WEEKDAY : index == RTC_CENTURY;
}

/* With the divider held in reset nothing counts: no updates, no periods (DS table 4). */
static bool divider_held(const struct rtc *rtc)
{
	return (rtc->cmos[RTC_A] & A_RESET) == A_RESET;
}

/* Whether the date stands still, as the guest has left it in the registers. */
static bool is_stopped(const struct rtc *rtc)
{
	return rtc->cmos[RTC_B] & RTC_B_SET || divider_held(rtc);
}

/* Both counts begin at `epoch`, where the divider was last let go. */
static u64 seconds_at(const struct rtc *rtc, u64 now)
{
	return div64(now - rtc->epoch, NS_PER_SECOND);
}

static u64 ticks_at(const struct rtc *rtc, u64 now)
{
	return mul_div(now - rtc->epoch, TICK_HZ, NS_PER_SECOND);
}

/* Ticks from one periodic interrupt to the next, or 0 for none (DS table 5). */
static u32 period(const struct rtc *rtc)
{
	unsigned rate = rtc->cmos[RTC_A] & A_RATE;

	if (rate == 0)
		return 0;
	return 1u << (rate < 3 ? rate + 6 : rate - 1);
}

/* Whether the alarm goes off at one of the updates (from, to]. A day's worth decides. */
static bool alarm_between(const struct rtc *rtc, u64 from, u64 to)
{
	u64 first = to - from > SECONDS_PER_DAY ? to - SECONDS_PER_DAY : from;

	for (u64 s = first + 1; s <= to; s++)
		if (rtc_alarm_matches(rtc->cmos, mod64(rtc->base + s, SECONDS_PER_DAY)))
			return true;
	return false;
}

/* The next update: the registers show a new second. */
static u64 next_update(const struct rtc *rtc)
{
	return rtc->epoch + (rtc->seconds + 1) * NS_PER_SECOND;
}

static u64 next_period(const struct rtc *rtc)
{
	u32 every = period(rtc);
	u64 tick;

	if (!every)
		return NEVER;
	tick = (div64(rtc->ticks, every) + 1) * every;
	/* 10^9 / 32768 = 1953125 / 64, rounded up */
	return rtc->epoch + mul_div(tick, 1953125, 64) + (tick % 64 != 0);
}

/* An alarm is looked for at every update: once a second is rare enough. */
static u64 next_interrupt(const struct rtc *rtc)
{
	/* A flag that is set already interrupts no second time. */
	unsigned wanted = rtc->cmos[RTC_B] & ~rtc->cmos[RTC_C];
	u64 next = NEVER;

	if (divider_held(rtc))
		return NEVER;
	if (wanted & PERIODIC)
		next = next_period(rtc);
	if (wanted & (ALARM | UPDATE) && !is_stopped(rtc))
		next = MIN(next, next_update(rtc));
	return next;
}

/* After every change of a flag, an enable or a rate. */
static void update_line(struct rtc *rtc)
{
	u8 flags = rtc->cmos[RTC_C] & ~C_IRQF;

	rtc->cmos[RTC_C] = flags & rtc->cmos[RTC_B] ? flags | C_IRQF : flags;
	pic_set_line(rtc->pic, IRQ_CLOCK, rtc->cmos[RTC_C] & C_IRQF);
	rtc->deadline = next_interrupt(rtc);
}

void rtc_catch_up(struct rtc *rtc, u64 now)
{
	u64 seconds = seconds_at(rtc, now), ticks = ticks_at(rtc, now);
	u32 every = period(rtc);

	if (ticks == rtc->ticks || divider_held(rtc))
		return;
	if (every && div64(ticks, every) != div64(rtc->ticks, every))
		rtc->cmos[RTC_C] |= PERIODIC;
	if (seconds != rtc->seconds && !is_stopped(rtc)) {
		rtc->cmos[RTC_C] |= UPDATE;
		if (alarm_between(rtc, rtc->seconds, seconds))
			rtc->cmos[RTC_C] |= ALARM;
	}
	rtc->ticks = ticks;
	rtc->seconds = seconds;
	update_line(rtc);
}

/* Writes the date into the registers, unless the guest holds them. */
static void show_date(struct rtc *rtc)
{
	if (!is_stopped(rtc))
		rtc_date_put(rtc->cmos, rtc->base + rtc->seconds);
}

/* Takes the date from the registers: it holds from this moment on. */
static void take_date(struct rtc *rtc)
{
	rtc->base = rtc_date_get(rtc->cmos) - rtc->seconds;
}

/* The divider starts from zero, half a second before the first update. */
static void restart_divider(struct rtc *rtc, u64 now)
{
	rtc->base += rtc->seconds;
	rtc->epoch = now - FIRST_UPDATE;
	rtc->seconds = 0;
	rtc->ticks = ticks_at(rtc, now);
}

static u8 read_data(struct rtc *rtc, u64 now)
{
	u8 value;

	show_date(rtc);
	value = rtc->cmos[rtc->index];
	if (rtc->index == RTC_A && !is_stopped(rtc) &&
		mod64(now - rtc->epoch, NS_PER_SECOND) >= NS_PER_SECOND - UIP_NS)
		value |= A_UIP;
	if (rtc->index == RTC_C) { /* the reading clears all flags, and so the request */
		rtc->cmos[RTC_C] = 0;
		update_line(rtc);
	}
	return value;
}

/* Registers A and B: the date may stop, or go on from what the registers say. */
static void write_control(struct rtc *rtc, u8 value, u64 now)
{
	bool was_held = divider_held(rtc), was_stopped = is_stopped(rtc);

	if (rtc->index == RTC_A)
		value &= ~A_UIP;
	else if (value & RTC_B_SET)
		value &= ~UPDATE; /* DS "Register B, UIE" */
	rtc->cmos[rtc->index] = value;
	if (was_held && !divider_held(rtc))
		restart_divider(rtc, now);
	if (was_stopped && !is_stopped(rtc))
		take_date(rtc);
	update_line(rtc);
}

static void write_data(struct rtc *rtc, u8 value, u64 now)
{
	show_date(rtc);
	switch (rtc->index) {
	case RTC_A:
	case RTC_B:
		write_control(rtc, value, now);
		break;
	case RTC_C:
	case RTC_D:
		break; /* read only */
	default:
		rtc->cmos[rtc->index] = value;
		if (is_date(rtc->index) && !is_stopped(rtc))
			take_date(rtc);
	}
}

u8 rtc_read(struct rtc *rtc, u16 port, u64 now)
{
	if (!(port & 1)) /* the index cannot be read */
		return 0xff;
	rtc_catch_up(rtc, now);
	return read_data(rtc, now);
}

void rtc_write(struct rtc *rtc, u16 port, u8 value, u64 now)
{
	rtc_catch_up(rtc, now);
	if (port & 1)
		write_data(rtc, value, now);
	else
		rtc->index = value % RTC_BYTES; /* bit 7 masks NMI, of which there is none */
}

static void put_word(struct rtc *rtc, unsigned index, u32 value)
{
	rtc->cmos[index] = value;
	rtc->cmos[index + 1] = value >> 8;
}

/* What a PC's firmware has found out about the machine. */
static void describe_memory(struct rtc *rtc, u32 memory)
{
	u32 above_1m = memory > MIB ? (memory - MIB) / KIB : 0;
	u32 above_16m = memory > 16 * MIB ? (memory - 16 * MIB) / (64 * KIB) : 0;
	u16 sum = 0;

	put_word(rtc, CMOS_BASE_MEMORY, MIN(memory / KIB, 640));
	put_word(rtc, CMOS_EXTENDED_MEMORY, MIN(above_1m, 0xffff));
	put_word(rtc, CMOS_EXTENDED_FOUND, MIN(above_1m, 0xffff));
	put_word(rtc, CMOS_ABOVE_16M, above_16m);
	for (unsigned i = CMOS_CHECKED_FIRST; i <= CMOS_CHECKED_LAST; i++)
		sum += rtc->cmos[i];
	rtc->cmos[CMOS_CHECKSUM] = sum >> 8; /* the one field with its high byte first */
	rtc->cmos[CMOS_CHECKSUM + 1] = sum;
}

void rtc_init(struct rtc *rtc, struct pic *pic, const struct rtc_date *date, u32 memory)
{
	*rtc = (struct rtc){
		.pic = pic,
		.base = rtc_date_seconds(date),
		.cmos = {[RTC_A] = 0x26, /* 32,768 Hz crystal, 1024 interrupts a second */
			[RTC_B] = RTC_B_24H,
			[RTC_D] = 0x80, /* the battery is good */
			[CMOS_EQUIPMENT] = 0x22},
	};
	describe_memory(rtc, memory);
	update_line(rtc);
}
