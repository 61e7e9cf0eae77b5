/* Real time: nanoseconds since the monitor started, and one alarm. */
#pragma once

#include "base/types.h"

/* Measures the TSC against the 8254; takes about 20 ms. */
void timer_init(void);

/* Nanoseconds since timer_init(). Never goes back. */
u64 timer_now(void);

/* A moment: nanosecond `ns`, when the TSC's low half was `ticks`. */
struct timer_moment {
	u64 ns;
	u32 ticks;
	u32 scale; /* `n` ticks later, n below 2^32, it is ns + (n * scale >> 24) */
};

struct timer_moment timer_moment(void);

/*
 * Asks for an interrupt (HOST_TIMER) at `when`, or up to 54 ms earlier if that is further away than
 * the 8254 can count. One alarm is kept: the last call counts.
 */
void timer_alarm(u64 when);

/*
 * Seconds, minutes and so on of the real clock, as the battery-backed clock shows them, in binary.
 */
struct wall_time {
	unsigned second, minute, hour, day, month, year;
};

struct wall_time timer_wall_time(void);
