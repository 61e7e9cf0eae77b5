/* Delivery of events through the guest's IDT, against SDM 3A chapter 6: the frame, the gate, the code segment. */
#include "test/events.h"

/* --- the frame -------------------------------------------------------------------------------- */

static void an_interrupt_gate_masks_interrupts(void **state)
{
	v.eflags |= EFLAGS_TF | EFLAGS_NT | EFLAGS_AC;
	v.halted = v.shadow = true;
	assert_done(external(0x81));
	assert_int_equal(v.eip, HANDLER);
	assert_int_equal(v.seg[CS].selector, KERNEL_CS);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 12);
	assert_int_equal(stack_word(0), CODE);
	assert_int_equal(stack_word(1), KERNEL_CS);
	assert_int_equal(stack_word(2), STARTED | EFLAGS_TF | EFLAGS_NT | EFLAGS_AC);
	assert_int_equal(v.eflags, EFLAGS_FIXED | EFLAGS_CF | EFLAGS_AC);
	assert_false(v.halted || v.shadow);
}

static void a_trap_gate_leaves_interrupts_on(void **state)
{
	put_gate(0x81, KERNEL_CS, HANDLER, TYPE_TRAP_GATE32, 0);
	assert_done(external(0x81));
	assert_int_equal(v.eflags, STARTED);
}

static void a_software_interrupt_returns_behind_itself(void **state)
{
	assert_done(software(0x80));
	assert_int_equal(stack_word(0), CODE + 2);
	assert_int_equal(stack_word(2), STARTED);
}

static void a_fault_pushes_its_error_code_and_rf(void **state)
{
	assert_done(exception(VECTOR_GP, 0x1234));
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 16);
	assert_int_equal(stack_word(0), 0x1234);
	assert_int_equal(stack_word(1), CODE);
	assert_int_equal(stack_word(3), STARTED | EFLAGS_RF);
	assert_int_equal(v.eflags & EFLAGS_RF, 0);
}

static void only_seven_exceptions_have_an_error_code(void **state)
{
	static const u8 with_error[] = {
		VECTOR_DF, VECTOR_TS, VECTOR_NP, VECTOR_SS, VECTOR_GP, VECTOR_PF, VECTOR_AC};

	for (unsigned vector = 0; vector < 32; vector++) {
		bool expected = memchr(with_error, vector, sizeof with_error);

		v.gpr[ESP] = KERNEL_STACK;
		assert_done(exception(vector, 0));
		assert_int_equal(v.gpr[ESP], KERNEL_STACK - (expected ? 16 : 12));
	}
}

/* SDM 3B 17.3.1.1: a debug exception pushes RF as it is, an interrupt too. */
static void rf_is_pushed_as_it_is_by_debug_traps_and_interrupts(void **state)
{
	assert_done(exception(VECTOR_DB, 0));
	assert_int_equal(stack_word(2) & EFLAGS_RF, 0);
	v.eflags |= EFLAGS_RF;
	assert_done(external(0x81));
	assert_int_equal(stack_word(2) & EFLAGS_RF, EFLAGS_RF);
}

/* SDM 3B 17.2.4: the handler of a debug exception may use the debug registers. */
static void a_debug_exception_clears_general_detect(void **state)
{
	v.dr[7] = DR7_FIXED | DR7_GD;
	assert_done(exception(VECTOR_UD, 0));
	assert_int_equal(v.dr[7], DR7_FIXED | DR7_GD);
	assert_done(exception(VECTOR_DB, 0));
	assert_int_equal(v.dr[7], DR7_FIXED);
}

static void gates_of_the_286_push_words(void **state)
{
	put_gate(0x81, KERNEL_CS, 0xabcd0000 | HANDLER, TYPE_INTERRUPT_GATE16, 0);
	assert_done(external(0x81));
	assert_int_equal(v.eip, HANDLER);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 6);
	assert_int_equal(stack_word(0), KERNEL_CS << 16 | CODE);
	assert_int_equal(peek16(v.gpr[ESP] + 4), STARTED & 0xffff);
	assert_int_equal(v.eflags & EFLAGS_IF, 0);

	put_gate(VECTOR_GP, KERNEL_CS, HANDLER, TYPE_TRAP_GATE16, 0);
	v.eflags = STARTED;
	assert_done(exception(VECTOR_GP, 0x5678));
	assert_int_equal(peek16(v.gpr[ESP]), 0x5678);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 6 - 8);
	assert_int_equal(v.eflags & EFLAGS_IF, EFLAGS_IF);
}

/* In a 16-bit stack segment only SP moves (SDM 1 6.2.3). */
static void a_small_stack_keeps_the_upper_half_of_esp(void **state)
{
	set_segment(SS, STACK16);
	v.gpr[ESP] = 0x12340000 | KERNEL_STACK;
	assert_done(external(0x81));
	assert_int_equal(v.gpr[ESP], 0x12340000 | (KERNEL_STACK - 12));
	assert_int_equal(peek32(KERNEL_STACK - 12), CODE);
}

/* --- gates that refuse ------------------------------------------------------------------------ */

static void a_gate_beyond_the_idt_is_refused(void **state)
{
	v.idtr.limit = 0x81 * 8 + 6;
	assert_became(external(0x81), VECTOR_GP, IDT_ERROR(0x81) + EXT);
	assert_int_equal(stack_word(1), CODE);
	assert_became(software(0x81), VECTOR_GP, IDT_ERROR(0x81));
	v.idtr.limit++;
	assert_done(external(0x81));
	assert_int_equal(v.eip, HANDLER);
}

static void only_gates_of_four_types_are_entered(void **state)
{
	for (unsigned type = 0; type < 32; type++) {
		bool gate = type == TYPE_INTERRUPT_GATE16 || type == TYPE_TRAP_GATE16 ||
			    type == TYPE_INTERRUPT_GATE32 || type == TYPE_TRAP_GATE32;

		if (type == TYPE_TASK_GATE)
			continue;
		put_gate(0x81, KERNEL_CS, HANDLER, type, 0);
		v.gpr[ESP] = KERNEL_STACK;
		v.eip = CODE;
		if (gate) {
			assert_done(external(0x81));
			assert_int_equal(v.eip, HANDLER);
		} else {
			assert_became(external(0x81), VECTOR_GP, IDT_ERROR(0x81) + EXT);
		}
	}
	put_gate(0x81, KERNEL_CS, HANDLER, TYPE_TASK_GATE, 0);
	assert_unsupported(external(0x81));
}

static void a_gates_dpl_binds_software_alone(void **state)
{
	enter_level(3);
	assert_became(software(0x81), VECTOR_GP, IDT_ERROR(0x81));
	assert_int_equal(stack_word(1), CODE); /* the INT itself */
	enter_level(3);
	v.eip = CODE;
	assert_done(external(0x81));
	assert_int_equal(v.eip, HANDLER);
	enter_level(3);
	assert_done(exception(VECTOR_UD, 0));
	assert_int_equal(v.eip, HANDLER + VECTOR_UD);
	enter_level(3);
	v.eip = CODE;
	assert_done(software(0x80));
	assert_int_equal(v.eip, HANDLER);
}

static void a_gate_that_is_not_present_is_refused_last(void **state)
{
	absent(0x80, 3);
	assert_became(software(0x80), VECTOR_NP, IDT_ERROR(0x80));
	assert_became(external(0x80), VECTOR_NP, IDT_ERROR(0x80) + EXT);
	enter_level(3);
	absent(0x81, 0);
	assert_became(software(0x81), VECTOR_GP, IDT_ERROR(0x81)); /* the DPL comes first */
}

/* --- code segments ---------------------------------------------------------------------------- */

static void handlers_code_segment_is_checked(void **state)
{
	static const struct bad_segment cases[] = {
		{0, 0, VECTOR_GP, EXT},
		{3, 0, VECTOR_GP, EXT},
		{OUTSIDE, 0, VECTOR_GP, OUTSIDE | EXT},
		{LOCAL | 0x100, 0, VECTOR_GP, LOCAL | 0x100 | EXT},
		{KERNEL_DS, 0, VECTOR_GP, KERNEL_DS | EXT},
		{TSS_SEL, 0, VECTOR_GP, TSS_SEL | EXT},
		{USER_CS, 0, VECTOR_GP, (USER_CS & ~3) | EXT}, /* less privileged */
		{SPARE | 2, CODE_ATTR & ~ATTR_P, VECTOR_NP, SPARE | EXT},
		{LOCAL, CODE_ATTR & ~ATTR_P, VECTOR_NP, LOCAL | EXT},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].attr)
			put_descriptor(cases[i].selector, 0, 0xffff, cases[i].attr);
		put_gate(0x81, cases[i].selector, HANDLER, TYPE_INTERRUPT_GATE32, 0);
		assert_became(external(0x81), cases[i].vector, cases[i].error);
	}
}

static void a_handler_lies_within_its_segment(void **state)
{
	put_descriptor(SPARE, 0, HANDLER - 1, CODE_ATTR);
	put_gate(0x81, SPARE, HANDLER, TYPE_INTERRUPT_GATE32, 3);
	assert_became(external(0x81), VECTOR_GP, EXT);
	assert_became(software(0x81), VECTOR_GP, 0);
	put_descriptor(SPARE, 0, HANDLER, CODE_ATTR);
	assert_done(external(0x81));
	assert_int_equal(v.seg[CS].selector, SPARE);
}

static void a_handler_may_lie_in_the_ldt(void **state)
{
	put_descriptor(LOCAL, 0x100, FLAT, ATTR_G | CODE_ATTR);
	put_gate(0x81, LOCAL | 3, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	assert_done(external(0x81));
	assert_int_equal(v.seg[CS].selector, LOCAL); /* RPL is CPL */
	assert_int_equal(v.seg[CS].base, 0x100);
	assert_true(peek32(slot(LOCAL) + 4) & ATTR_ACCESSED << 8);
}

static void a_conforming_handler_runs_at_the_level_it_finds(void **state)
{
	put_gate(0x81, CONFORMING, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	enter_level(3);
	assert_done(external(0x81));
	assert_int_equal(v.cpl, 3);
	assert_int_equal(v.seg[CS].selector, CONFORMING | 3);
	assert_int_equal(v.seg[SS].selector, USER_DS);
	assert_int_equal(v.gpr[ESP], USER_STACK - 12);
	assert_int_equal(stack_word(0), CODE);
}

static void rings_1_and_2_are_refused_in_words(void **state)
{
	put_gate(0x81, LEVEL_1, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	enter_level(3);
	assert_unsupported(external(0x81));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		event_test(an_interrupt_gate_masks_interrupts),
		event_test(a_trap_gate_leaves_interrupts_on),
		event_test(a_software_interrupt_returns_behind_itself),
		event_test(a_fault_pushes_its_error_code_and_rf),
		event_test(only_seven_exceptions_have_an_error_code),
		event_test(rf_is_pushed_as_it_is_by_debug_traps_and_interrupts),
		event_test(a_debug_exception_clears_general_detect),
		event_test(gates_of_the_286_push_words),
		event_test(a_small_stack_keeps_the_upper_half_of_esp),
		event_test(a_gate_beyond_the_idt_is_refused),
		event_test(only_gates_of_four_types_are_entered),
		event_test(a_gates_dpl_binds_software_alone),
		event_test(a_gate_that_is_not_present_is_refused_last),
		event_test(handlers_code_segment_is_checked),
		event_test(a_handler_lies_within_its_segment),
		event_test(a_handler_may_lie_in_the_ldt),
		event_test(a_conforming_handler_runs_at_the_level_it_finds),
		event_test(rings_1_and_2_are_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
