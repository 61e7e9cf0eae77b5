/* Delivery of events through the guest's IDT, and IRET, against SDM 3A chapter 6 and SDM 2A. */
#include "test/guest.h"

#define HANDLER       0x5000u
#define USER_EIP      0x7700u
#define STARTED       (EFLAGS_FIXED | EFLAGS_IF | EFLAGS_CF)
#define CONFORMING    SPARE
#define OTHER_STACK   (SPARE + 8)
#define SMALL_STACK   (SPARE + 16)
#define STACK16       (SPARE + 24)
#define LEVEL_1       (SPARE + 32)
#define EXT           ERROR_EXT
#define IDT_ERROR(n)  ((n)*8u + ERROR_IDT)
#define TASK_BUSY     (SPARE + 40)
#define stack_word(n) peek32(v.gpr[ESP] + 4 * (n))

static int set_up(void **state)
{
	guest_start(state);
	put_descriptor(CONFORMING, 0, FLAT, ATTR_G | CODE_ATTR | ATTR_CONFORM);
	put_descriptor(OTHER_STACK, 0, FLAT, ATTR_G | DATA_ATTR);
	put_descriptor(SMALL_STACK, 0, KERNEL_STACK + 0xf, DATA_ATTR);
	put_descriptor(STACK16, 0, 0xffff, DATA_ATTR & ~ATTR_DB);
	put_descriptor(LEVEL_1, 0, FLAT, ATTR_G | CODE_ATTR | DPL(1));
	put_descriptor(TASK_BUSY, TSS, 0x67, ATTR_P | TYPE_TSS32_BUSY);
	put_gate(0x80, KERNEL_CS, HANDLER, TYPE_TRAP_GATE32, 3);
	put_gate(0x81, KERNEL_CS, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	for (unsigned vector = 0; vector < 32; vector++)
		put_gate(vector, KERNEL_CS, HANDLER + vector, TYPE_INTERRUPT_GATE32, 0);
	v.eflags = STARTED;
	return 0;
}

#define event_test(f) cmocka_unit_test_setup_teardown(f, set_up, guest_stop)

static enum step deliver(struct event event)
{
	v.event = event;
	return event_deliver(&v, &exit_record);
}

static enum step external(u8 vector)
{
	return deliver((struct event){.kind = EVENT_EXTERNAL, .vector = vector});
}

static enum step software(u8 vector)
{
	return deliver((struct event){.kind = EVENT_SOFTWARE, .vector = vector, .length = 2});
}

static enum step exception(enum vector vector, u32 error)
{
	vcpu_raise(&v, vector, error);
	return event_deliver(&v, &exit_record);
}

/* A fault came up on the way: its handler was entered, with this error code. */
static void assert_became(enum step step, enum vector vector, u32 error)
{
	assert_int_equal(step, STEP_DONE);
	assert_int_equal(v.eip, HANDLER + vector);
	assert_int_equal(stack_word(0), error);
	assert_int_equal(v.event.kind, EVENT_NONE);
}

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

static void absent(u8 vector, unsigned dpl)
{
	struct descriptor d = gate_make(KERNEL_CS, HANDLER, TYPE_TRAP_GATE32, dpl);

	d.high &= ~(ATTR_P << 8);
	poke(IDT + vector * 8u, &d, sizeof d);
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
	static const struct {
		u16 selector;
		u32 attr;
		enum vector vector;
		u32 error;
	} cases[] = {
		{0, 0, VECTOR_GP, EXT},
		{3, 0, VECTOR_GP, EXT},
		{GDT_LIMIT + 1, 0, VECTOR_GP, (GDT_LIMIT + 1) | EXT},
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

/* --- stacks ----------------------------------------------------------------------------------- */

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
	static const struct {
		u16 selector;
		u32 attr;
		enum vector vector;
		u32 error;
	} cases[] = {
		{0, 0, VECTOR_TS, EXT}, {GDT_LIMIT + 1, 0, VECTOR_TS, (GDT_LIMIT + 1) | EXT},
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

/* --- faults on the way ------------------------------------------------------------------------ */

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

/* --- IRET ------------------------------------------------------------------------------------- */

static void put_frame(u32 eip, u32 cs, u32 flags, u32 esp, u32 ss)
{
	const u32 frame[] = {eip, cs, flags, esp, ss};

	v.gpr[ESP] = KERNEL_STACK - sizeof frame;
	poke(v.gpr[ESP], frame, sizeof frame);
}

#define IRET()   RUN(0xcf)
#define IRET16() RUN(0x66, 0xcf)

static void iret_goes_back_at_the_same_level(void **state)
{
	u32 flags = EFLAGS_ARITH | EFLAGS_DF | EFLAGS_TF | EFLAGS_IF | EFLAGS_IOPL | EFLAGS_RF |
		    EFLAGS_AC | EFLAGS_ID | EFLAGS_NT;

	put_frame(USER_EIP, KERNEL_CS, flags | EFLAGS_VIF | EFLAGS_VIP | 8, 0, 0);
	v.eflags &= ~EFLAGS_IF;
	v.shadow = true;
	assert_done(IRET());
	assert_int_equal(v.eip, USER_EIP);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 8);
	assert_int_equal(v.eflags & ~(EFLAGS_VIF | EFLAGS_VIP), flags | EFLAGS_FIXED);
	assert_int_equal(v.cpl, 0);
	assert_false(v.shadow);
	assert_false(e.effects & EFFECT_SEGMENTS); /* they are what they were */
}

static void iret_goes_out_to_ring_3(void **state)
{
	put_descriptor(SPARE, 0, FLAT, ATTR_G | CODE_ATTR | ATTR_CONFORM);
	set_segment(FS, SPARE);
	set_segment(GS, USER_DS);
	put_frame(USER_EIP, USER_CS, EFLAGS_IF, USER_STACK, USER_DS);
	assert_done(IRET());
	assert_true(e.effects & EFFECT_SEGMENTS);
	assert_int_equal(v.cpl, 3);
	assert_int_equal(v.eip, USER_EIP);
	assert_int_equal(v.gpr[ESP], USER_STACK);
	assert_int_equal(v.seg[CS].selector, USER_CS);
	assert_int_equal(v.seg[SS].selector, USER_DS);
	assert_int_equal(v.seg[DS].selector, 0); /* the kernel's */
	assert_int_equal(v.seg[DS].attr, 0);
	assert_int_equal(v.seg[ES].attr, 0);
	assert_int_equal(v.seg[FS].selector, SPARE);
	assert_int_equal(v.seg[GS].selector, USER_DS);
	assert_int_equal(v.eflags, EFLAGS_IF | EFLAGS_FIXED);
}

static void iret_lets_ring_3_change_little(void **state)
{
	u32 all = EFLAGS_IF | EFLAGS_IOPL | EFLAGS_AC | EFLAGS_DF;

	enter_level(3);
	v.eflags = EFLAGS_FIXED;
	v.gpr[ESP] = USER_STACK - 12;
	poke(v.gpr[ESP], (u32[]){USER_EIP, USER_CS, all}, 12);
	assert_done(IRET());
	assert_int_equal(v.eflags, EFLAGS_FIXED | EFLAGS_AC | EFLAGS_DF);

	v.eflags = EFLAGS_FIXED | EFLAGS_IOPL; /* IOPL 3: IF is the program's, IOPL is not */
	v.eip = CODE;
	v.gpr[ESP] = USER_STACK - 12;
	poke(v.gpr[ESP], (u32[]){USER_EIP, USER_CS, EFLAGS_IF}, 12);
	assert_done(IRET());
	assert_int_equal(v.eflags, EFLAGS_FIXED | EFLAGS_IOPL | EFLAGS_IF);
}

static void iret_of_words_leaves_the_upper_flags(void **state)
{
	const u16 frame[] = {0x7700, USER_CS, EFLAGS_IF | EFLAGS_CF, 0x9ab0, USER_DS};

	v.eflags |= EFLAGS_AC | EFLAGS_ID;
	v.gpr[ESP] = KERNEL_STACK - sizeof frame;
	poke(v.gpr[ESP], frame, sizeof frame);
	assert_done(IRET16());
	assert_int_equal(v.eip, 0x7700);
	assert_int_equal(v.cpl, 3);
	assert_int_equal(v.gpr[ESP], 0x9ab0);
	assert_int_equal(v.eflags, EFLAGS_FIXED | EFLAGS_IF | EFLAGS_CF | EFLAGS_AC | EFLAGS_ID);
}

static void iret_checks_code_and_stack(void **state)
{
	static const struct {
		u32 cs, ss;
		u32 attr; /* of SPARE */
		enum vector vector;
		u32 error;
	} cases[] = {
		{0, USER_DS, 0, VECTOR_GP, 0},
		{3, USER_DS, 0, VECTOR_GP, 0},
		{GDT_LIMIT + 1, USER_DS, 0, VECTOR_GP, GDT_LIMIT + 1},
		{KERNEL_DS, USER_DS, 0, VECTOR_GP, KERNEL_DS},
		{TSS_SEL, USER_DS, 0, VECTOR_GP, TSS_SEL},
		{USER_CS & ~3, USER_DS, 0, VECTOR_GP, USER_CS & ~3},
		{KERNEL_CS | 3, USER_DS, 0, VECTOR_GP, KERNEL_CS},
		{SPARE | 3, USER_DS, (CODE_ATTR & ~ATTR_P) | DPL(3), VECTOR_NP, SPARE},
		{SPARE, USER_DS, CODE_ATTR | ATTR_CONFORM | DPL(3), VECTOR_GP, SPARE},
		{USER_CS, 0, 0, VECTOR_GP, 0},
		{USER_CS, GDT_LIMIT + 1, 0, VECTOR_GP, GDT_LIMIT + 1},
		{USER_CS, KERNEL_DS, 0, VECTOR_GP, KERNEL_DS},
		{USER_CS, USER_DS & ~3, 0, VECTOR_GP, USER_DS & ~3},
		{USER_CS, USER_CS, 0, VECTOR_GP, USER_CS & ~3},
		{USER_CS, SPARE | 3, (DATA_ATTR & ~ATTR_WRITABLE) | DPL(3), VECTOR_GP, SPARE},
		{USER_CS, SPARE | 3, (DATA_ATTR & ~ATTR_P) | DPL(3), VECTOR_SS, SPARE},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		put_descriptor(SPARE, 0, FLAT, ATTR_G | cases[i].attr);
		put_frame(USER_EIP, cases[i].cs, EFLAGS_IF, USER_STACK, cases[i].ss);
		assert_fault(IRET(), cases[i].vector, cases[i].error);
		assert_int_equal(v.eflags, STARTED);
	}
}

static void iret_checks_eip_and_its_own_stack(void **state)
{
	put_descriptor(SPARE, 0, USER_EIP, CODE_ATTR);
	put_frame(USER_EIP + 1, SPARE, 0, 0, 0);
	assert_fault(IRET(), VECTOR_GP, 0);
	put_frame(USER_EIP, SPARE, 0, 0, 0);
	assert_done(IRET());

	v.eip = CODE;
	set_segment(CS, KERNEL_CS);
	set_segment(SS, SMALL_STACK);
	v.gpr[ESP] = KERNEL_STACK + 5;
	assert_fault(IRET(), VECTOR_SS, 0);
	v.gpr[ESP] = KERNEL_STACK + 4; /* three words fit; five do not */
	poke(v.gpr[ESP], (u32[]){USER_EIP, USER_CS, 0}, 12);
	assert_fault(IRET(), VECTOR_SS, 0);
}

static void iret_on_a_small_stack_moves_sp_alone(void **state)
{
	set_segment(SS, STACK16);
	put_frame(USER_EIP, KERNEL_CS, 0, 0, 0);
	v.gpr[ESP] |= 0x12340000;
	assert_done(IRET());
	assert_int_equal(v.gpr[ESP], 0x12340000 | (KERNEL_STACK - 8));

	v.eip = CODE;
	v.gpr[ESP] = 0x1234fff4;
	poke(0xfff4, (u32[]){USER_EIP, KERNEL_CS, 0}, 12);
	assert_done(IRET());
	assert_int_equal(v.gpr[ESP], 0x12340000);
}

static void iret_never_goes_inwards(void **state)
{
	enter_level(3);
	for (unsigned rpl = 0; rpl < 3; rpl++) {
		v.gpr[ESP] = USER_STACK - 12;
		poke(v.gpr[ESP], (u32[]){USER_EIP, KERNEL_CS | rpl, 0}, 12);
		assert_fault(IRET(), VECTOR_GP, KERNEL_CS);
	}
}

static void iret_marks_segments_accessed(void **state)
{
	put_descriptor(USER_CS, 0, FLAT, ATTR_G | CODE_ATTR | DPL(3));
	put_descriptor(USER_DS, 0, FLAT, ATTR_G | DATA_ATTR | DPL(3));
	put_frame(USER_EIP, USER_CS, 0, USER_STACK, USER_DS);
	assert_done(IRET());
	assert_true(peek32(slot(USER_CS) + 4) & ATTR_ACCESSED << 8);
	assert_true(peek32(slot(USER_DS) + 4) & ATTR_ACCESSED << 8);
	assert_true(v.seg[CS].attr & v.seg[SS].attr & ATTR_ACCESSED);
}

static void iret_says_what_it_cannot_do(void **state)
{
	put_frame(USER_EIP, USER_CS, EFLAGS_VM, USER_STACK, USER_DS);
	assert_unsupported(IRET());
	put_frame(USER_EIP, LEVEL_1 | 1, 0, USER_STACK, USER_DS);
	assert_unsupported(IRET());
	v.eflags |= EFLAGS_NT;
	poke32(TSS, TASK_BUSY);
	assert_unsupported(IRET());
}

/* With NT, what the TSS links to must be a busy task (SDM 2A IRET, "TASK-RETURN"). */
static void iret_to_no_task_is_an_invalid_tss(void **state)
{
	static const u16 links[] = {0, KERNEL_CS, LOCAL, GDT_LIMIT + 1};

	put_descriptor(
		LOCAL, TSS, 0x67, ATTR_P | TYPE_TSS32_BUSY); /* a TSS counts in the GDT alone */
	enter_level(3); /* a program can set NT by POPF: its own affair */
	v.eflags |= EFLAGS_NT;
	for (unsigned i = 0; i < ARRAY_SIZE(links); i++) {
		poke32(TSS, links[i]);
		assert_fault(IRET(), VECTOR_TS, links[i]);
	}
}

/* A system call there and back leaves all as it was. */
static void a_system_call_there_and_back(void **state)
{
	struct vcpu before;

	enter_level(3);
	before = v;
	assert_int_equal(RUN(0xcd, 0x80), STEP_FAULT);
	assert_int_equal(v.event.kind, EVENT_SOFTWARE);
	assert_done(event_deliver(&v, &exit_record));
	assert_int_equal(v.cpl, 0);
	assert_done(IRET());
	before.eip += 2;
	before.event = v.event; /* EVENT_NONE; its other fields mean nothing */
	assert_int_equal(v.event.kind, EVENT_NONE);
	assert_memory_equal(&v, &before, offsetof(struct vcpu, tlb));
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
		event_test(an_inner_handler_takes_the_stack_of_the_tss),
		event_test(an_inner_stack_is_checked),
		event_test(a_short_tss_has_no_stack),
		event_test(a_frame_that_does_not_fit_is_a_stack_fault),
		event_test(a_full_stack_of_the_same_level_has_no_selector),
		event_test(a_frame_on_an_expand_down_stack_lies_above_the_limit),
		event_test(two_faults_make_a_double_fault_or_not),
		event_test(page_faults_combine_as_the_table_says),
		event_test(a_page_fault_then_a_protection_fault_is_a_double_fault),
		event_test(a_fault_in_a_double_fault_is_the_end),
		event_test(a_stack_in_two_pages_is_written_whole_or_not),
		event_test(a_frame_is_written_with_the_handlers_rights),
		event_test(iret_goes_back_at_the_same_level),
		event_test(iret_goes_out_to_ring_3),
		event_test(iret_lets_ring_3_change_little),
		event_test(iret_of_words_leaves_the_upper_flags),
		event_test(iret_checks_code_and_stack),
		event_test(iret_checks_eip_and_its_own_stack),
		event_test(iret_on_a_small_stack_moves_sp_alone),
		event_test(iret_never_goes_inwards),
		event_test(iret_marks_segments_accessed),
		event_test(iret_says_what_it_cannot_do),
		event_test(iret_to_no_task_is_an_invalid_tss),
		event_test(a_system_call_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
