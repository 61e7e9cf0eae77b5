/*
 * The 8259A pair's modes against its data sheet (Intel 231468): what the initialisation words choose, and
 * other ways to request, to end, to order and to ask.
 */
#include "test/pic_pair.h"

/* --- initialisation and registers ------------------------------------------------------------- */

static void firmware_leaves_its_own_vectors_and_masks(void **state)
{
	pic_init(&pic);
	assert_int_equal(in(0x21), 0xb8);
	assert_int_equal(in(0xa1), 0x8e);
	raise(4);
	assert_false(pic_pending(&pic));
	lower(4);
	raise(1);
	assert_int_equal(pic_acknowledge(&pic), 0x09);
	raise(8);
	out(0x20, EOI);
	assert_int_equal(pic_acknowledge(&pic), 0x70);
}

/* DS "ICW1 and ICW2", a to f. */
static void icw1_starts_afresh(void **state)
{
	raise(5);
	pic_acknowledge(&pic);
	raise(3);
	out(0x21, 0xff);
	out(0x20, 0xc3);
	out(0x20, 0x68);
	out(0x20, READ_ISR);
	out(0x20, 0x11);
	assert_int_equal(in(0x20), 0x00); /* IRR is selected, and edges are forgotten */
	out(0x21, 0x50);
	out(0x21, 0x04);
	out(0x21, 0x01);
	assert_int_equal(in(0x21), 0x00);
	assert_int_equal(isr(0x20), 0x00);
	assert_false(pic_pending(&pic));
	raise(3); /* no edge: still high */
	assert_false(pic_pending(&pic));
	raise(6);
	raise(1);
	assert_int_equal(pic_acknowledge(&pic), 0x51); /* fixed priorities again */
}

/* ICW3 is left out with SNGL, ICW4 without IC4; then the next write is the mask. */
static void icw1_says_which_words_follow(void **state)
{
	out(0x20, 0x12);
	out(0x21, 0x40);
	out(0x21, 0xab);
	assert_int_equal(in(0x21), 0xab);
	out(0x20, 0x10);
	out(0x21, 0x40);
	out(0x21, 0x04);
	out(0x21, 0xcd);
	assert_int_equal(in(0x21), 0xcd);
	out(0x20, 0x13);
	out(0x21, 0x47); /* the low bits are the input's */
	out(0x21, 0x01);
	out(0x21, 0x00);
	assert_int_equal(in(0x21), 0x00);
	raise(0);
	assert_int_equal(pic_acknowledge(&pic), 0x40);
}

/* What Linux's probe_8259A() and the choice of a register to read rest on. */
static void the_read_register_stays_selected(void **state)
{
	out(0xa1, 0xff);
	out(0x21, 0xfb);
	assert_int_equal(in(0x21), 0xfb);
	out(0x21, 0xef);
	raise(4);
	out(0x20, READ_IRR);
	assert_int_equal(in(0x20), 0x10);
	out(0x20, 0x08); /* OCW3 without RR changes nothing */
	assert_int_equal(in(0x20), 0x10);
	pic_acknowledge(&pic);
	out(0x20, READ_ISR);
	out(0x20, 0x08);
	assert_int_equal(in(0x20), 0x10);
	out(0x20, EOI);
	assert_int_equal(in(0x20), 0x00);
}

/* --- modes ------------------------------------------------------------------------------------ */

static void in_level_mode_a_high_line_requests_again(void **state)
{
	out(0x20, 0x19); /* ICW1 with LTIM */
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, 0x01);
	raise(5);
	assert_int_equal(pic_acknowledge(&pic), 0x35);
	assert_false(pic_pending(&pic));
	out(0x20, EOI);
	assert_true(pic_pending(&pic));
	lower(5);
	assert_false(pic_pending(&pic));
}

static void special_fully_nested_lets_the_second_chip_nest(void **state)
{
	initialise(0x11);
	raise(12);
	pic_acknowledge(&pic);
	raise(14);
	assert_false(pic_pending(&pic));
	raise(9);
	assert_int_equal(pic_acknowledge(&pic), 0x39);
	assert_int_equal(isr(0xa0), 0x12);
}

static void automatic_end_leaves_nothing_in_service(void **state)
{
	initialise(0x03);
	raise(4);
	assert_int_equal(pic_acknowledge(&pic), 0x34);
	assert_int_equal(isr(0x20), 0x00);
	raise(6);
	assert_int_equal(pic_acknowledge(&pic), 0x36);
}

/* With automatic end in the second chip, its INT must still fall between two requests. */
static void automatic_end_in_the_second_chip_loses_nothing(void **state)
{
	initialise(0x03);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, 0x03);
	raise(9);
	raise(10);
	assert_int_equal(pic_acknowledge(&pic), 0x39);
	assert_int_equal(pic_acknowledge(&pic), 0x3a);
	assert_false(pic_pending(&pic));
}

static void rotation_passes_the_priority_on(void **state)
{
	raise(2 + 1);
	raise(5);
	assert_int_equal(pic_acknowledge(&pic), 0x33);
	out(0x20, 0xa0); /* rotate on non-specific end: 3 is the lowest now */
	assert_int_equal(isr(0x20), 0x00);
	lower(3);
	raise(3);
	raise(1);
	assert_int_equal(pic_acknowledge(&pic), 0x35); /* 4 5 6 7 0 1 2 3 */
	out(0x20, 0xe5);                               /* rotate on specific end of 5: 6 first */
	assert_int_equal(pic_acknowledge(&pic), 0x31);
	out(0x20, EOI);
	out(0x20, 0xc0 | 7); /* set priority: 7 lowest, the order of the beginning */
	lower(1);
	raise(7);
	raise(1);
	assert_int_equal(pic_acknowledge(&pic), 0x31);
}

static void rotation_in_automatic_end_mode(void **state)
{
	initialise(0x03);
	out(0x20, 0x80);
	raise(0);
	assert_int_equal(pic_acknowledge(&pic), 0x30);
	lower(0);
	raise(0);
	raise(7);
	assert_int_equal(pic_acknowledge(&pic), 0x37); /* 0 is the lowest now, then 7 */
	assert_int_equal(pic_acknowledge(&pic), 0x30);
	out(0x20, 0x00);
	assert_false(pic.chip[0].auto_rotate);
}

/* DS "Special Mask Mode": a service that masks itself lets all others in, lesser ones too. */
static void special_mask_mode_lets_lesser_requests_in(void **state)
{
	raise(3);
	pic_acknowledge(&pic);
	raise(6);
	assert_false(pic_pending(&pic));
	out(0x21, 0x08);
	assert_false(pic_pending(&pic));
	out(0x20, 0x68);
	assert_int_equal(pic_acknowledge(&pic), 0x36);
	out(0x20, EOI); /* a masked service is not what a non-specific end means */
	assert_int_equal(isr(0x20), 0x08);
	out(0x20, 0x48);
	raise(7);
	assert_false(pic_pending(&pic));
	out(0x20, EOI_OF(3));
	assert_true(pic_pending(&pic));
}

static void a_poll_acknowledges_by_reading(void **state)
{
	out(0x20, POLL);
	assert_int_equal(in(0x20), 0x00);
	raise(4);
	out(0x20, POLL);
	assert_int_equal(in(0x20), 0x84);
	assert_int_equal(isr(0x20), 0x10);
	assert_false(pic_pending(&pic));
	raise(14);
	out(0x20, EOI);
	out(0x20, POLL);
	assert_int_equal(in(0x20), 0x82);
	out(0xa0, POLL);
	assert_int_equal(in(0xa0), 0x86);
	assert_int_equal(isr(0xa0), 0x40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pic_test(firmware_leaves_its_own_vectors_and_masks),
		pic_test(icw1_starts_afresh),
		pic_test(icw1_says_which_words_follow),
		pic_test(the_read_register_stays_selected),
		pic_test(in_level_mode_a_high_line_requests_again),
		pic_test(special_fully_nested_lets_the_second_chip_nest),
		pic_test(automatic_end_leaves_nothing_in_service),
		pic_test(automatic_end_in_the_second_chip_loses_nothing),
		pic_test(rotation_passes_the_priority_on),
		pic_test(rotation_in_automatic_end_mode),
		pic_test(special_mask_mode_lets_lesser_requests_in),
		pic_test(a_poll_acknowledges_by_reading),
	};

	return cmocka_run_group_tests_name("pic_modes", tests, NULL, NULL);
}
