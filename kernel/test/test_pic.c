/*
 * The 8259A pair against its data sheet (Intel 231468): initialisation, priorities, the ways to end
 * an interrupt, what the registers read, spurious requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dev/pic.h"

#define EOI       0x20
#define EOI_OF(n) (0x60 | (n))
#define READ_IRR  0x0a
#define READ_ISR  0x0b
#define POLL      0x0c

static struct pic pic;

static void out(u16 port, u8 value)
{
	pic_write(&pic, port, value);
}

static u8 in(u16 port)
{
	return pic_read(&pic, port);
}

static u8 irr(u16 port)
{
	out(port, READ_IRR);
	return in(port);
}

static u8 isr(u16 port)
{
	out(port, READ_ISR);
	return in(port);
}

static void raise(unsigned irq)
{
	pic_set_line(&pic, irq, true);
}

static void lower(unsigned irq)
{
	pic_set_line(&pic, irq, false);
}

/* As Linux's init_8259A() does, with the given ICW4 of the first chip and nothing masked. */
static void initialise(u8 icw4)
{
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, icw4);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, 0x01);
	out(0x21, 0x00);
	out(0xa1, 0x00);
}

static int set_up(void **state)
{
	pic_init(&pic);
	lower(0); /* it is high to begin with */
	initialise(0x01);
	return 0;
}

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

static void a_request_becomes_a_vector_and_waits_for_its_end(void **state)
{
	assert_false(pic_pending(&pic));
	raise(3);
	assert_true(pic_pending(&pic));
	assert_int_equal(irr(0x20), 0x08);
	assert_int_equal(pic_acknowledge(&pic), 0x33);
	assert_int_equal(irr(0x20), 0x00);
	assert_int_equal(isr(0x20), 0x08);
	lower(3);
	raise(3); /* again, while in service */
	assert_false(pic_pending(&pic));
	assert_int_equal(irr(0x20), 0x08);
	out(0x20, EOI);
	assert_int_equal(isr(0x20), 0x00);
	assert_true(pic_pending(&pic));
}

static void more_urgent_requests_nest_and_lesser_ones_wait(void **state)
{
	raise(4);
	assert_int_equal(pic_acknowledge(&pic), 0x34);
	raise(6);
	assert_false(pic_pending(&pic));
	raise(1);
	assert_int_equal(pic_acknowledge(&pic), 0x31);
	assert_int_equal(isr(0x20), 0x12);
	raise(3); /* between the two in service */
	assert_false(pic_pending(&pic));
	out(0x20, EOI); /* ends 1, the most urgent in service */
	assert_int_equal(isr(0x20), 0x10);
	assert_int_equal(pic_acknowledge(&pic), 0x33);
	out(0x20, EOI);
	assert_false(pic_pending(&pic));
	out(0x20, EOI);
	assert_int_equal(pic_acknowledge(&pic), 0x36);
}

static void a_specific_end_ends_that_one(void **state)
{
	raise(4);
	pic_acknowledge(&pic);
	raise(1);
	pic_acknowledge(&pic);
	out(0x20, EOI_OF(4));
	assert_int_equal(isr(0x20), 0x02);
	out(0x20, EOI_OF(1));
	assert_int_equal(isr(0x20), 0x00);
}

static void the_mask_holds_back_and_reads_back(void **state)
{
	out(0x21, 0x10);
	assert_int_equal(in(0x21), 0x10);
	raise(4);
	assert_false(pic_pending(&pic));
	assert_int_equal(irr(0x20), 0x10); /* requests are noted all the same */
	out(0x21, 0x00);
	assert_true(pic_pending(&pic));
	pic_acknowledge(&pic);
	out(0x21, 0xff); /* and masking ends no service */
	assert_int_equal(isr(0x20), 0x10);
	out(0xa1, 0x5a);
	assert_int_equal(in(0xa1), 0x5a);
}

static void only_an_edge_requests(void **state)
{
	raise(5);
	pic_acknowledge(&pic);
	out(0x20, EOI);
	raise(5); /* it has been high all the time */
	assert_false(pic_pending(&pic));
	lower(5);
	assert_false(pic_pending(&pic));
	raise(5);
	assert_true(pic_pending(&pic));
}

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

/* The vectors of the second chip, and an end for each of the two. */
static void the_cascade_needs_two_ends(void **state)
{
	raise(8);
	assert_int_equal(irr(0x20), 0x04);
	assert_int_equal(pic_acknowledge(&pic), 0x38);
	assert_int_equal(isr(0x20), 0x04);
	assert_int_equal(isr(0xa0), 0x01);
	raise(4); /* below the cascade */
	assert_false(pic_pending(&pic));
	raise(1); /* above it */
	assert_int_equal(pic_acknowledge(&pic), 0x31);
	out(0x20, EOI);
	out(0xa0, EOI_OF(0)); /* Linux's order: mask_and_ack_8259A() */
	out(0x20, EOI_OF(2));
	assert_int_equal(isr(0x20), 0x00);
	assert_int_equal(isr(0xa0), 0x00);
	assert_int_equal(pic_acknowledge(&pic), 0x34);
}

static void a_second_request_of_the_second_chip_waits_its_turn(void **state)
{
	raise(12);
	pic_acknowledge(&pic);
	raise(14);
	raise(9); /* more urgent in its chip, yet behind the first chip's input 2 in service */
	assert_false(pic_pending(&pic));
	out(0x20, EOI);
	assert_int_equal(pic_acknowledge(&pic), 0x39);
	out(0xa0, EOI);
	out(0xa0, EOI);
	out(0x20, EOI);
	assert_int_equal(pic_acknowledge(&pic), 0x3e);
}

/* Either order of the two ends lets the next request of the second chip through. */
static void the_first_chip_may_be_ended_first(void **state)
{
	raise(12);
	raise(13);
	assert_int_equal(pic_acknowledge(&pic), 0x3c);
	out(0x20, EOI);
	assert_false(pic_pending(&pic));
	out(0xa0, EOI);
	assert_true(pic_pending(&pic));
	assert_int_equal(pic_acknowledge(&pic), 0x3d);
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

/* DS "The Interrupt Sequence": a request that is gone by the acknowledge is answered by input 7. */
static void a_vanished_request_is_spurious_7(void **state)
{
	raise(4);
	assert_true(pic_pending(&pic)); /* the CPU has seen it, */
	lower(4);                       /* but the line falls */
	assert_int_equal(irr(0x20), 0x00);
	assert_int_equal(pic_acknowledge(&pic), 0x37);
	assert_int_equal(isr(0x20), 0x00); /* by this a kernel tells it from a real one */
	raise(7);
	assert_int_equal(pic_acknowledge(&pic), 0x37);
	assert_int_equal(isr(0x20), 0x80);
}

/* The second chip's request falls after the first chip has passed the acknowledge on. */
static void a_vanished_request_of_the_second_chip_is_spurious_15(void **state)
{
	raise(10);
	pic.chip[1].irr = 0; /* between the two INTA cycles */
	assert_int_equal(pic_acknowledge(&pic), 0x3f);
	assert_int_equal(isr(0xa0), 0x00);
	assert_int_equal(isr(0x20), 0x04); /* the first chip still needs its end */
	out(0x20, EOI_OF(2));
	assert_int_equal(isr(0x20), 0x00);
	lower(10);
	raise(10);
	assert_int_equal(pic_acknowledge(&pic), 0x3a);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(firmware_leaves_its_own_vectors_and_masks, set_up),
		cmocka_unit_test_setup(a_request_becomes_a_vector_and_waits_for_its_end, set_up),
		cmocka_unit_test_setup(more_urgent_requests_nest_and_lesser_ones_wait, set_up),
		cmocka_unit_test_setup(a_specific_end_ends_that_one, set_up),
		cmocka_unit_test_setup(the_mask_holds_back_and_reads_back, set_up),
		cmocka_unit_test_setup(only_an_edge_requests, set_up),
		cmocka_unit_test_setup(in_level_mode_a_high_line_requests_again, set_up),
		cmocka_unit_test_setup(the_cascade_needs_two_ends, set_up),
		cmocka_unit_test_setup(a_second_request_of_the_second_chip_waits_its_turn, set_up),
		cmocka_unit_test_setup(the_first_chip_may_be_ended_first, set_up),
		cmocka_unit_test_setup(special_fully_nested_lets_the_second_chip_nest, set_up),
		cmocka_unit_test_setup(automatic_end_leaves_nothing_in_service, set_up),
		cmocka_unit_test_setup(automatic_end_in_the_second_chip_loses_nothing, set_up),
		cmocka_unit_test_setup(rotation_passes_the_priority_on, set_up),
		cmocka_unit_test_setup(rotation_in_automatic_end_mode, set_up),
		cmocka_unit_test_setup(special_mask_mode_lets_lesser_requests_in, set_up),
		cmocka_unit_test_setup(a_poll_acknowledges_by_reading, set_up),
		cmocka_unit_test_setup(a_vanished_request_is_spurious_7, set_up),
		cmocka_unit_test_setup(
			a_vanished_request_of_the_second_chip_is_spurious_15, set_up),
		cmocka_unit_test_setup(icw1_starts_afresh, set_up),
		cmocka_unit_test_setup(icw1_says_which_words_follow, set_up),
		cmocka_unit_test_setup(the_read_register_stays_selected, set_up),
	};

	return cmocka_run_group_tests_name("pic", tests, NULL, NULL);
}
