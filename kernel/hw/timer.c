/*
 * Real time. The TSC tells it, the 8254's channel 0 rings. Sources: Intel 8254 data sheet; Motorola
 * MC146818A data sheet for the battery-backed clock.
 */
#include "hw/timer.h"

#include "base/math64.h"
#include "hw/insn.h"
#include "hw/interrupt.h"

#define PIT_HZ        1193182u
#define PIT_CHANNEL0  0x40
#define PIT_CHANNEL2  0x42
#define PIT_COMMAND   0x43
#define PIT_ONE_SHOT0 0x30 /* channel 0, low then high byte, mode 0 */
#define PIT_ONE_SHOT2 0xb0 /* channel 2, the same */
#define PIT_MAX       0xffffu
#define PORT_B        0x61 /* bit 0: channel 2 counts; bit 5: its output */

#define CALIBRATION_TICKS 23864u /* 20 ms */

static u64 start;

/*
 * Nanoseconds of one tick of the TSC, times 2^24: time is asked for at every exit, and there divisions
 * would be the dearest part. It errs by less than 10 ms in a day, the 8254's crystal by more.
 */
static u32 scale;

void timer_init(void)
{
	u64 from;
	u32 tsc_khz;

	out8(PORT_B, (in8(PORT_B) & ~3u) | 1);
	out8(PIT_COMMAND, PIT_ONE_SHOT2);
	out8(PIT_CHANNEL2, CALIBRATION_TICKS & 0xff);
	out8(PIT_CHANNEL2, CALIBRATION_TICKS >> 8);
	from = read_tsc();
	while (!(in8(PORT_B) & 0x20))
		;
	/* ticks / PIT_HZ seconds have passed: kHz = cycles * PIT_HZ / ticks / 1000 */
	tsc_khz = div64(mul_div(read_tsc() - from, PIT_HZ, CALIBRATION_TICKS), 1000);
	scale = mul_div(1 << 24, 1000000, tsc_khz);
	start = read_tsc();
	interrupt_unmask(HOST_TIMER);
}

static u64 time_at(u64 tsc)
{
	u64 ticks = tsc - start;
	u64 low = (ticks & 0xffffffff) * scale, high = (ticks >> 32) * scale;

	return (high << 8) + (low >> 24);
}

u64 timer_now(void)
{
	return time_at(read_tsc());
}

struct timer_moment timer_moment(void)
{
	u64 tsc = read_tsc();

	return (struct timer_moment){.ns = time_at(tsc), .ticks = tsc, .scale = scale};
}

void timer_alarm(u64 when)
{
	u64 now = timer_now();
	u64 ns = when > now ? when - now : 0;
	u32 ticks = PIT_MAX;

	if (ns < 50000000)
		ticks = mul_div(ns, PIT_HZ, NS_PER_SECOND) + 1;
	out8(PIT_COMMAND, PIT_ONE_SHOT0);
	out8(PIT_CHANNEL0, ticks & 0xff);
	out8(PIT_CHANNEL0, ticks >> 8);
}

static unsigned cmos(u8 index)
{
	out8(0x70, index);
	return in8(0x71);
}

/* BCD to binary, if register B says that the clock counts in BCD. */
static unsigned cmos_number(u8 index)
{
	unsigned value = cmos(index);

	return cmos(0x0b) & 4 ? value : (value >> 4) * 10 + (value & 15);
}

struct wall_time timer_wall_time(void)
{
	while (cmos(0x0a) & 0x80) /* an update is in progress */
		;
	return (struct wall_time){
		.second = cmos_number(0),
		.minute = cmos_number(2),
		.hour = cmos_number(4),
		.day = cmos_number(7),
		.month = cmos_number(8),
		.year = 2000 + cmos_number(9),
	};
}
