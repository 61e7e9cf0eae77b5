/* Far jumps, calls and returns, and INT, against SDM 3A 5.8 and SDM 2. */
#include "test/guest.h"

#define TARGET 0x7700u

/* --- far JMP and CALL ------------------------------------------------------------------------- */

static enum step jump_far(u16 selector, u32 to)
{
	v.eip = CODE;
	return RUN(0xea, to, to >> 8, to >> 16, to >> 24, selector, selector >> 8);
}

static enum step call_far(u16 selector, u32 to)
{
	v.eip = CODE;
	return RUN(0x9a, to, to >> 8, to >> 16, to >> 24, selector, selector >> 8);
}

static void far_jumps_stay_at_their_level(void **state)
{
	static const struct selector_case cases[] = {
		{0, KERNEL_CS, 0, FINE, 0},
		{3, USER_CS, 0, FINE, 0},
		{3, USER_CS & ~3, 0, FINE, 0},
		{0, 0, 0, VECTOR_GP, 0},
		{3, 2, 0, VECTOR_GP, 0},
		{0, OUTSIDE, 0, VECTOR_GP, OUTSIDE},
		{0, KERNEL_DS, 0, VECTOR_GP, KERNEL_DS},
		{0, KERNEL_CS | 3, 0, VECTOR_GP, KERNEL_CS}, /* RPL > CPL */
		{0, USER_CS, 0, VECTOR_GP, USER_CS & ~3},    /* DPL > CPL */
		{3, KERNEL_CS, 0, VECTOR_GP, KERNEL_CS},     /* DPL < CPL */
		{3, SPARE, CODE_ATTR | ATTR_CONFORM, FINE, 0},
		{0, SPARE | 3, CODE_ATTR | ATTR_CONFORM, FINE, 0}, /* RPL is not looked at */
		{0, SPARE, CODE_ATTR | ATTR_CONFORM | DPL(3), VECTOR_GP, SPARE},
		{0, SPARE, CODE_ATTR & ~ATTR_READABLE, FINE, 0},
		{0, SPARE, CODE_ATTR & ~ATTR_P, VECTOR_NP, SPARE},
		{3, SPARE, CODE_ATTR & ~ATTR_P, VECTOR_GP, SPARE},
		{0, LOCAL, CODE_ATTR, FINE, 0},
	};

	for (const struct selector_case *c = cases; c < cases + ARRAY_SIZE(cases); c++) {
		enter_level(c->cpl);
		v.eip = CODE;
		if (c->attr)
			put_descriptor(c->selector, 0, 0xffff, c->attr);
		if (c->vector != FINE) {
			assert_fault(jump_far(c->selector, TARGET), c->vector, c->error);
			assert_fault(call_far(c->selector, TARGET), c->vector, c->error);
			continue;
		}
		assert_done(jump_far(c->selector, TARGET));
		assert_int_equal(v.eip, TARGET);
		assert_int_equal(v.seg[CS].selector, (c->selector & ~3) | c->cpl);
		assert_int_equal(v.cpl, c->cpl);
		assert_true(v.seg[CS].attr & ATTR_ACCESSED);
		assert_true(e.effects & EFFECT_SEGMENTS);
	}
}

/* SDM 2A JMP: gates and tasks must be present and of the caller's level or an outer one. */
static void system_targets_are_refused_by_rule_or_in_words(void **state)
{
	for (unsigned type = 0; type < 16; type++) {
		bool target = type == TYPE_CALL_GATE16 || type == TYPE_CALL_GATE32 ||
			      type == TYPE_TASK_GATE || type == TYPE_TSS16 || type == TYPE_TSS32;

		enter_level(0);
		put_descriptor(SPARE, 0, 0xffff, ATTR_P | type);
		if (!target) {
			assert_fault(jump_far(SPARE, 0), VECTOR_GP, SPARE);
			continue;
		}
		assert_unsupported(jump_far(SPARE, 0));
		assert_unsupported(call_far(SPARE, 0));
		assert_fault(jump_far(SPARE | 1, 0), VECTOR_GP, SPARE);
		enter_level(3);
		assert_fault(call_far(SPARE, 0), VECTOR_GP, SPARE);
		put_descriptor(SPARE, 0, 0xffff, type | DPL(3));
		assert_fault(jump_far(SPARE | 3, 0), VECTOR_NP, SPARE);
	}
}

static void far_jumps_end_within_the_segment(void **state)
{
	put_descriptor(SPARE, 0, TARGET, CODE_ATTR);
	assert_fault(jump_far(SPARE, TARGET + 1), VECTOR_GP, 0);
	assert_done(jump_far(SPARE, TARGET));
	enter_level(0);
	poke(DATA, (u32[]){SPARE << 16 | TARGET}, 4);
	v.eip = CODE;
	assert_done(RUN(0x66, 0xff, 0x2d, 0, DATA >> 8, 0, 0)); /* JMP m16:16 */
	assert_int_equal(v.eip, TARGET);
	enter_level(0);
	v.eip = CODE;
	assert_fault(RUN(0xff, 0xe8), VECTOR_UD, 0); /* a far pointer in a register */
}

static void far_calls_push_the_way_back(void **state)
{
	near_top();
	assert_done(call_far(KERNEL_CS, TARGET));
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 0x48);
	assert_int_equal(peek32(v.gpr[ESP]), CODE + 7);
	assert_int_equal(peek32(v.gpr[ESP] + 4), KERNEL_CS);
	v.eip = TARGET;
	assert_done(RUN(0xcb));
	assert_int_equal(v.eip, CODE + 7);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 0x40);

	v.eip = CODE;
	assert_done(RUN(0x66, 0x9a, 0x00, 0x77, KERNEL_CS, 0)); /* CALL 16:16 */
	assert_int_equal(v.eip, TARGET);
	assert_int_equal(peek32(v.gpr[ESP]), KERNEL_CS << 16 | (CODE + 6));
}

static void a_far_call_needs_room_on_its_stack(void **state)
{
	put_descriptor(SPARE, 0, 0x100, DATA_ATTR);
	set_segment(SS, SPARE);
	v.gpr[ESP] = 0x200;
	assert_fault(call_far(KERNEL_CS, TARGET), VECTOR_SS, 0);

	enter_level(0); /* both words are written, or none */
	paging_on();
	map_page(KERNEL_STACK - PAGE_SIZE, 0);
	v.gpr[ESP] = KERNEL_STACK + 4;
	poke32(KERNEL_STACK, 0x12345678);
	assert_fault(call_far(KERNEL_CS, TARGET), VECTOR_PF, PF_WRITE);
	assert_int_equal(peek32(KERNEL_STACK), 0x12345678);
	map_page(KERNEL_STACK - PAGE_SIZE, (KERNEL_STACK - PAGE_SIZE) | PTE_P | PTE_W);

	put_descriptor(SPARE, 0, 0xffff, DATA_ATTR & ~ATTR_DB); /* a 16-bit stack: SP counts */
	set_segment(SS, SPARE);
	v.gpr[ESP] = 0x12340000 | KERNEL_STACK;
	assert_done(call_far(KERNEL_CS, TARGET));
	assert_int_equal(v.gpr[ESP], 0x12340000 | (KERNEL_STACK - 8));
	assert_int_equal(peek32(KERNEL_STACK - 8), CODE + 7);
}

/* --- far RET ---------------------------------------------------------------------------------- */

static enum step return_far(u32 cs, u32 outer_esp, u32 ss, u8 extra)
{
	const u32 frame[] = {TARGET, cs};
	const u32 outer[] = {outer_esp, ss};

	v.eip = CODE;
	poke(v.gpr[ESP], frame, sizeof frame);
	poke(v.gpr[ESP] + 8 + extra, outer, sizeof outer);
	return extra ? RUN(0xca, extra, 0) : RUN(0xcb);
}

static void a_far_return_drops_parameters(void **state)
{
	u32 flags = v.eflags;

	near_top();
	assert_done(return_far(KERNEL_CS, 0, 0, 8));
	assert_int_equal(v.eip, TARGET);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 0x40 + 8 + 8);
	assert_int_equal(v.eflags, flags);

	put_descriptor(SPARE, 0, 0xffff, DATA_ATTR & ~ATTR_DB); /* a 16-bit stack: SP wraps */
	set_segment(SS, SPARE);
	v.eip = CODE;
	v.gpr[ESP] = 0x1234fff4;
	poke32(0xfff4, TARGET);
	poke32(0xfff8, KERNEL_CS);
	assert_done(RUN(0xca, 8, 0));
	assert_int_equal(v.gpr[ESP], 0x12340004);
}

static void a_far_return_goes_outwards(void **state)
{
	near_top();
	assert_done(return_far(USER_CS, USER_STACK - 0x20, USER_DS, 12));
	assert_int_equal(v.cpl, 3);
	assert_int_equal(v.seg[CS].selector, USER_CS);
	assert_int_equal(v.seg[SS].selector, USER_DS);
	assert_int_equal(v.gpr[ESP], USER_STACK - 0x20 + 12); /* from both stacks */
	assert_int_equal(v.seg[DS].attr, 0);
	assert_int_equal(v.seg[GS].selector, 0);
	assert_true(e.effects & EFFECT_SEGMENTS);
}

static void a_far_return_is_checked(void **state)
{
	static const struct {
		u32 cs, ss, attr;
		enum vector vector;
		u32 error;
	} cases[] = {
		{0, 0, 0, VECTOR_GP, 0},
		{OUTSIDE, 0, 0, VECTOR_GP, OUTSIDE},
		{KERNEL_DS, 0, 0, VECTOR_GP, KERNEL_DS},
		{KERNEL_CS | 3, USER_DS, 0, VECTOR_GP, KERNEL_CS},
		{SPARE | 3, USER_DS, (CODE_ATTR & ~ATTR_P) | DPL(3), VECTOR_NP, SPARE},
		{USER_CS, 0, 0, VECTOR_GP, 0},
		{USER_CS, KERNEL_DS, 0, VECTOR_GP, KERNEL_DS},
		{USER_CS, SPARE | 3, (DATA_ATTR & ~ATTR_P) | DPL(3), VECTOR_SS, SPARE},
	};

	near_top();
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		put_descriptor(SPARE, 0, 0xffff, cases[i].attr);
		assert_fault(return_far(cases[i].cs, USER_STACK, cases[i].ss, 0), cases[i].vector,
			cases[i].error);
	}
	put_descriptor(SPARE, 0, TARGET - 1, CODE_ATTR);
	assert_fault(return_far(SPARE, 0, 0, 0), VECTOR_GP, 0);
	put_descriptor(SPARE, 0, 0xffff, CODE_ATTR | DPL(2));
	assert_unsupported(return_far(SPARE | 2, USER_STACK, USER_DS, 0));
	enter_level(3);
	near_top();
	assert_fault(return_far(SPARE | 2, USER_STACK, USER_DS, 0), VECTOR_GP, SPARE);
}

/* A conforming segment may be left to at any level that is not inner (SDM 2B RET). */
static void a_far_return_to_conforming_code_takes_the_level_of_its_rpl(void **state)
{
	near_top();
	put_descriptor(SPARE, 0, 0xffff, CODE_ATTR | ATTR_CONFORM);
	assert_done(return_far(SPARE | 3, USER_STACK, USER_DS, 0));
	assert_int_equal(v.cpl, 3);
	assert_int_equal(v.seg[CS].selector, SPARE | 3);
}

/* --- INT -------------------------------------------------------------------------------------- */

static void interrupts_wait_at_the_instruction(void **state)
{
	v.eflags |= EFLAGS_RF;
	assert_int_equal(RUN(0xcd, 0x80), STEP_FAULT);
	assert_int_equal(v.eflags & EFLAGS_RF, 0);
	assert_int_equal(v.event.kind, EVENT_SOFTWARE);
	assert_int_equal(v.event.vector, 0x80);
	assert_int_equal(v.event.length, 2);
	assert_false(v.event.has_error);
	assert_int_equal(v.eip, CODE);
	assert_int_equal(RUN(0xcc), STEP_FAULT);
	assert_int_equal(v.event.vector, VECTOR_BP);
	assert_int_equal(v.event.length, 1);
	v.event.kind = EVENT_NONE;
	assert_done(RUN(0xce)); /* INTO without OF */
	v.eflags |= EFLAGS_OF;
	assert_int_equal(RUN(0xce), STEP_FAULT);
	assert_int_equal(v.event.vector, VECTOR_OF);
	assert_int_equal(v.event.kind, EVENT_SOFTWARE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(far_jumps_stay_at_their_level),
		guest_test(system_targets_are_refused_by_rule_or_in_words),
		guest_test(far_jumps_end_within_the_segment),
		guest_test(far_calls_push_the_way_back),
		guest_test(a_far_call_needs_room_on_its_stack),
		guest_test(a_far_return_drops_parameters),
		guest_test(a_far_return_goes_outwards),
		guest_test(a_far_return_is_checked),
		guest_test(a_far_return_to_conforming_code_takes_the_level_of_its_rpl),
		guest_test(interrupts_wait_at_the_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
