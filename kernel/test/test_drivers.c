/*
 * Devices as the drivers of a real kernel use them: the order of accesses, and what the answers must be,
 * are those of Linux 6.1 (arch/x86/kernel/i8259.c and tsc.c, drivers/clocksource/i8253.c,
 * drivers/tty/serial/8250, drivers/input/serio/i8042.c, drivers/rtc/rtc-cmos.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/platform.h"

#define SECOND 1000000000ull
#define ACCESS 2000 /* nanoseconds that a port access takes */

static struct platform *pc;
static u64 now;
static char sent[64];
static unsigned sent_count;

static void transmit(void *owner, u8 byte)
{
	assert_in_range(sent_count, 0, sizeof sent - 1);
	sent[sent_count++] = byte;
}

static int set_up(void **state)
{
	static const struct platform_config config = {
		.date = {2026, 2, 28, 23, 59, 58},
		.memory = 64 * MIB,
		.transmit = transmit,
		.debug = transmit,
	};

	pc = malloc(sizeof(*pc));
	platform_init(pc, &config);
	now = sent_count = 0;
	return 0;
}

static int tear_down(void **state)
{
	free(pc);
	return 0;
}

static u8 in(u16 port)
{
	now += ACCESS;
	return bus_port_in(&pc->bus, port, 1, now);
}

static void out(u16 port, u8 value)
{
	now += ACCESS;
	bus_port_out(&pc->bus, port, 1, value, now);
}

/* The next interrupt's vector, at the time at which it comes; 0 if none comes within a minute. */
static u8 wait_interrupt(void)
{
	for (u64 end = now + 60 * SECOND; now < end; now = MIN(end, platform_deadline(pc))) {
		platform_advance(pc, now);
		if (platform_interrupt_pending(pc))
			return platform_interrupt_acknowledge(pc, now);
	}
	return 0;
}

/* Vectors 0x30 and 0x38, all masked but the cascade. */
static void start_pics(void)
{
	static const u8 words[][2] = {{0x11, 0x11}, {0x30, 0x38}, {0x04, 0x02}, {0x01, 0x01}};

	out(0x21, 0xff);
	out(0xa1, 0xff);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		out(i ? 0x21 : 0x20, words[i][0]);
		out(i ? 0xa1 : 0xa0, words[i][1]);
	}
	out(0x21, 0xfb);
	out(0xa1, 0xff);
}

/* A mask that reads back is how the chip is found; an interrupt is masked, and ended by its number. */
static void pic_is_found_and_handles(void **state)
{
	start_pics();
	assert_int_equal(in(0x21), 0xfb);
	out(0x43, 0x34); /* 250 Hz */
	out(0x40, 0xa5);
	out(0x40, 0x12);
	out(0x21, 0xfa);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(wait_interrupt(), 0x30);
		out(0x21, in(0x21) | 1);
		out(0x20, 0x60);
		assert_false(platform_interrupt_pending(pc));
		out(0x21, in(0x21) & ~1);
	}
	assert_in_range(now, SECOND * 10 / 251, SECOND * 10 / 249);
	out(0x20, 0x0b); /* is a request real? The ISR tells */
	assert_int_equal(in(0x20), 0);
	out(0x20, 0x0a);
}

/* The clock chip's interrupt comes by the second PIC: ended there, then in the first, by their numbers. */
static void second_pic_is_ended_first(void **state)
{
	start_pics();
	out(0xa1, 0xfe);
	out(0x70, 0x0b);
	out(0x71, in(0x71) | 0x10); /* update-ended interrupts */
	assert_int_equal(wait_interrupt(), 0x38);
	out(0xa0, 0x0b);
	assert_int_equal(in(0xa0), 0x01);
	out(0xa0, 0x0a);
	out(0xa0, 0x60);
	out(0x20, 0x62);
	out(0x70, 0x0c);
	assert_int_equal(in(0x71) & 0x90, 0x90);
	assert_int_equal(wait_interrupt(), 0x38); /* a second later */
}

/* Counter 2, gated by port 0x61. */
static void start_counter(u8 mode, u16 count)
{
	out(0x61, (in(0x61) & ~2) | 1);
	out(0x43, 0xb0 | mode);
	out(0x42, count & 0xff);
	out(0x42, count >> 8);
}

/* The fast way to measure the TSC: how long does each high byte of counter 2 stand? */
static void counter_2_shows_the_rate_of_time(void **state)
{
	u64 first = 0, last = 0;
	u8 high = 0xff;

	start_counter(0, 0xffff);
	in(0x42); /* the first byte may come before the count is loaded */
	in(0x42);
	for (unsigned steps = 0; steps <= 200; high--) {
		unsigned reads = 0;

		for (;; reads++) {
			in(0x42);
			if (in(0x42) != high)
				break;
			last = now;
			assert_in_range(reads, 0, 60); /* 215 us */
		}
		assert_in_range(reads, 5, 60);
		if (steps++ == 0)
			first = last;
	}
	/* 200 high bytes of 256 ticks, as exactly as two accesses let one see. */
	assert_in_range(last - first, 200 * 256 * SECOND / PIT_HZ - 2 * ACCESS,
		200 * 256 * SECOND / PIT_HZ + 2 * ACCESS);
}

/* The slow way: counter 2 runs out, and port 0x61 tells when. */
static void counter_2_runs_out_in_time(void **state)
{
	for (u32 ms = 10; ms <= 50; ms += 40) {
		u64 from;

		start_counter(0, PIT_HZ / 1000 * ms);
		from = now;
		while (!(in(0x61) & 0x20))
			assert_in_range(now, 0, SECOND);
		assert_in_range(now - from, ms * PIT_HZ / 1000 * SECOND / PIT_HZ - ms * 1000,
			ms * 1000000 + 3 * ACCESS);
	}
}

/* Counter 0 as a clock event: periodic, then one shot (mode 4), then off. */
static void counter_0_rings_as_told(void **state)
{
	u64 from;
	u16 count;

	start_pics();
	out(0x21, 0xfa);
	out(0x43, 0x38);
	out(0x40, 0x00);
	out(0x40, 0x10); /* 4096 ticks */
	from = now;
	assert_int_equal(wait_interrupt(), 0x30);
	out(0x20, 0x60);
	assert_in_range(now - from, 4096 * SECOND / PIT_HZ, 4098 * SECOND / PIT_HZ + 2 * ACCESS);
	assert_int_equal(wait_interrupt(), 0); /* once */
	out(0x43, 0x34);
	out(0x40, 0xa5);
	out(0x40, 0x12);
	for (unsigned i = 0; i < 1000;
		i++) { /* as a clock source: latched, never above the count */
		out(0x43, 0x00);
		count = in(0x40);
		count |= in(0x40) << 8;
		assert_in_range(count, 1, 0x12a5);
	}
}

static u8 cmos(u8 index)
{
	out(0x70, index);
	return in(0x71);
}

static void set_cmos(u8 index, u8 value)
{
	out(0x70, index);
	out(0x71, value);
}

/* Register A's "update in progress" becomes that. */
static void wait_update(u8 in_progress)
{
	while ((cmos(RTC_A) & 0x80) != in_progress)
		assert_in_range(now, 0, 2 * SECOND);
}

/* The date is read between two updates; the alarm keeps what it is given, and rings. */
static void clock_is_read_and_rings(void **state)
{
	wait_update(0x80);
	wait_update(0x00);
	assert_int_equal(cmos(RTC_SECOND), 0x59);
	assert_int_equal(cmos(RTC_DAY), 0x28);
	assert_int_equal(cmos(RTC_D) & 0x80, 0x80); /* the battery is good */
	start_pics();
	out(0xa1, 0xfe);
	set_cmos(RTC_HOUR_ALARM, 0x00);
	set_cmos(RTC_MINUTE_ALARM, 0x00);
	set_cmos(RTC_SECOND_ALARM, 0x02);
	assert_int_equal(cmos(RTC_SECOND_ALARM), 0x02);
	set_cmos(RTC_B, cmos(RTC_B) | 0x20);
	assert_int_equal(wait_interrupt(), 0x38);
	assert_in_range(now, 4 * SECOND, 4 * SECOND + SECOND / 100);
	assert_int_equal(cmos(RTC_C) & 0xb0, 0xb0);
	assert_int_equal(cmos(RTC_DAY), 0x01); /* 2026 has no 29 February */
	assert_int_equal(cmos(RTC_MONTH), 0x03);
}

static u8 controller(u8 command)
{
	assert_int_equal(in(0x64) & 0x02, 0); /* its input buffer is empty */
	out(0x64, command);
	assert_int_equal(in(0x64) & 0x21, 0x01); /* an answer, and not the mouse's */
	return in(0x60);
}

/* The controller tests itself; there is a keyboard and no mouse. */
static void keyboard_is_found_and_no_mouse(void **state)
{
	u8 byte;

	for (unsigned i = 0; i < 16 && in(0x64) & 1; i++)
		in(0x60);
	byte = controller(0x20);
	out(0x64, 0x60);
	out(0x60, byte | 0x30);
	assert_int_equal(controller(0x20), byte | 0x30);
	assert_int_equal(controller(0xaa), 0x55);
	assert_int_equal(controller(0xab), 0x00);
	out(0x64,
		0xd3); /* a byte as if from the mouse comes back as the keyboard's: no second port */
	out(0x60, 0x5a);
	assert_int_equal(in(0x64) & 0x21, 0x01);
	assert_int_equal(in(0x60), 0x5a);
	assert_int_not_equal(controller(0xa9), 0x00); /* nor are there a mouse's lines */
	out(0x60, 0xf2);
	assert_int_equal(in(0x60), 0xfa);
	assert_int_equal(in(0x60), 0xab);
}

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR };

/* What a serial driver tries on each of four addresses. */
static bool is_uart(u16 base)
{
	u8 first, second;

	out(base + 1, 0);
	first = in(base + 1) & 0x0f;
	out(base + 1, 0x0f);
	second = in(base + 1) & 0x0f;
	out(base + 1, 0);
	return first == 0 && second == 0x0f;
}

static void serial_port_is_a_16550a(void **state)
{
	assert_true(is_uart(DATA));
	assert_false(is_uart(0x2f8));
	assert_false(is_uart(0x3e8));
	out(MCR, 0x1a); /* looped back: OUT2 and RTS are DCD and CTS */
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0x08);
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
	out(LCR, 0x80); /* the divisor is there, and the data register is not */
	out(DATA, 0x01);
	out(IER, 0x00);
	out(LCR, 0x03);
	assert_int_equal(sent_count, 0);
	out(IIR, 0x01);
	assert_int_equal(in(IIR) >> 6, 3); /* a FIFO that works: 16550A */
	out(IIR, 0x00);
	assert_int_equal(in(IIR) >> 6, 0);
}

/* Sixteen bytes an interrupt, until nothing is left to send. */
static void serial_port_sends_by_interrupts(void **state)
{
	unsigned left = 40;

	start_pics();
	out(0x21, 0xeb);
	out(IIR, 0x07);
	out(MCR, 0x0b);
	out(IER, 0x02);
	while (left) {
		assert_int_equal(wait_interrupt(), 0x34);
		assert_int_equal(in(IIR)&0x0f, 0x02);
		assert_int_equal(in(LSR)&0x20, 0x20);
		for (unsigned i = 0; i < 16 && left; i++, left--)
			out(DATA, 'a' + left % 26);
		out(0x20, 0x64);
	}
	assert_int_equal(wait_interrupt(), 0x34); /* empty again, and nothing to say */
	assert_int_equal(in(IIR)&0x0f, 0x02);
	out(IER, 0x00);
	out(0x20, 0x64);
	assert_int_equal(wait_interrupt(), 0);
	assert_int_equal(sent_count, 40);
}

int main(void)
{
#define DRIVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		DRIVER_TEST(pic_is_found_and_handles),
		DRIVER_TEST(second_pic_is_ended_first),
		DRIVER_TEST(counter_2_shows_the_rate_of_time),
		DRIVER_TEST(counter_2_runs_out_in_time),
		DRIVER_TEST(counter_0_rings_as_told),
		DRIVER_TEST(clock_is_read_and_rings),
		DRIVER_TEST(keyboard_is_found_and_no_mouse),
		DRIVER_TEST(serial_port_is_a_16550a),
		DRIVER_TEST(serial_port_sends_by_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
