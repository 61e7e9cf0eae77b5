/*
 * The real-time clock: its calendar against the host's C library, its registers against the
 * MC146818A data sheet, and the sequences by which Linux reads and sets it.
 */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "dev/bus.h"
#include "dev/rtc.h"

#define SECOND 1000000000ull
#define MINUTE (60 * SECOND)
#define DAY    (86400 * SECOND)

static struct pic pic;
static struct rtc rtc;

static u8 in(u8 index, u64 now)
{
	rtc_write(&rtc, 0x70, index, now);
	return rtc_read(&rtc, 0x71, now);
}

static void out(u8 index, u8 value, u64 now)
{
	rtc_write(&rtc, 0x70, index, now);
	rtc_write(&rtc, 0x71, value, now);
}

static bool line(void)
{
	return pic.chip[1].lines & 1;
}

/* Compares hour, minute, second as they stand in the registers. */
static void expect_time(u64 now, u8 hour, u8 minute, u8 second)
{
	assert_int_equal(in(RTC_HOUR, now), hour);
	assert_int_equal(in(RTC_MINUTE, now), minute);
	assert_int_equal(in(RTC_SECOND, now), second);
}

static void expect_date(u64 now, u8 century, u8 year, u8 month, u8 day)
{
	assert_int_equal(in(RTC_CENTURY, now), century);
	assert_int_equal(in(RTC_YEAR, now), year);
	assert_int_equal(in(RTC_MONTH, now), month);
	assert_int_equal(in(RTC_DAY, now), day);
}

static void power_on(struct rtc_date date)
{
	pic_init(&pic);
	rtc_init(&rtc, &pic, &date, 8 * MIB);
}

static int set_up(void **state)
{
	power_on((struct rtc_date){2026, 1, 1, 0, 0, 0});
	return 0;
}

static void the_calendar_agrees_with_the_c_library(void **state)
{
	u8 cmos[RTC_BYTES] = {[RTC_B] = RTC_B_24H | RTC_B_BINARY};

	for (u64 s = 0; s < 300ull * 365 * 86400; s += 86400 * 5 + 12347) {
		time_t seconds = s;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		rtc_date_put(cmos, s);
		assert_int_equal(cmos[RTC_CENTURY] * 100 + cmos[RTC_YEAR], tm.tm_year + 1900);
		assert_int_equal(cmos[RTC_MONTH], tm.tm_mon + 1);
		assert_int_equal(cmos[RTC_DAY], tm.tm_mday);
		assert_int_equal(cmos[RTC_WEEKDAY], tm.tm_wday + 1);
		assert_int_equal(cmos[RTC_HOUR], tm.tm_hour);
		assert_int_equal(cmos[RTC_MINUTE], tm.tm_min);
		assert_int_equal(cmos[RTC_SECOND], tm.tm_sec);
		assert_true(rtc_date_get(cmos) == s);
	}
}

/* All 86,400 seconds of a day, in each of the four formats, there and back. */
static void every_format_keeps_the_time(void **state)
{
	static const u8 formats[] = {0, RTC_B_24H, RTC_B_BINARY, RTC_B_24H | RTC_B_BINARY};

	for (unsigned f = 0; f < ARRAY_SIZE(formats); f++) {
		u8 cmos[RTC_BYTES] = {[RTC_B] = formats[f]};

		for (u64 s = 1767225600; s < 1767225600 + 86400; s++) {
			rtc_date_put(cmos, s);
			assert_true(rtc_date_get(cmos) == s);
		}
	}
}

static void the_hour_has_two_ways_to_be_counted(void **state)
{
	static const struct {
		u8 hour, half;
	} cases[] = {{0, 0x12}, {1, 0x01}, {11, 0x11}, {12, 0x92}, {13, 0x81}, {23, 0x91}};

	out(RTC_B, 0, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(in(RTC_HOUR, cases[i].hour * 60 * MINUTE), cases[i].half);
}

static void time_passes(void **state)
{
	power_on((struct rtc_date){1999, 12, 31, 23, 59, 58});
	expect_time(0, 0x23, 0x59, 0x58);
	expect_date(0, 0x19, 0x99, 0x12, 0x31);
	expect_time(SECOND - 1, 0x23, 0x59, 0x58);
	expect_time(SECOND, 0x23, 0x59, 0x59);
	expect_time(2 * SECOND, 0x00, 0x00, 0x00);
	expect_date(2 * SECOND, 0x20, 0x00, 0x01, 0x01);
	assert_int_equal(in(RTC_WEEKDAY, 2 * SECOND), 7); /* a Saturday */
	expect_date(60 * DAY, 0x20, 0x00, 0x02, 0x29);
	expect_date(61 * DAY, 0x20, 0x00, 0x03, 0x01);
}

static void fixed_registers(void **state)
{
	assert_int_equal(in(RTC_A, 0), 0x26);
	assert_int_equal(in(RTC_B, 0), 0x02);
	assert_int_equal(in(RTC_D, 0), 0x80);
	out(RTC_D, 0, 0);
	assert_int_equal(in(RTC_D, 0), 0x80);
	assert_int_equal(rtc_read(&rtc, 0x70, 0), 0xff);
	out(0x80 | 0x40, 0x77, 0); /* with NMI masked: the same byte */
	assert_int_equal(in(0x40, 0), 0x77);
}

/* Linux's mc146818_get_time(): no update in progress, and none between two readings. */
static void an_update_is_announced_244_us_ahead(void **state)
{
	assert_int_equal(in(RTC_A, SECOND - 244001) & 0x80, 0x00);
	assert_int_equal(in(RTC_A, SECOND - 244000) & 0x80, 0x80);
	assert_int_equal(in(RTC_A, SECOND - 1) & 0x80, 0x80);
	assert_int_equal(in(RTC_A, SECOND) & 0x80, 0x00);
	out(RTC_B, 0x82, SECOND);
	assert_int_equal(in(RTC_A, 2 * SECOND - 1) & 0x80, 0x00);
}

/* Linux's mc146818_set_time(): SET, divider reset, the registers, then both as they were. */
static void linux_sets_the_time(void **state)
{
	u64 now = 10 * SECOND + 300000000, update;
	u8 b = in(RTC_B, now), a = in(RTC_A, now);

	out(RTC_B, b | 0x80, now);
	out(RTC_A, a | 0x70, now);
	out(RTC_YEAR, 0x30, now);
	out(RTC_MONTH, 0x06, now);
	out(RTC_DAY, 0x15, now);
	out(RTC_HOUR, 0x12, now);
	out(RTC_MINUTE, 0x34, now);
	out(RTC_SECOND, 0x56, now);
	now += 3 * SECOND; /* nothing moves meanwhile */
	expect_time(now, 0x12, 0x34, 0x56);
	out(RTC_B, b, now);
	out(RTC_A, a, now);
	expect_time(now, 0x12, 0x34, 0x56);
	expect_date(now, 0x20, 0x30, 0x06, 0x15);
	update = now + SECOND / 2; /* the divider starts half a second before an update */
	expect_time(update - 1, 0x12, 0x34, 0x56);
	expect_time(update, 0x12, 0x34, 0x57);
	expect_time(update + 3 * SECOND, 0x12, 0x35, 0x00);
}

static void set_alone_keeps_the_phase(void **state)
{
	u64 now = 10 * SECOND + 300000000;

	out(RTC_B, 0x82, now);
	out(RTC_SECOND, 0x40, now);
	expect_time(now + 5 * SECOND, 0x00, 0x00, 0x40);
	out(RTC_B, 0x02, now + 5 * SECOND);
	expect_time(16 * SECOND - 1, 0x00, 0x00, 0x40);
	expect_time(16 * SECOND, 0x00, 0x00, 0x41);
}

static void a_register_can_be_set_while_it_runs(void **state)
{
	out(RTC_HOUR, 0x07, 5 * SECOND);
	out(RTC_YEAR, 0x27, 5 * SECOND);
	expect_time(6 * SECOND, 0x07, 0x00, 0x06);
	expect_date(6 * SECOND, 0x20, 0x27, 0x01, 0x01);
}

/* Whatever a guest writes there, the clock goes on and reads as a date. */
static void nonsense_becomes_a_date(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		static const u8 all[] = {0, 2, 4, 6, 7, 8, 9, RTC_CENTURY};

		for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
			out(all[i], v, v * SECOND);
		out(RTC_B, v & 0x06, v * SECOND);
		assert_in_range(in(RTC_MINUTE, v * SECOND + SECOND), 0, 0x59);
	}
}

/*
 * DS "Register C": flags are set whether enabled or not; only enabled ones interrupt; reading
 * clears.
 */
static void a_reading_of_c_clears_all(void **state)
{
	assert_int_equal(in(RTC_C, SECOND), 0x50);
	assert_int_equal(in(RTC_C, SECOND), 0x00);
	assert_false(line());
	out(RTC_B, 0x12, SECOND);
	rtc_advance(&rtc, 2 * SECOND);
	assert_true(line());
	assert_int_equal(in(RTC_C, 2 * SECOND) & 0x90, 0x90);
	assert_false(line());
	assert_int_equal(in(RTC_C, 2 * SECOND), 0x00);
}

static void enabling_a_flag_that_is_set_interrupts(void **state)
{
	rtc_advance(&rtc, SECOND);
	assert_false(line());
	out(RTC_B, 0x12, SECOND);
	assert_true(line());
	assert_int_equal(in(RTC_C, SECOND) & 0x80, 0x80);
}

/* /dev/rtc at 1024 Hz, 64 Hz, 2 Hz and the two odd rates: each request at its time, none twice. */
static void the_periodic_interrupt_keeps_its_rate(void **state)
{
	static const struct {
		u8 rate;
		u32 hz;
	} cases[] = {{6, 1024}, {10, 64}, {15, 2}, {3, 8192}, {1, 256}, {2, 128}};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		set_up(state);
		out(RTC_A, 0x20 | cases[i].rate, 0);
		out(RTC_B, 0x42, 0);
		for (u64 n = 1; n <= 5ull * cases[i].hz; n++) {
			u64 due = (n * SECOND + cases[i].hz - 1) / cases[i].hz;

			assert_true(rtc_deadline(&rtc) == due);
			rtc_advance(&rtc, due - 1);
			assert_false(line());
			rtc_advance(&rtc, due);
			assert_true(line());
			assert_true(rtc_deadline(&rtc) == NEVER); /* until C is read */
			assert_int_equal(in(RTC_C, due) & 0xc0, 0xc0);
		}
	}
}

static void no_rate_and_no_divider_mean_no_periods(void **state)
{
	out(RTC_B, 0x42, 0);
	out(RTC_A, 0x20, 0);
	assert_true(rtc_deadline(&rtc) == NEVER);
	out(RTC_A, 0x76, 0);
	out(RTC_B, 0x72, 0);
	assert_true(rtc_deadline(&rtc) == NEVER);
	rtc_advance(&rtc, 100 * SECOND);
	assert_false(line());
}

static void the_update_interrupt_comes_once_a_second(void **state)
{
	out(RTC_B, 0x12, 0);
	for (u64 n = 1; n < 100; n++) {
		assert_true(rtc_deadline(&rtc) == n * SECOND);
		rtc_advance(&rtc, n * SECOND);
		assert_true(line());
		in(RTC_C, n * SECOND);
	}
	out(RTC_B, 0x92, 100 * SECOND); /* SET clears its enable */
	assert_int_equal(in(RTC_B, 100 * SECOND), 0x82);
	assert_true(rtc_deadline(&rtc) == NEVER);
}

/* Whatever the registers hold, the calendar counts no further than they can say; there is no day before the first. */
static void no_date_is_too_wrong(void **state)
{
	for (unsigned fill = 0; fill < 256; fill++) {
		out(RTC_B, fill & 1 ? 0x86 : 0x82, 0);
		for (unsigned i = RTC_SECOND; i <= RTC_YEAR; i++)
			out(i, i == RTC_MONTH ? 1 : fill / 2 * 2, 0);
		out(RTC_CENTURY, fill / 2 * 2, 0);
		out(RTC_B, fill & 1 ? 0x06 : 0x02, 0);
		assert_true(in(RTC_DAY, 0) <= 0x31);
	}
	out(RTC_B, 0x86, 0);
	out(RTC_DAY, 0, 0);
	out(RTC_MONTH, 1, 0);
	out(RTC_YEAR, 0, 0);
	out(RTC_CENTURY, 0, 0);
	out(RTC_B, 0x06, 0);
	assert_int_equal(in(RTC_DAY, 0), 1);
}

/* The seconds at which the alarm goes off within `count` seconds from the start. */
static unsigned alarms(u8 hour, u8 minute, u8 second, unsigned count, unsigned *first)
{
	unsigned n = 0;

	power_on((struct rtc_date){2026, 1, 1, 0, 0, 0});
	out(RTC_HOUR_ALARM, hour, 0);
	out(RTC_MINUTE_ALARM, minute, 0);
	out(RTC_SECOND_ALARM, second, 0);
	out(RTC_B, 0x22, 0);
	in(RTC_C, 0);
	for (unsigned s = 1; s <= count; s++) {
		assert_true(rtc_deadline(&rtc) == s * SECOND);
		rtc_advance(&rtc, s * SECOND);
		if (line() && n++ == 0)
			*first = s;
		in(RTC_C, s * SECOND);
	}
	return n;
}

static void the_alarm_agrees_with_its_registers(void **state)
{
	unsigned first = 0;

	assert_int_equal(alarms(0x01, 0x02, 0x03, 2 * 86400, &first), 2);
	assert_int_equal(first, 3723);
	assert_int_equal(alarms(0xff, 0x02, 0x03, 86400, &first), 24);
	assert_int_equal(first, 123);
	assert_int_equal(alarms(0xff, 0xc0, 0x59, 3600, &first), 60);
	assert_int_equal(first, 59);
	assert_int_equal(alarms(0xc0, 0xc0, 0xc0, 100, &first), 100);
	assert_int_equal(alarms(0x25, 0x00, 0x00, 86400, &first), 0);
}

/* Nobody asked for hours: the flag is there all the same, and finding that out takes no time. */
static void a_late_call_still_finds_the_alarm(void **state)
{
	out(RTC_HOUR_ALARM, 0x05, 0);
	assert_int_equal(in(RTC_C, 4 * 3600 * SECOND) & 0x20, 0x00);
	assert_int_equal(in(RTC_C, 6 * 3600 * SECOND) & 0x20, 0x20);
	assert_int_equal(in(RTC_C, 3650 * DAY) & 0x20, 0x20);
	expect_date(3650 * DAY, 0x20, 0x35, 0x12, 0x30);
}

static void the_firmware_bytes_tell_the_memory(void **state)
{
	static const struct {
		u32 memory;
		u16 base, extended, above;
	} cases[] = {
		{512 * KIB, 512, 0, 0},
		{1 * MIB, 640, 0, 0},
		{8 * MIB, 640, 7168, 0},
		{16 * MIB, 640, 15360, 0},
		{64 * MIB, 640, 0xfc00, 768},
		{1024 * MIB, 640, 0xffff, 16128},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rtc_date date = {2026, 1, 1, 0, 0, 0};
		u16 sum = 0;

		rtc_init(&rtc, &pic, &date, cases[i].memory);
		assert_int_equal(in(0x15, 0) | in(0x16, 0) << 8, cases[i].base);
		assert_int_equal(in(0x17, 0) | in(0x18, 0) << 8, cases[i].extended);
		assert_int_equal(in(0x30, 0) | in(0x31, 0) << 8, cases[i].extended);
		assert_int_equal(in(0x34, 0) | in(0x35, 0) << 8, cases[i].above);
		for (u8 index = 0x10; index <= 0x2d; index++)
			sum += in(index, 0);
		assert_int_equal(in(0x2e, 0) << 8 | in(0x2f, 0), sum);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_calendar_agrees_with_the_c_library, set_up),
		cmocka_unit_test_setup(every_format_keeps_the_time, set_up),
		cmocka_unit_test_setup(the_hour_has_two_ways_to_be_counted, set_up),
		cmocka_unit_test_setup(time_passes, set_up),
		cmocka_unit_test_setup(fixed_registers, set_up),
		cmocka_unit_test_setup(an_update_is_announced_244_us_ahead, set_up),
		cmocka_unit_test_setup(linux_sets_the_time, set_up),
		cmocka_unit_test_setup(set_alone_keeps_the_phase, set_up),
		cmocka_unit_test_setup(a_register_can_be_set_while_it_runs, set_up),
		cmocka_unit_test_setup(nonsense_becomes_a_date, set_up),
		cmocka_unit_test_setup(a_reading_of_c_clears_all, set_up),
		cmocka_unit_test_setup(enabling_a_flag_that_is_set_interrupts, set_up),
		cmocka_unit_test_setup(the_periodic_interrupt_keeps_its_rate, set_up),
		cmocka_unit_test_setup(no_rate_and_no_divider_mean_no_periods, set_up),
		cmocka_unit_test_setup(the_update_interrupt_comes_once_a_second, set_up),
		cmocka_unit_test_setup(no_date_is_too_wrong, set_up),
		cmocka_unit_test_setup(the_alarm_agrees_with_its_registers, set_up),
		cmocka_unit_test_setup(a_late_call_still_finds_the_alarm, set_up),
		cmocka_unit_test_setup(the_firmware_bytes_tell_the_memory, set_up),
	};

	return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
