/* IRET, against SDM 2A: to the same level, outwards, and what it refuses. */
#include "test/guest.h"

#define HANDLER     0x5000u
#define USER_EIP    0x7700u
#define STARTED     (EFLAGS_FIXED | EFLAGS_IF | EFLAGS_CF)
#define SMALL_STACK (SPARE + 8)
#define STACK16     (SPARE + 16)
#define LEVEL_1     (SPARE + 24)
#define TASK_BUSY   (SPARE + 32)

#define IRET()   RUN(0xcf)
#define IRET16() RUN(0x66, 0xcf)

static int set_up(void **state)
{
	guest_start(state);
	put_descriptor(SMALL_STACK, 0, KERNEL_STACK + 0xf, DATA_ATTR);
	put_descriptor(STACK16, 0, 0xffff, DATA_ATTR & ~ATTR_DB);
	put_descriptor(LEVEL_1, 0, FLAT, ATTR_G | CODE_ATTR | DPL(1));
	put_descriptor(TASK_BUSY, TSS, 0x67, ATTR_P | TYPE_TSS32_BUSY);
	v.eflags = STARTED;
	return 0;
}

#define iret_test(f) cmocka_unit_test_setup_teardown(f, set_up, guest_stop)

/* The five words that IRET may find, at the end of the kernel's stack. */
static void put_frame(u32 eip, u32 cs, u32 flags, u32 esp, u32 ss)
{
	const u32 frame[] = {eip, cs, flags, esp, ss};

	v.gpr[ESP] = KERNEL_STACK - sizeof frame;
	poke(v.gpr[ESP], frame, sizeof frame);
}

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
		{OUTSIDE, USER_DS, 0, VECTOR_GP, OUTSIDE},
		{KERNEL_DS, USER_DS, 0, VECTOR_GP, KERNEL_DS},
		{TSS_SEL, USER_DS, 0, VECTOR_GP, TSS_SEL},
		{USER_CS & ~3, USER_DS, 0, VECTOR_GP, USER_CS & ~3},
		{KERNEL_CS | 3, USER_DS, 0, VECTOR_GP, KERNEL_CS},
		{SPARE | 3, USER_DS, (CODE_ATTR & ~ATTR_P) | DPL(3), VECTOR_NP, SPARE},
		{SPARE, USER_DS, CODE_ATTR | ATTR_CONFORM | DPL(3), VECTOR_GP, SPARE},
		{USER_CS, 0, 0, VECTOR_GP, 0},
		{USER_CS, OUTSIDE, 0, VECTOR_GP, OUTSIDE},
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
	static const u16 links[] = {0, KERNEL_CS, LOCAL, OUTSIDE};

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

	put_gate(0x80, KERNEL_CS, HANDLER, TYPE_TRAP_GATE32, 3);
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
		iret_test(iret_goes_back_at_the_same_level),
		iret_test(iret_goes_out_to_ring_3),
		iret_test(iret_lets_ring_3_change_little),
		iret_test(iret_of_words_leaves_the_upper_flags),
		iret_test(iret_checks_code_and_stack),
		iret_test(iret_checks_eip_and_its_own_stack),
		iret_test(iret_on_a_small_stack_moves_sp_alone),
		iret_test(iret_never_goes_inwards),
		iret_test(iret_marks_segments_accessed),
		iret_test(iret_says_what_it_cannot_do),
		iret_test(iret_to_no_task_is_an_invalid_tss),
		iret_test(a_system_call_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
