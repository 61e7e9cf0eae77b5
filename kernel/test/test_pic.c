/*
 * The 8259A pair against its data sheet (Intel 231468), as kernels use it: a request, its vector and its
 * end; priorities, in one chip and through the other; requests that vanish.
 */
#include "test/pic_pair.h"

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

/* --- the second chip -------------------------------------------------------------------------- */

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

/* --- spurious requests ------------------------------------------------------------------------ */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		pic_test(a_request_becomes_a_vector_and_waits_for_its_end),
		pic_test(more_urgent_requests_nest_and_lesser_ones_wait),
		pic_test(a_specific_end_ends_that_one),
		pic_test(the_mask_holds_back_and_reads_back),
		pic_test(only_an_edge_requests),
		pic_test(the_cascade_needs_two_ends),
		pic_test(a_second_request_of_the_second_chip_waits_its_turn),
		pic_test(the_first_chip_may_be_ended_first),
		pic_test(a_vanished_request_is_spurious_7),
		pic_test(a_vanished_request_of_the_second_chip_is_spurious_15),
	};

	return cmocka_run_group_tests_name("pic", tests, NULL, NULL);
}
