/* All devices of a machine together, driven as the vmm drives them: by deadlines and by the bus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/platform.h"

#define SECOND 1000000000ull

static struct platform *pc;
static unsigned sent;

static void transmit(void *owner, u8 byte)
{
	sent++;
}

static void debug(void *owner, u8 byte)
{
}

static void power_on(void)
{
	static const struct platform_config config = {
		.date = {2026, 1, 1, 0, 0, 0},
		.memory = 8 * MIB,
		.transmit = transmit,
		.debug = debug,
	};

	memset(pc, 0xaa, sizeof(*pc));
	platform_init(pc, &config);
	sent = 0;
}

static int set_up(void **state)
{
	pc = malloc(sizeof(*pc));
	power_on();
	return 0;
}

static int tear_down(void **state)
{
	free(pc);
	return 0;
}

static u8 in(u16 port, u64 now)
{
	return bus_port_in(&pc->bus, port, 1, now);
}

static void out(u16 port, u8 value, u64 now)
{
	bus_port_out(&pc->bus, port, 1, value, now);
}

/* Vectors 0x20 and 0x28, everything masked but `open` (bit n: IRQ n). */
static void initialise_pics(u16 open, u64 now)
{
	static const struct {
		u16 port;
		u8 value;
	} words[] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 0x04},
		{0xa1, 0x02}, {0x21, 0x01}, {0xa1, 0x01}};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		out(words[i].port, words[i].value, now);
	out(0x21, ~open, now);
	out(0xa1, ~open >> 8, now);
}

static void end_of_interrupt(u8 vector, u64 now)
{
	if (vector >= 0x28)
		out(0xa0, 0x20, now);
	out(0x20, 0x20, now);
}

static void a_fresh_machine_is_quiet(void **state)
{
	assert_false(platform_interrupt_pending(pc));
	out(0x21, 0x00, 0);
	out(0xa1, 0x00, 0);
	assert_false(platform_interrupt_pending(pc)); /* no stale request behind the masks */
	assert_int_equal(pc->control.request, REQUEST_NONE);
}

/* An hour of a kernel's life: the timer at 100 Hz and the clock's update interrupt agree. */
static void timer_and_clock_agree_for_an_hour(void **state)
{
	unsigned ticks = 0, seconds = 0;
	u64 now = 0;

	initialise_pics(1 << IRQ_TIMER | 1 << IRQ_CASCADE | 1 << IRQ_CLOCK, 0);
	out(0x43, 0x34, 0);
	out(0x40, 0x9c, 0);
	out(0x40, 0x2e, 0); /* 11932 */
	out(0x70, 0x0b, 0);
	out(0x71, 0x12, 0);
	while (now < 3600 * SECOND) {
		u64 deadline = platform_deadline(pc);

		assert_true(deadline > now);
		now = deadline;
		platform_advance(pc, now);
		while (platform_interrupt_pending(pc)) {
			u8 vector = platform_interrupt_acknowledge(pc, now);

			ticks += vector == 0x20;
			seconds += vector == 0x28;
			assert_true(vector == 0x20 || vector == 0x28);
			if (vector == 0x28) {
				out(0x70, 0x0c, now);
				in(0x71, now);
			}
			end_of_interrupt(vector, now);
		}
	}
	assert_int_equal(seconds, 3600);
	assert_int_equal(ticks, 3600ull * PIT_HZ / 11932);
	assert_int_equal(now, 3600 * SECOND);
	out(0x70, 0x04, now);
	assert_int_equal(in(0x71, now), 0x01);
}

static void a_key_interrupts_and_is_read(void **state)
{
	initialise_pics(1 << IRQ_COM1, 0);
	out(0x3fc, 0x08, 0);
	out(0x3f9, 0x01, 0);
	assert_true(platform_receive(pc, 'k'));
	assert_true(platform_interrupt_pending(pc));
	assert_int_equal(platform_interrupt_acknowledge(pc, 0), 0x24);
	assert_int_equal(in(0x3fa, 0), 0x04);
	assert_int_equal(in(0x3f8, 0), 'k');
	assert_int_equal(in(0x3fa, 0), 0x01);
	end_of_interrupt(0x24, 0);
	assert_false(platform_interrupt_pending(pc));
}

/* The guest reads the byte before the CPU asks for the vector: the request is gone. */
static void a_request_served_by_polling_is_spurious(void **state)
{
	initialise_pics(1 << IRQ_COM1, 0);
	out(0x3fc, 0x08, 0);
	out(0x3f9, 0x01, 0);
	platform_receive(pc, 'k');
	assert_true(platform_interrupt_pending(pc));
	in(0x3f8, 0);
	assert_false(platform_interrupt_pending(pc));
	assert_int_equal(platform_interrupt_acknowledge(pc, 0), 0x27);
	out(0x20, 0x0b, 0);
	assert_int_equal(in(0x20, 0), 0x00);
}

/* IRR shows a timer's request that came while nobody called platform_advance(). */
static void a_register_is_up_to_date_when_it_is_read(void **state)
{
	initialise_pics(0, 0);
	out(0x43, 0x34, 0);
	out(0x40, 0x00, 0);
	out(0x40, 0x10, 0);
	out(0x20, 0x0a, 0);
	assert_int_equal(in(0x20, 1000) & 1, 0);
	assert_int_equal(in(0x20, SECOND) & 1, 1);
	/* And after an advance the next one lies ahead. */
	platform_advance(pc, 2 * SECOND);
	assert_true(platform_deadline(pc) > 2 * SECOND);
}

/*
 * Ten machines each get 100,000 random accesses, mostly to ports that exist. Whatever they do, no
 * rule of the interface breaks (and the sanitizers watch the rest).
 */
static void no_guest_can_break_a_device(void **state)
{
	static const u16 ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x60,
		0x64, 0x70, 0x71, 0x92, 0xe9, 0xf0, 0xf4, 0x3d4, 0x3d5, 0xcf8, 0xcf9, 0x3f8, 0x3f9,
		0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x4d0, 0x80};

	for (unsigned seed = 1; seed <= 10; seed++) {
		u64 now = 0, deadline;

		srandom(seed);
		power_on();
		for (unsigned i = 0; i < 100000; i++) {
			u16 port = ports[random() % ARRAY_SIZE(ports)];
			u32 value = random();
			unsigned size = 1u << random() % 3;

			now += random() % (random() % 3 ? 3000 : 1000000000);
			if (random() % 2)
				bus_port_in(&pc->bus, port, size, now);
			else
				bus_port_out(&pc->bus, port, size, value, now);
			if (random() % 8 == 0)
				platform_receive(pc, value);
			if (random() % 64 == 0)
				bus_mmio_write(&pc->bus, gpa(0xb7ffc + random() % 0x8008), size,
					value, now);
			platform_advance(pc, now);
			deadline = platform_deadline(pc);
			assert_true(deadline > now);
			if (platform_interrupt_pending(pc) && random() % 2)
				platform_interrupt_acknowledge(pc, now);
			assert_in_range(pc->uart.rx.count, 0, UART_FIFO);
			assert_in_range(pc->kbc.count, 0, KBC_QUEUE);
		}
		assert_true(sent > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_fresh_machine_is_quiet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			timer_and_clock_agree_for_an_hour, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_interrupts_and_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_request_served_by_polling_is_spurious, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_register_is_up_to_date_when_it_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_guest_can_break_a_device, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
