/*
 * The real-time clock and its battery-backed memory (CMOS), behind ports 0x70 (index) and 0x71
 * (data). Source: Motorola MC146818A data sheet, "DS" below; the bytes above 0x0d are the PC's own
 * convention.
 *
 *   0x00 seconds  02 minutes  04 hours  06 day of week  07 day  08 month  09 year  32 century
 *   0x01 alarm's  03          05             A rates    B modes, enables    C flags    D valid
 *
 * The date is a function of the machine's clock. A guest that sets it moves an offset; the day of
 * the week follows from the date whatever is written. rtc.c is the chip, rtc_date.c the calendar.
 */
#pragma once

#include "dev/pic.h"

#define RTC_BYTES       128u
#define SECONDS_PER_DAY 86400u

enum rtc_register {
	RTC_SECOND = 0x00,
	RTC_SECOND_ALARM = 0x01,
	RTC_MINUTE = 0x02,
	RTC_MINUTE_ALARM = 0x03,
	RTC_HOUR = 0x04,
	RTC_HOUR_ALARM = 0x05,
	RTC_WEEKDAY = 0x06, /* 1: Sunday */
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_C = 0x0c,
	RTC_D = 0x0d,
	RTC_CENTURY = 0x32,
};

#define RTC_B_SET    0x80u /* no updates: the guest writes the date */
#define RTC_B_BINARY 0x04u /* else BCD */
#define RTC_B_24H    0x02u /* else 1 to 12, with bit 7 for the afternoon */

struct rtc_date {
	u16 year; /* all four digits, from 1970 on */
	u8 month, day, hour, minute, second;
};

struct rtc {
	struct pic *pic; /* IRQ 8 */
	u8 index;
	u8 cmos[RTC_BYTES];
	u64 base;     /* the date, in seconds since 1970, when the machine's clock was `epoch` */
	u64 epoch;    /* nanoseconds, modulo 2^64 */
	u64 seconds;  /* updates since `epoch`, as of the last advance */
	u64 ticks;    /* of 32,768 Hz, likewise */
	u64 deadline; /* what rtc_deadline() returns */
};

/*
 * `date` is what the clock shows at nanosecond 0; `memory` is the machine's RAM in bytes, which
 * some CMOS bytes tell.
 */
void rtc_init(struct rtc *, struct pic *, const struct rtc_date *date, u32 memory);

/* Ports 0x70 and 0x71. `now`: the machine's clock in nanoseconds; it never goes back. */
u8 rtc_read(struct rtc *, u16 port, u64 now);
void rtc_write(struct rtc *, u16 port, u8 value, u64 now);

/* Sets all flags that are due, those too that only a reading of register C can see, and IRQ 8. */
void rtc_catch_up(struct rtc *, u64 now);

/* The same, if one is due that interrupts. */
static inline void rtc_advance(struct rtc *rtc, u64 now)
{
	if (now >= rtc->deadline)
		rtc_catch_up(rtc, now);
}

/* When a flag that interrupts may be set next, in nanoseconds, or NEVER; as of the last advance. */
static inline u64 rtc_deadline(const struct rtc *rtc)
{
	return rtc->deadline;
}

/*
 * The calendar: seconds since 1970 to the date's registers and back, in the format that register B
 * says. A month or day that does not exist counts on into the next; no year is before 1970.
 */
void rtc_date_put(u8 *cmos, u64 seconds);
u64 rtc_date_get(const u8 *cmos);
u64 rtc_date_seconds(const struct rtc_date *);
/* Whether the alarm's three registers agree with this second of the day. */
bool rtc_alarm_matches(const u8 *cmos, u32 second_of_day);
