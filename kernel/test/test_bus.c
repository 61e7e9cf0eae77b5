/* The bus: who answers, how wide accesses are split, what nobody answers; and a PC's port map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/platform.h"

/* A machine of two devices that write down what they see. */
struct seen {
	u16 port;
	unsigned size;
	u32 value;
	u64 now;
};

static struct seen log[8];
static unsigned logged;

static void note(u16 port, unsigned size, u32 value, u64 now)
{
	assert_in_range(logged, 0, ARRAY_SIZE(log) - 1);
	log[logged++] = (struct seen){port, size, value, now};
}

static u32 echo_in(void *machine, u16 port, unsigned size, u64 now)
{
	note(port, size, 0, now);
	return size == 1 ? port & 0xff : 0xa5a5a5a5u >> (32 - 8 * size);
}

static void echo_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	note(port, size, value, now);
}

static u32 echo_read(void *machine, u32 offset, unsigned size, u64 now)
{
	return echo_in(machine, offset, size, now);
}

static void echo_write(void *machine, u32 offset, unsigned size, u32 value, u64 now)
{
	note(offset, size, value, now);
}

static const struct port_range ports[] = {
	{0x10, 4, 1, echo_in, echo_out},
	{0x20, 4, 4, echo_in, echo_out},
};
static const struct mmio_range mmio[] = {{0xb8000, 0x10, 4, echo_read, echo_write}};

static struct bus bus;

static int set_up(void **state)
{
	bus = (struct bus){NULL, ports, mmio, ARRAY_SIZE(ports), ARRAY_SIZE(mmio), 0};
	logged = 0;
	return 0;
}

/* One access a value: whole, split, or to nobody. */
static void strings_are_single_accesses(void **state)
{
	u16 words[3] = {0x1111, 0x2222, 0x3333};

	bus_port_out_string(&bus, 0x20, 2, words, 3, 9);
	assert_int_equal(logged, 3);
	assert_int_equal(log[1].port, 0x20);
	assert_int_equal(log[1].size, 2);
	assert_int_equal(log[1].value, 0x2222);
	assert_int_equal(log[2].now, 9);
	logged = 0;
	bus_port_in_string(&bus, 0x20, 2, words, 2, 0);
	assert_int_equal(logged, 2);
	assert_int_equal(words[1], 0xa5a5);
	assert_int_equal(words[2], 0x3333);
	logged = 0;
	bus_port_in_string(&bus, 0x10, 2, words, 2, 0);
	assert_int_equal(logged, 4);
	assert_int_equal(words[1], 0x1110);
	bus_port_out_string(&bus, 0x12, 2, words, 1, 0);
	assert_int_equal(log[5].port, 0x13);
	assert_int_equal(log[5].value, 0x11);
	bus_port_in_string(&bus, 0x1234, 2, words, 3, 0);
	assert_int_equal(words[2], 0xffff);
	assert_int_equal(bus.absent, 6);
}

static void wide_accesses_to_a_byte_device_are_split(void **state)
{
	assert_int_equal(bus_port_in(&bus, 0x10, 4, 7), 0x13121110);
	assert_int_equal(logged, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(log[i].port, 0x10 + i);
		assert_int_equal(log[i].size, 1);
		assert_int_equal(log[i].now, 7);
	}
	logged = 0;
	bus_port_out(&bus, 0x12, 2, 0xbeef, 8);
	assert_int_equal(logged, 2);
	assert_int_equal(log[0].port, 0x12);
	assert_int_equal(log[0].value, 0xef);
	assert_int_equal(log[1].port, 0x13);
	assert_int_equal(log[1].value, 0xbe);
	assert_int_equal(bus.absent, 0);
}

static void a_wide_device_gets_wide_accesses_whole(void **state)
{
	assert_int_equal(bus_port_in(&bus, 0x20, 4, 0), 0xa5a5a5a5);
	assert_int_equal(bus_port_in(&bus, 0x22, 2, 0), 0xa5a5);
	bus_port_out(&bus, 0x20, 4, 0x12345678, 0);
	assert_int_equal(logged, 3);
	assert_int_equal(log[2].size, 4);
	assert_int_equal(log[2].value, 0x12345678);
}

/* A word at the last port of a range, and a dword that begins before one. */
static void an_access_may_leave_a_range(void **state)
{
	assert_int_equal(bus_port_in(&bus, 0x23, 2, 0), 0xff23);
	assert_int_equal(bus.absent, 1);
	assert_int_equal(bus_port_in(&bus, 0x0e, 4, 0), 0x1110ffff);
	assert_int_equal(bus.absent, 3);
	logged = 0;
	bus_port_out(&bus, 0x0f, 2, 0x4433, 0);
	assert_int_equal(logged, 1);
	assert_int_equal(log[0].value, 0x44);
}

static void nobody_answers_with_ones(void **state)
{
	assert_int_equal(bus_port_in(&bus, 0x1234, 1, 0), 0xff);
	assert_int_equal(bus_port_in(&bus, 0x1234, 2, 0), 0xffff);
	assert_int_equal(bus_port_in(&bus, 0x1234, 4, 0), 0xffffffff);
	bus_port_out(&bus, 0x1234, 4, 0, 0);
	assert_int_equal(bus_mmio_read(&bus, gpa(0xfee00000), 4, 0), 0xffffffff);
	bus_mmio_write(&bus, gpa(0xfee00000), 2, 0, 0);
	assert_int_equal(bus.absent, 1 + 2 + 4 + 4 + 4 + 2);
	assert_int_equal(logged, 0);
}

/* Port and memory addresses wrap as the processor's do. */
static void the_end_of_the_address_space_wraps(void **state)
{
	static const struct port_range low[] = {{0, 1, 1, echo_in, echo_out}};

	bus.ports = low;
	bus.port_ranges = 1;
	assert_int_equal(bus_port_in(&bus, 0xffff, 2, 0), 0x00ff);
	assert_int_equal(bus_mmio_read(&bus, gpa(0xfffffffe), 4, 0), 0xffffffff);
}

static void memory_is_split_likewise(void **state)
{
	assert_int_equal(bus_mmio_read(&bus, gpa(0xb8004), 4, 0), 0xa5a5a5a5);
	assert_int_equal(log[0].port, 4); /* an offset */
	assert_int_equal(bus_mmio_read(&bus, gpa(0xb800e), 4, 0), 0xffff0f0e);
	assert_int_equal(bus.absent, 2);
	logged = 0;
	bus_mmio_write(&bus, gpa(0xb7fff), 2, 0x2211, 0);
	assert_int_equal(logged, 1);
	assert_int_equal(log[0].port, 0);
	assert_int_equal(log[0].value, 0x22);
}

/* --- the PC's own map ------------------------------------------------------------------------ */

static struct platform *pc;
static u8 sent[8], told[8];
static unsigned sent_count, told_count;

static void transmit(void *owner, u8 byte)
{
	assert_ptr_equal(owner, &sent);
	sent[sent_count++ % 8] = byte;
}

static void debug(void *owner, u8 byte)
{
	assert_ptr_equal(owner, &sent);
	told[told_count++ % 8] = byte;
}

static int power_on(void **state)
{
	static const struct platform_config config = {
		.date = {2026, 1, 1, 0, 0, 0},
		.memory = 8 * MIB,
		.owner = &sent,
		.transmit = transmit,
		.debug = debug,
	};

	pc = malloc(sizeof(*pc));
	memset(pc, 0xaa, sizeof(*pc)); /* nothing may rest on fresh memory being zero */
	platform_init(pc, &config);
	sent_count = told_count = 0;
	return 0;
}

static int power_off(void **state)
{
	free(pc);
	return 0;
}

static u32 in(u16 port, unsigned size)
{
	return bus_port_in(&pc->bus, port, size, 0);
}

static void out(u16 port, unsigned size, u32 value)
{
	bus_port_out(&pc->bus, port, size, value, 0);
}

static void the_map_finds_each_device(void **state)
{
	assert_int_equal(in(0x21, 1), 0xb8);        /* PIC: the mask that firmware leaves */
	assert_int_equal(in(0x3fd, 1), 0x60);       /* UART: transmitter empty */
	assert_int_equal(in(0x64, 1) & 0x14, 0x14); /* 8042 */
	assert_int_equal(in(0xe9, 1), 0xe9);
	assert_int_equal(in(0x4d0, 2), 0);
	out(0x70, 1, 0x0d);
	assert_int_equal(in(0x71, 1), 0x80); /* RTC: valid */
	out(0x80, 1, 0x12);
	assert_int_equal(in(0x80, 1), 0xff);
	assert_int_equal(pc->bus.absent, 0);
	out(0x3f8, 1, 'a');
	out(0xe9, 1, 'b');
	assert_int_equal(sent_count, 1);
	assert_int_equal(sent[0], 'a');
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0], 'b');
}

/* What Linux looks for and must not find: COM2 to COM4, PCI, a PnP BIOS's ports, DMA. */
static void what_is_absent_reads_ones(void **state)
{
	static const u16 absent[] = {0x2f8, 0x3e8, 0x2e8, 0x279, 0xa79, 0x2e, 0x4e, 0x177, 0x87};

	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++)
		assert_int_equal(in(absent[i], 1), 0xff);
	assert_int_equal(pc->bus.absent, ARRAY_SIZE(absent));
	out(0xcfb, 1, 1); /* arch/x86/pci/direct.c: type 1, then type 2 */
	out(0xcf8, 4, 0x80000000);
	assert_int_equal(in(0xcf8, 4), 0xffffffff);
	out(0xcfb, 1, 0);
	out(0xcf8, 1, 0);
	out(0xcfa, 1, 0);
	assert_int_equal(in(0xcf8, 1), 0xff);
	assert_int_equal(pc->control.request, REQUEST_NONE);
}

static void port_f4_powers_off_with_its_status(void **state)
{
	out(0xf4, 4, 0x12345);
	assert_int_equal(pc->control.request, REQUEST_POWER_OFF);
	assert_int_equal(pc->control.status, 0x12345);
	out(0xf4, 1, 7); /* too late */
	out(0x64, 1, 0xfe);
	assert_int_equal(pc->control.status, 0x12345);
	assert_int_equal(pc->control.request, REQUEST_POWER_OFF);
	power_off(state);
	power_on(state);
	out(0xf4, 1, 3);
	assert_int_equal(pc->control.status, 3);
	power_off(state);
	power_on(state);
	out(0xf4, 2, 0x100);
	assert_int_equal(pc->control.status, 0x100);
}

static void port_92_sets_a20_and_resets(void **state)
{
	out(0x92, 1, 0x00);
	assert_false(pc->control.a20);
	assert_int_equal(in(0x92, 1), 0x00);
	out(0x92, 1, 0x02);
	assert_true(pc->control.a20);
	assert_int_equal(in(0x92, 1), 0x02);
	assert_int_equal(pc->control.request, REQUEST_NONE);
	out(0x92, 1, 0x03);
	assert_int_equal(pc->control.request, REQUEST_RESET);
}

static void port_cf9_resets_on_a_rising_edge(void **state)
{
	out(0xcf9, 1, 0x02); /* hard reset chosen, not yet asked for */
	assert_int_equal(in(0xcf9, 1), 0x02);
	out(0xcf8, 4, 0x80000604); /* the same byte lane, but a PCI address */
	assert_int_equal(pc->control.request, REQUEST_NONE);
	out(0xcf9, 1, 0x06);
	assert_int_equal(pc->control.request, REQUEST_RESET);
}

static void the_screen_keeps_what_is_written(void **state)
{
	struct bus *b = &pc->bus;

	assert_int_equal(bus_mmio_read(b, gpa(0xb8000), 4, 0), 0x07200720);
	bus_mmio_write(b, gpa(0xb8000), 2, 0x1f41, 0);
	bus_mmio_write(b, gpa(0xbfffc), 4, 0xdeadbeef, 0);
	assert_int_equal(bus_mmio_read(b, gpa(0xb8000), 1, 0), 'A');
	assert_int_equal(bus_mmio_read(b, gpa(0xb8001), 2, 0), 0x201f);
	assert_int_equal(bus_mmio_read(b, gpa(0xbfffe), 4, 0), 0xffffdead);
	assert_int_equal(bus_mmio_read(b, gpa(0xb7fff), 1, 0), 0xff);
	out(0x3d4, 2, 0x340e); /* index and data by one word, as drivers do */
	out(0x3d4, 2, 0x120f);
	out(0x3d4, 1, 0x0e);
	assert_int_equal(in(0x3d5, 1), 0x34);
	out(0x3d4, 1, 0xff);
	out(0x3d5, 1, 1);
	assert_int_equal(in(0x3d5, 1), 0xff);
}

static void an_fpu_error_is_irq_13(void **state)
{
	out(0xa1, 1, 0xdf);
	out(0x21, 1, 0xfb);
	platform_fpu_error(pc);
	assert_true(platform_interrupt_pending(pc));
	assert_int_equal(platform_interrupt_acknowledge(pc, 0), 0x75);
	out(0xf0, 1, 0);
	out(0xa0, 1, 0x20);
	out(0x20, 1, 0x20);
	assert_false(platform_interrupt_pending(pc));
	platform_fpu_error(pc); /* a new edge */
	assert_true(platform_interrupt_pending(pc));
}

int main(void)
{
	const struct CMUnitTest plain[] = {
		cmocka_unit_test_setup(strings_are_single_accesses, set_up),
		cmocka_unit_test_setup(wide_accesses_to_a_byte_device_are_split, set_up),
		cmocka_unit_test_setup(a_wide_device_gets_wide_accesses_whole, set_up),
		cmocka_unit_test_setup(an_access_may_leave_a_range, set_up),
		cmocka_unit_test_setup(nobody_answers_with_ones, set_up),
		cmocka_unit_test_setup(the_end_of_the_address_space_wraps, set_up),
		cmocka_unit_test_setup(memory_is_split_likewise, set_up),
	};
	const struct CMUnitTest machine[] = {
		cmocka_unit_test_setup_teardown(the_map_finds_each_device, power_on, power_off),
		cmocka_unit_test_setup_teardown(what_is_absent_reads_ones, power_on, power_off),
		cmocka_unit_test_setup_teardown(
			port_f4_powers_off_with_its_status, power_on, power_off),
		cmocka_unit_test_setup_teardown(port_92_sets_a20_and_resets, power_on, power_off),
		cmocka_unit_test_setup_teardown(
			port_cf9_resets_on_a_rising_edge, power_on, power_off),
		cmocka_unit_test_setup_teardown(
			the_screen_keeps_what_is_written, power_on, power_off),
		cmocka_unit_test_setup_teardown(an_fpu_error_is_irq_13, power_on, power_off),
	};

	return cmocka_run_group_tests_name("bus", plain, NULL, NULL) +
	       cmocka_run_group_tests_name("platform", machine, NULL, NULL);
}
