/* Faults while an event is delivered: taken in turn, double, and the end (SDM 3A 6.15, "Interrupt 8"). */
#include "test/events.h"

/* Which handler an exception reaches when another one comes up in its delivery: SDM 3A table 6-5. */
static void two_faults_make_a_double_fault_or_not(void **state)
{
	static const u8 contributory[] = {VECTOR_DE, VECTOR_TS, VECTOR_NP, VECTOR_SS, VECTOR_GP};
	static const u8 benign[] = {VECTOR_DB, VECTOR_BP, VECTOR_OF, VECTOR_BR, VECTOR_UD,
		VECTOR_NM, VECTOR_MF, VECTOR_AC, VECTOR_MC, VECTOR_XM};

	for (unsigned i = 0; i < sizeof contributory; i++) {
		absent(contributory[i], 0);
		assert_became(exception(contributory[i], 0), VECTOR_DF, 0);
		put_gate(contributory[i], KERNEL_CS, HANDLER + contributory[i],
			TYPE_INTERRUPT_GATE32, 0);
	}
	for (unsigned i = 0; i < sizeof benign; i++) {
		absent(benign[i], 0);
		assert_became(exception(benign[i], 0), VECTOR_NP, IDT_ERROR(benign[i]) + EXT);
	}
	/* An external interrupt and INT n are benign, whatever their vector. */
	absent(VECTOR_GP, 0);
	assert_became(external(VECTOR_GP), VECTOR_NP, IDT_ERROR(VECTOR_GP) + EXT);
	assert_became(software(VECTOR_GP), VECTOR_NP, IDT_ERROR(VECTOR_GP));
}

/* Gates to the LDT, whose page is not there, make page faults. */
static void page_faults_combine_as_the_table_says(void **state)
{
	paging_on();
	map_page(LDT, 0);
	put_gate(0x81, LOCAL, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	assert_became(external(0x81), VECTOR_PF, 0);
	assert_int_equal(v.cr2, LDT);

	/* After a contributory exception it comes in turn, after a page fault it doubles. */
	put_gate(VECTOR_GP, LOCAL, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	assert_became(exception(VECTOR_GP, 0), VECTOR_PF, 0);
	put_gate(VECTOR_PF, LOCAL, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	assert_became(exception(VECTOR_PF, 0), VECTOR_DF, 0);
	put_gate(VECTOR_DF, LOCAL, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	assert_int_equal(exception(VECTOR_DF, 0), STEP_EXIT);
	assert_int_equal(exit_record.kind, EXIT_SHUTDOWN);
}

static void a_page_fault_then_a_protection_fault_is_a_double_fault(void **state)
{
	absent(VECTOR_PF, 0);
	assert_became(exception(VECTOR_PF, 2), VECTOR_DF, 0);
}

static void a_fault_in_a_double_fault_is_the_end(void **state)
{
	absent(VECTOR_DF, 0);
	absent(VECTOR_NP, 0);
	assert_int_equal(exception(VECTOR_GP, 0), STEP_DONE);
	absent(VECTOR_GP, 0);
	assert_int_equal(exception(VECTOR_GP, 0), STEP_EXIT);
	assert_int_equal(exit_record.kind, EXIT_SHUTDOWN);
	assert_non_null(exit_record.reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		event_test(two_faults_make_a_double_fault_or_not),
		event_test(page_faults_combine_as_the_table_says),
		event_test(a_page_fault_then_a_protection_fault_is_a_double_fault),
		event_test(a_fault_in_a_double_fault_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
