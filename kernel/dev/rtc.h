/*
 * The real-time clock and its battery-backed memory (CMOS), behind ports 0x70 (index) and 0x71
 * (data). Source: Motorola MC146818A data sheet ("DS" below); the bytes above 0x0d are the PC's own
 * convention.
 *
 *   0x00 seconds  02 minutes  04 hours  06 day of week  07 day  08 month  09 year  32 century
 *   0x01 alarm's  03          05             A rates    B modes, enables    C flags    D valid
 *
 * The date is a function of the machine's clock. A guest that sets it moves an offset.
 */
#pragma once

#include "dev/pic.h"

struct rtc_date {
	u16 year; /* all four digits */
	u8 month, day, hour, minute, second;
};

struct rtc {
	struct pic *pic; /* IRQ 8 */
	u8 index;
	u8 cmos[128];
	u64 base;  /* the date, in seconds since 1970, at nanosecond `epoch` of the machine's clock
		    */
	u64 epoch; /* modulo 2^64 */
	u64 seconds; /* updates seen since `epoch` */
	u64 ticks;   /* ticks of 32,768 Hz seen since `epoch` */
};

/* `date` is what the clock shows at nanosecond 0; `memory` is the machine's RAM in bytes, for the
 * CMOS fields that tell it. */
void rtc_init(struct rtc *, struct pic *, const struct rtc_date *date, u32 memory);

/* Ports 0x70 and 0x71. `now`: the machine's clock in nanoseconds. */
u8 rtc_read(struct rtc *, u16 port, u64 now);
void rtc_write(struct rtc *, u16 port, u8 value, u64 now);

/* Sets the flags whose time has come, and IRQ 8. */
void rtc_advance(struct rtc *, u64 now);
/* When a flag that would interrupt may be set next, in nanoseconds, or NEVER. */
u64 rtc_deadline(const struct rtc *, u64 now);
