/*
 * The 8254 as a PC has it: its clock against the machine's, the register file (Intel 231164), port
 * 0x61, and IRQ 0. What a single counter does is test_counter.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dev/bus.h"
#include "dev/pit.h"

#define SECOND 1000000000ull
#define HZ100  11932u /* what kernels write for 100 Hz */

static struct pic pic;
static struct pit pit;

/* The first nanosecond of tick k, by the definition, in 128 bits. */
static u64 ns(u64 k)
{
	return ((unsigned __int128)k * SECOND + PIT_HZ - 1) / PIT_HZ;
}

static void out(u16 port, u8 value, u64 now)
{
	pit_write(&pit, port, value, now);
}

static u8 in(u16 port, u64 now)
{
	return pit_read(&pit, port, now);
}

static u16 in_both(u16 port, u64 now)
{
	u8 low = in(port, now);

	return low | in(port, now) << 8;
}

static void program(u16 port, u8 word, u16 count, u64 now)
{
	out(0x43, word, now);
	out(port, count & 0xff, now);
	out(port, count >> 8, now);
}

static bool requested(void)
{
	return pic.chip[0].irr & 1;
}

/* Takes the request, as the CPU and the handler's end of interrupt do. */
static void acknowledge(void)
{
	assert_int_equal(pic_acknowledge(&pic), 0x08);
	pic_write(&pic, 0x20, 0x20);
}

static int set_up(void **state)
{
	pic_init(&pic);
	pic_write(&pic, 0x21, 0x00);
	pit_init(&pit, &pic);
	assert_false(requested());
	return 0;
}

/* Runs from deadline to deadline, as the vmm does; each must be exact, and one request. */
static void run_exactly(u64 first_rise, u64 every, unsigned rises)
{
	u64 now = 0;

	for (unsigned i = 0; i < rises; i++) {
		u64 rise = first_rise + i * every;

		assert_true(pit_deadline(&pit) == ns(rise));
		assert_true(pit_deadline(&pit) > now);
		now = pit_deadline(&pit);
		pit_advance(&pit, now - 1);
		assert_false(requested());
		pit_advance(&pit, now);
		assert_true(requested());
		acknowledge();
	}
}

static void firmware_leaves_18_hz(void **state)
{
	run_exactly(1 + 65536, 65536, 1000);
}

/* Three hours at 100 Hz: every tick at its nanosecond. The count is loaded at tick 1. */
static void a_clock_tick_never_drifts(void **state)
{
	program(0x40, 0x34, HZ100, 0);
	run_exactly(1 + HZ100, HZ100, 3 * 3600 * 100);
}

static void the_clock_is_exact_after_years(void **state)
{
	u64 now = 20ull * 365 * 86400 * SECOND + 12345;
	u64 tick = (unsigned __int128)now * PIT_HZ / SECOND;

	pit_advance(&pit, now);
	program(0x40, 0x34, HZ100, now);
	assert_true(pit_deadline(&pit) == ns(tick + 1 + HZ100));
}

/* Several periods late: one request, and the next deadline is back on the grid. */
static void late_calls_merge_edges_and_keep_the_grid(void **state)
{
	program(0x40, 0x34, HZ100, 0);
	pit_advance(&pit, ns(1 + 5 * HZ100) + 7);
	assert_true(requested());
	acknowledge();
	pit_advance(&pit, ns(1 + 5 * HZ100) + 2000);
	assert_false(requested());
	assert_true(pit_deadline(&pit) == ns(1 + 6 * HZ100));
}

/* OUT is low in mode 0 and high in mode 2 from the control word on: that is an edge too. */
static void a_change_of_mode_may_be_an_edge(void **state)
{
	out(0x43, 0x30, 0);
	assert_false(requested());
	out(0x43, 0x34, 1000);
	assert_true(requested());
}

static void mode_0_interrupts_once(void **state)
{
	program(0x40, 0x30, 1000, 0);
	assert_false(requested());
	run_exactly(1 + 1000, 0, 1);
	assert_true(pit_deadline(&pit) == NEVER);
	pit_advance(&pit, 10 * SECOND);
	assert_false(requested());
	program(0x40, 0x30, 10, 10 * SECOND);
	pit_advance(&pit, 10 * SECOND + 20000);
	assert_true(requested());
}

/* DS "Mode 0": the first byte of a new count stops it, with OUT low; the second starts it. */
static void mode_0_stops_between_the_bytes_of_a_count(void **state)
{
	program(0x40, 0x30, 1000, 0);
	out(0x40, 0x64, ns(500));
	assert_true(pit_deadline(&pit) == NEVER);
	assert_int_equal(in_both(0x40, ns(3000)), 501);
	assert_false(requested());
	out(0x40, 0x00, ns(4000));
	assert_true(pit_deadline(&pit) == ns(4000 + 1 + 100));
}

/* Linux's pit_next_event(): mode 4, a new count for each event. The strobe ends a tick later. */
static void mode_4_strobes_once_a_count(void **state)
{
	out(0x43, 0x38, 0);
	assert_false(requested());
	out(0x40, 0xe8, 0);
	out(0x40, 0x03, 0);
	run_exactly(1 + 1000 + 1, 0, 1);
	assert_true(pit_deadline(&pit) == NEVER);
	out(0x40, 0x64, 2 * SECOND);
	out(0x40, 0x00, 2 * SECOND);
	assert_true(pit_deadline(&pit) == ns(2 * PIT_HZ + 1 + 100 + 1));
}

/* The request follows OUT down: nobody took it during the high half. */
static void a_square_wave_withdraws_its_request(void **state)
{
	program(0x40, 0x36, 1000, 0);
	assert_false(requested());
	pit_advance(&pit, ns(1 + 1000));
	assert_true(requested());
	pit_advance(&pit, ns(1 + 1000 + 499));
	assert_true(requested());
	pit_advance(&pit, ns(1 + 1000 + 500));
	assert_false(requested());
	assert_true(pit_deadline(&pit) == ns(1 + 2000));
}

static void a_new_count_waits_for_the_end_of_the_period(void **state)
{
	program(0x40, 0x34, 1000, 0);
	out(0x40, 0xd0, ns(400));
	out(0x40, 0x07, ns(400)); /* 2000 */
	assert_true(pit_deadline(&pit) == ns(1 + 1000));
	pit_advance(&pit, ns(1 + 1000));
	acknowledge();
	assert_true(pit_deadline(&pit) == ns(1 + 1000 + 2000));
	assert_int_equal(in_both(0x40, ns(1 + 1000 + 1)), 1999);
}

/* The latch holds while the counter goes on, and only the first of two commands counts. */
static void a_latched_count_stands_still(void **state)
{
	program(0x40, 0x34, 10000, 0);
	out(0x43, 0x00, ns(1 + 100));
	out(0x43, 0x00, ns(1 + 200));
	assert_int_equal(in_both(0x40, ns(1 + 300)), 9900);
	assert_int_equal(in_both(0x40, ns(1 + 300)), 9700); /* unlatched again */
	out(0x43, 0x00, ns(1 + 400));
	assert_int_equal(in(0x40, ns(1 + 500)), 9600 & 0xff);
	out(0x43, 0x00, ns(1 + 600)); /* between the two bytes: not read yet, so ignored */
	assert_int_equal(in(0x40, ns(1 + 700)), 9600 >> 8);
}

static void one_byte_access_reads_and_writes_one(void **state)
{
	out(0x43, 0x14, 0); /* low byte only */
	out(0x40, 200, 0);
	assert_int_equal(in(0x40, ns(1 + 50)), 150);
	assert_int_equal(in(0x40, ns(1 + 51)), 149);
	out(0x43, 0x24, ns(1000)); /* high byte only: the low one is zero */
	out(0x40, 0x12, ns(1000));
	assert_int_equal(in(0x40, ns(1001)), 0x12);
	assert_int_equal(in(0x40, ns(1002)), 0x11); /* 0x11ff */
}

static void decimal_counts_count_by_ten_thousand(void **state)
{
	program(0x40, 0x35, 0x1000, 0);
	assert_int_equal(in_both(0x40, ns(1 + 1)), 0x0999);
	assert_true(pit_deadline(&pit) == ns(1 + 1000));
	program(0x40, 0x35, 0x0000, ns(5000)); /* 10000 */
	assert_true(pit_deadline(&pit) == ns(5000 + 1 + 10000));
}

/* DS "Read-Back Command". Status: OUT, null count, and the control word's low six bits. */
static void read_back_latches_status_and_count_of_several(void **state)
{
	program(0x40, 0x34, 5000, 0);
	program(0x42, 0xb0, 300, 0); /* held: its gate is low */
	out(0x43, 0xca, ns(1 + 10)); /* status and count of 0 and 2 */
	assert_int_equal(in(0x40, ns(100)), 0xb4);
	assert_int_equal(in_both(0x40, ns(100)), 4990);
	assert_int_equal(in(0x42, ns(100)), 0x30);
	assert_int_equal(in_both(0x42, ns(100)), 300);
	out(0x43, 0xe2, ns(200)); /* status of 0 only */
	assert_int_equal(in(0x40, ns(200)), 0xb4);
	assert_int_equal(in_both(0x40, ns(1 + 300)), 4700);
	out(0x43, 0xd2, ns(1 + 400)); /* count of 0 only */
	assert_int_equal(in_both(0x40, ns(1 + 500)), 4600);
}

static void null_count_shows_a_count_not_yet_loaded(void **state)
{
	out(0x43, 0x30, ns(10));
	out(0x43, 0xe2, ns(10));
	assert_int_equal(in(0x40, ns(10)), 0x70);
	out(0x40, 100, ns(20));
	out(0x40, 0, ns(20));
	out(0x43, 0xe2, ns(20));
	assert_int_equal(in(0x40, ns(20)), 0x70);
	out(0x43, 0xe2, ns(21));
	assert_int_equal(in(0x40, ns(21)), 0x30);
	out(0x43, 0xe2, ns(20 + 1 + 100));
	assert_int_equal(in(0x40, ns(121)), 0xb0);
}

/* Linux's pit_calibrate_tsc(): counter 2 in mode 0, gate on, speaker off, watch bit 5. */
static void port_61_gates_counter_2_and_shows_its_end(void **state)
{
	u8 value = pit_read_port61(&pit, 0);

	pit_write_port61(&pit, (value & ~0x02) | 0x01, 0);
	program(0x42, 0xb0, 11932, 0); /* 10 ms */
	assert_int_equal(pit_read_port61(&pit, ns(11932)) & 0x23, 0x01);
	assert_int_equal(pit_read_port61(&pit, ns(11933)) & 0x23, 0x21);
	assert_false(requested()); /* counter 2 is nobody's interrupt */
	program(0x42, 0xb0, 1000, ns(20000));
	pit_write_port61(&pit, 0x00, ns(20001 + 300));
	assert_int_equal(in_both(0x42, ns(30000)), 700);
	pit_write_port61(&pit, 0x01, ns(40000));
	assert_int_equal(pit_read_port61(&pit, ns(40699)) & 0x20, 0x00);
	assert_int_equal(pit_read_port61(&pit, ns(40700)) & 0x20, 0x20);
}

static void port_61_keeps_four_bits_and_toggles_with_refresh(void **state)
{
	unsigned toggles = 0;
	u8 before = pit_read_port61(&pit, 0) & 0x10;

	pit_write_port61(&pit, 0xff, 0);
	for (u64 now = 0; now < 1000000; now += 1000) {
		u8 value = pit_read_port61(&pit, now);

		assert_int_equal(value & 0xcf, 0x0f);
		toggles += (value & 0x10) != before;
		before = value & 0x10;
	}
	assert_in_range(toggles, 65, 67); /* one every 15.09 us */
}

static void the_control_word_cannot_be_read(void **state)
{
	assert_int_equal(in(0x43, 0), 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(firmware_leaves_18_hz, set_up),
		cmocka_unit_test_setup(a_clock_tick_never_drifts, set_up),
		cmocka_unit_test_setup(the_clock_is_exact_after_years, set_up),
		cmocka_unit_test_setup(late_calls_merge_edges_and_keep_the_grid, set_up),
		cmocka_unit_test_setup(a_change_of_mode_may_be_an_edge, set_up),
		cmocka_unit_test_setup(mode_0_interrupts_once, set_up),
		cmocka_unit_test_setup(mode_0_stops_between_the_bytes_of_a_count, set_up),
		cmocka_unit_test_setup(mode_4_strobes_once_a_count, set_up),
		cmocka_unit_test_setup(a_square_wave_withdraws_its_request, set_up),
		cmocka_unit_test_setup(a_new_count_waits_for_the_end_of_the_period, set_up),
		cmocka_unit_test_setup(a_latched_count_stands_still, set_up),
		cmocka_unit_test_setup(one_byte_access_reads_and_writes_one, set_up),
		cmocka_unit_test_setup(decimal_counts_count_by_ten_thousand, set_up),
		cmocka_unit_test_setup(read_back_latches_status_and_count_of_several, set_up),
		cmocka_unit_test_setup(null_count_shows_a_count_not_yet_loaded, set_up),
		cmocka_unit_test_setup(port_61_gates_counter_2_and_shows_its_end, set_up),
		cmocka_unit_test_setup(port_61_keeps_four_bits_and_toggles_with_refresh, set_up),
		cmocka_unit_test_setup(the_control_word_cannot_be_read, set_up),
	};

	return cmocka_run_group_tests_name("pit", tests, NULL, NULL);
}
