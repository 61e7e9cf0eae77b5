/* The 8042: commands and answers, its interrupt, its resets; and Linux's probe of it (i8042.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dev/kbc.h"

#define FULL 0x01u

static struct pic pic;
static struct control control;
static struct kbc kbc;

static void command(u8 value)
{
	kbc_write(&kbc, 0x64, value);
}

static void data(u8 value)
{
	kbc_write(&kbc, 0x60, value);
}

static u8 status(void)
{
	return kbc_read(&kbc, 0x64);
}

/* Takes one answer, as a driver does: it must be there. */
static u8 answer(void)
{
	assert_true(status() & FULL);
	return kbc_read(&kbc, 0x60);
}

static bool interrupted(void)
{
	bool yes = pic.chip[0].irr & 1 << IRQ_KEYBOARD;

	pic.chip[0].irr = 0;
	return yes;
}

static int set_up(void **state)
{
	pic_init(&pic);
	control_init(&control);
	kbc_init(&kbc, &pic, &control);
	return 0;
}

static void nothing_waits_at_first(void **state)
{
	assert_int_equal(status(), 0x14);
	assert_false(interrupted());
	assert_true(control.a20);
}

static void the_command_byte_is_kept(void **state)
{
	command(0x60);
	data(0x47);
	command(0x20);
	assert_int_equal(answer(), 0x47);
	command(0xad);
	command(0x20);
	assert_int_equal(answer(), 0x57);
	command(0xae);
	command(0x20);
	assert_int_equal(answer(), 0x47);
}

static void the_tests_pass(void **state)
{
	command(0xaa);
	assert_int_equal(answer(), 0x55);
	command(0xab);
	assert_int_equal(answer(), 0x00);
	command(0xc0);
	assert_int_equal(answer(), 0x80);
	assert_int_equal(status() & FULL, 0);
}

static void the_status_tells_what_was_written_last(void **state)
{
	command(0xae);
	assert_int_equal(status() & 0x08, 0x08);
	data(0xf4);
	assert_int_equal(status() & 0x08, 0x00);
}

static void the_keyboard_answers(void **state)
{
	data(0xff);
	assert_int_equal(answer(), 0xfa);
	assert_int_equal(answer(), 0xaa);
	data(0xee);
	assert_int_equal(answer(), 0xee);
	data(0xed);
	assert_int_equal(answer(), 0xfa);
	data(0x02);
	assert_int_equal(answer(), 0xfa);
	data(0xf0);
	assert_int_equal(answer(), 0xfa);
	data(0x00);
	assert_int_equal(answer(), 0xfa);
	assert_int_equal(answer(), 0x02);
	data(0x02); /* no command */
	assert_int_equal(answer(), 0xfe);
}

static void the_keyboard_identifies_itself(void **state)
{
	data(0xf2);
	assert_int_equal(answer(), 0xfa);
	assert_int_equal(answer(), 0xab);
	assert_int_equal(answer(), 0x41); /* translated */
	command(0x60);
	data(0x05);
	data(0xf2);
	assert_int_equal(answer(), 0xfa);
	assert_int_equal(answer(), 0xab);
	assert_int_equal(answer(), 0x83);
}

static void each_answer_is_an_interrupt(void **state)
{
	data(0xff);
	assert_true(interrupted());
	assert_int_equal(answer(), 0xfa);
	assert_true(interrupted()); /* the next byte has come into the buffer */
	assert_int_equal(answer(), 0xaa);
	assert_false(interrupted());
	command(0x60);
	data(0x44); /* interrupt off */
	data(0xee);
	assert_false(interrupted());
	command(0x60);
	data(0x45); /* on, with a byte waiting */
	assert_true(interrupted());
}

static void an_empty_buffer_shows_its_last_byte(void **state)
{
	data(0xee);
	assert_int_equal(answer(), 0xee);
	assert_int_equal(status() & FULL, 0);
	assert_int_equal(kbc_read(&kbc, 0x60), 0xee);
}

static void nobody_reads_and_nothing_breaks(void **state)
{
	for (unsigned i = 0; i < 1000; i++)
		data(0xff);
	for (unsigned i = 0; i < KBC_QUEUE; i++)
		answer();
	assert_int_equal(status() & FULL, 0);
}

static void the_output_port_holds_a20(void **state)
{
	command(0xd0);
	assert_int_equal(answer() & 0x03, 0x03);
	command(0xd1);
	data(0xdd);
	assert_false(control.a20);
	command(0xd0);
	assert_int_equal(answer() & 0x03, 0x01);
	command(0xd1);
	data(0xdf);
	assert_true(control.a20);
	assert_int_equal(control.request, REQUEST_NONE);
	command(0xd1);
	data(0xde);
	assert_int_equal(control.request, REQUEST_RESET);
}

static void a_pulse_of_bit_0_resets(void **state)
{
	command(0xf1); /* pulses other bits, or none */
	command(0xff);
	assert_int_equal(control.request, REQUEST_NONE);
	command(0xfe);
	assert_int_equal(control.request, REQUEST_RESET);
	assert_non_null(control.reason);
}

/* i8042_controller_check(), _selftest(), _init(), i8042_check_aux() of Linux 6.1. */
static void linux_finds_a_keyboard_and_no_mouse(void **state)
{
	assert_int_equal(status() & FULL, 0);
	command(0x20);
	assert_int_equal(answer(), 0x65);
	command(0xaa);
	assert_int_equal(answer(), 0x55);
	command(0x60);
	data(0x54);
	command(0xd3); /* AUX_LOOP: the byte must come back with the mouse's flag, or there is none */
	data(0x5a);
	assert_int_equal(status() & 0x20, 0x00);
	assert_int_equal(answer(), 0x5a);
	command(0xa9); /* AUX_TEST: neither 0, 0xfa nor 0xff */
	assert_int_equal(answer(), 0x01);
	command(0xa8);
	command(0xa7);
	command(0xd4);
	data(0xf2); /* into the void */
	assert_int_equal(status() & FULL, 0);
}

/* A command that comes instead of another's argument begins afresh. */
static void a_command_cancels_a_waiting_argument(void **state)
{
	command(0x60);
	command(0xaa);
	assert_int_equal(answer(), 0x55);
	data(0xee);
	assert_int_equal(answer(), 0xee);
	command(0xd2);
	data(0x1c);
	assert_int_equal(answer(), 0x1c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_waits_at_first, set_up),
		cmocka_unit_test_setup(the_command_byte_is_kept, set_up),
		cmocka_unit_test_setup(the_tests_pass, set_up),
		cmocka_unit_test_setup(the_status_tells_what_was_written_last, set_up),
		cmocka_unit_test_setup(the_keyboard_answers, set_up),
		cmocka_unit_test_setup(the_keyboard_identifies_itself, set_up),
		cmocka_unit_test_setup(each_answer_is_an_interrupt, set_up),
		cmocka_unit_test_setup(an_empty_buffer_shows_its_last_byte, set_up),
		cmocka_unit_test_setup(nobody_reads_and_nothing_breaks, set_up),
		cmocka_unit_test_setup(the_output_port_holds_a20, set_up),
		cmocka_unit_test_setup(a_pulse_of_bit_0_resets, set_up),
		cmocka_unit_test_setup(linux_finds_a_keyboard_and_no_mouse, set_up),
		cmocka_unit_test_setup(a_command_cancels_a_waiting_argument, set_up),
	};

	return cmocka_run_group_tests_name("kbc", tests, NULL, NULL);
}
