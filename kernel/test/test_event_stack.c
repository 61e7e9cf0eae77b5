/* The stack that an event's frame is written to: which one, its checks (SDM 3A 6.12.1), and its pages. */
#include "test/events.h"

static void an_inner_handler_takes_the_stack_of_the_tss(void **state)
{
	poke32(TSS + offsetof(struct tss, esp0), 0x8800);
	poke32(TSS + offsetof(struct tss, ss0),
		0xffff0000 | OTHER_STACK); /* the upper half is reserved */
	enter_level(3);
	assert_done(exception(VECTOR_PF, 6));
	assert_int_equal(v.cpl, 0);
	assert_int_equal(v.seg[CS].selector, KERNEL_CS);
	assert_int_equal(v.seg[SS].selector, OTHER_STACK);
	assert_int_equal(v.gpr[ESP], 0x8800 - 24);
	assert_int_equal(stack_word(0), 6);
	assert_int_equal(stack_word(1), CODE);
	assert_int_equal(stack_word(2), USER_CS);
	assert_int_equal(stack_word(3), STARTED | EFLAGS_RF);
	assert_int_equal(stack_word(4), USER_STACK);
	assert_int_equal(stack_word(5), USER_DS);
	assert_int_equal(v.seg[DS].selector, USER_DS); /* stays */
	assert_true(peek32(slot(OTHER_STACK) + 4) & ATTR_ACCESSED << 8);
}

/* Every wrong stack: the fault needs a good stack itself, so its handler is a conforming one. */
static void an_inner_stack_is_checked(void **state)
{
	static const struct bad_segment cases[] = {
		{0, 0, VECTOR_TS, EXT}, /* null */
		{OUTSIDE, 0, VECTOR_TS, OUTSIDE | EXT},
		{SPARE + 3, DATA_ATTR, VECTOR_TS, SPARE | EXT},      /* RPL */
		{SPARE, DATA_ATTR | DPL(3), VECTOR_TS, SPARE | EXT}, /* DPL */
		{SPARE, DATA_ATTR & ~ATTR_WRITABLE, VECTOR_TS, SPARE | EXT},
		{SPARE, CODE_ATTR, VECTOR_TS, SPARE | EXT},
		{SPARE, DATA_ATTR & ~ATTR_P, VECTOR_SS, SPARE | EXT},
		{SPARE, (DATA_ATTR & ~ATTR_P) | DPL(3), VECTOR_TS, SPARE | EXT}, /* P comes last */
	};

	put_descriptor(SPARE + 0x50, 0, FLAT, ATTR_G | CODE_ATTR | ATTR_CONFORM);
	put_gate(VECTOR_TS, SPARE + 0x50, HANDLER + VECTOR_TS, TYPE_INTERRUPT_GATE32, 0);
	put_gate(VECTOR_SS, SPARE + 0x50, HANDLER + VECTOR_SS, TYPE_INTERRUPT_GATE32, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		put_descriptor(SPARE, 0, 0xffff, cases[i].attr);
		poke32(TSS + offsetof(struct tss, ss0), cases[i].selector);
		enter_level(3);
		assert_became(external(0x81), cases[i].vector, cases[i].error);
		assert_int_equal(v.cpl, 3);
	}
}

static void a_short_tss_has_no_stack(void **state)
{
	put_gate(VECTOR_TS, CONFORMING, HANDLER + VECTOR_TS, TYPE_INTERRUPT_GATE32, 0);
	v.tr.limit = 8;
	enter_level(3);
	assert_became(external(0x81), VECTOR_TS, TSS_SEL | EXT);
	enter_level(3);
	assert_became(software(0x80), VECTOR_TS, TSS_SEL);
	v.tr.limit = 11;
	enter_level(3);
	assert_done(external(0x81));
	assert_int_equal(v.cpl, 0);
}

static void a_frame_that_does_not_fit_is_a_stack_fault(void **state)
{
	put_gate(VECTOR_SS, CONFORMING, HANDLER + VECTOR_SS, TYPE_INTERRUPT_GATE32, 0);
	poke32(TSS + offsetof(struct tss, ss0), SMALL_STACK);
	poke32(TSS + offsetof(struct tss, esp0), KERNEL_STACK + 0x20);
	enter_level(3);
	assert_became(external(0x81), VECTOR_SS, SMALL_STACK | EXT);

	/* On the current stack the frames of #SS and #DF do not fit either. */
	enter_level(0);
	set_segment(SS, SMALL_STACK);
	v.gpr[ESP] = KERNEL_STACK + 0x20;
	assert_int_equal(external(0x81), STEP_EXIT);
	assert_int_equal(exit_record.kind, EXIT_SHUTDOWN);
	v.gpr[ESP] = KERNEL_STACK + 0x10;
	v.eip = CODE;
	assert_done(external(0x81));
	assert_int_equal(v.eip, HANDLER);
}

/* On the current stack the error code names no selector. */
static void a_full_stack_of_the_same_level_has_no_selector(void **state)
{
	put_descriptor(SPARE + 0x50, 0, USER_STACK - 0x20, DATA_ATTR | DPL(3));
	put_gate(0x81, CONFORMING, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	enter_level(3);
	set_segment(SS, (SPARE + 0x50) | 3);
	assert_became(external(0x81), VECTOR_SS, EXT);
	assert_int_equal(v.cpl, 0);
	assert_int_equal(stack_word(5), (SPARE + 0x50) | 3);
}

static void a_frame_on_an_expand_down_stack_lies_above_the_limit(void **state)
{
	put_descriptor(SPARE, 0, KERNEL_STACK - 13, DATA_ATTR | ATTR_EXPAND);
	set_segment(SS, SPARE);
	assert_done(external(0x81));
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 12);
	put_descriptor(SPARE, 0, KERNEL_STACK - 12, DATA_ATTR | ATTR_EXPAND);
	set_segment(SS, SPARE);
	v.gpr[ESP] = KERNEL_STACK;
	assert_int_equal(external(0x81), STEP_EXIT);
}

/* A frame is there whole or not at all, and the interrupted program is as it was. */
static void a_stack_in_two_pages_is_written_whole_or_not(void **state)
{
	paging_on();
	put_gate(VECTOR_PF, KERNEL_CS, HANDLER + VECTOR_PF, TYPE_INTERRUPT_GATE32, 0);
	map_page(0x8000, 0);
	poke32(0x9000, 0xdeadbeef);
	poke32(TSS + offsetof(struct tss, esp0), 0xa000);
	enter_level(0);
	v.gpr[ESP] = 0x9004;
	assert_int_equal(external(0x81), STEP_EXIT); /* #PF, #DF: no stack for any of them */
	assert_int_equal(peek32(0x9000), 0xdeadbeef);
	assert_int_equal(v.cr2, 0x8ff0 + 4);
	assert_int_equal(v.gpr[ESP], 0x9004);
	assert_int_equal(v.eip, CODE);
}

/* The new level's rights count: a kernel's stack is no user page. */
static void a_frame_is_written_with_the_handlers_rights(void **state)
{
	paging_on();
	map_page(0x8000, 0x8000 | PTE_P | PTE_W);
	enter_level(3);
	assert_done(external(0x81));
	assert_int_equal(v.cpl, 0);

	put_gate(0x81, CONFORMING, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	map_page(0xa000, 0xa000 | PTE_P | PTE_W);
	enter_level(3);
	assert_became(external(0x81), VECTOR_PF, PF_PRESENT | PF_WRITE | PF_USER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		event_test(an_inner_handler_takes_the_stack_of_the_tss),
		event_test(an_inner_stack_is_checked),
		event_test(a_short_tss_has_no_stack),
		event_test(a_frame_that_does_not_fit_is_a_stack_fault),
		event_test(a_full_stack_of_the_same_level_has_no_selector),
		event_test(a_frame_on_an_expand_down_stack_lies_above_the_limit),
		event_test(a_stack_in_two_pages_is_written_whole_or_not),
		event_test(a_frame_is_written_with_the_handlers_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
