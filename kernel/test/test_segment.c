/* Segment registers, far transfers and the instructions that look at descriptors, against SDM 3A chapter 5. */
#include "test/guest.h"

#define TARGET  0x7700u
#define OUTSIDE (GDT_LIMIT + 1)

static void near_top(void)
{
	v.gpr[ESP] = v.cpl ? USER_STACK - 0x40 : KERNEL_STACK - 0x40;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static void a_descriptor_lies_within_its_table(void **state)
{
	gva_t at;

	assert_true(segment_address(&v, 0x1b, &at));
	assert_int_equal(at.v, GDT + 0x18);
	v.gdtr.limit = 0x1e;
	assert_false(segment_address(&v, 0x1b, &at));
	v.gdtr.limit = 0x1f;
	assert_true(segment_address(&v, 0x1b, &at));
	assert_true(segment_address(&v, LOCAL | 0x38, &at));
	assert_int_equal(at.v, LDT + 0x38);
	assert_false(segment_address(&v, LOCAL | 0x40, &at));
	v.ldtr.attr = 0; /* LLDT 0 */
	assert_false(segment_address(&v, LOCAL, &at));
	v.gdtr.limit = 0xffff;
	assert_true(segment_address(&v, 0xfff8, &at));
}

static void a_register_holds_base_limit_and_attributes(void **state)
{
	put_descriptor(SPARE, 0x12345678, 0xfedcb, DATA_ATTR | ATTR_AVL);
	assert_done(segment_load(&v, DS, SPARE));
	assert_int_equal(v.seg[DS].selector, SPARE);
	assert_int_equal(v.seg[DS].base, 0x12345678);
	assert_int_equal(v.seg[DS].limit, 0xfedcb);
	assert_int_equal(v.seg[DS].attr, DATA_ATTR | ATTR_AVL | ATTR_ACCESSED);
	put_descriptor(SPARE, 0, 0x12345fff, ATTR_G | DATA_ATTR);
	assert_done(segment_load(&v, DS, SPARE));
	assert_int_equal(v.seg[DS].limit, 0x12345fff);
}

/* The accessed bit is written once, as one byte: a table in ROM, or one page-protected, need not fault. */
static void a_load_sets_the_accessed_bit_once(void **state)
{
	put_descriptor(SPARE, 0, 0xffff, DATA_ATTR);
	paging_on();
	assert_done(segment_load(&v, DS, SPARE));
	assert_int_equal(peek32(slot(SPARE) + 4) >> 8 & 0xff, (DATA_ATTR | ATTR_ACCESSED) & 0xff);
	map_page(GDT, GDT | PTE_P);
	assert_done(segment_load(&v, ES, SPARE));

	/* To set it in a read-only page is the guest's own page fault, at supervisor level. */
	put_descriptor(SPARE, 0, 0xffff, DATA_ATTR | DPL(3));
	enter_level(3);
	assert_int_equal(segment_load(&v, DS, SPARE), STEP_FAULT);
	assert_pending(VECTOR_PF, PF_PRESENT | PF_WRITE);
	assert_int_equal(v.cr2, slot(SPARE) + 5);
	assert_int_equal(v.seg[DS].selector, USER_DS);
}

/* --- MOV to a data segment register ----------------------------------------------------------- */

struct load_case {
	unsigned cpl;
	u16 selector;
	u32 attr;   /* what the descriptor of SPARE or LOCAL is to be; 0: it has none */
	int vector; /* -1: the load succeeds */
	u32 error;
};

#define FINE -1

static void try_loads(enum sreg which, const struct load_case *c, unsigned count)
{
	for (; count--; c++) {
		enter_level(c->cpl);
		v.eip = CODE;
		v.gpr[EAX] = 0xffff0000 | c->selector; /* only AX counts */
		if (c->attr)
			put_descriptor(c->selector, 0x100, 0xffff, c->attr);
		if (c->vector == FINE) {
			assert_done(RUN(0x8e, 0xc0 | which << 3));
			assert_int_equal(v.seg[which].selector, c->selector);
			assert_int_equal(v.eip, CODE + 2);
			assert_true(e.effects & EFFECT_SEGMENTS);
		} else {
			struct segment before = v.seg[which];

			assert_fault(RUN(0x8e, 0xc0 | which << 3), c->vector, c->error);
			assert_memory_equal(&before, &v.seg[which], sizeof before);
		}
	}
}

static void data_segments_are_checked(void **state)
{
	static const struct load_case cases[] = {
		{0, KERNEL_DS, 0, FINE, 0},
		{0, USER_DS, 0, FINE, 0}, /* RPL 3, DPL 3 */
		{0, KERNEL_DS | 3, 0, VECTOR_GP, KERNEL_DS},
		{3, KERNEL_DS, 0, VECTOR_GP, KERNEL_DS},
		{3, USER_DS & ~3, 0, FINE, 0},
		{0, 0, 0, FINE, 0},
		{3, 3, 0, FINE, 0}, /* a null selector may have any RPL */
		{0, OUTSIDE, 0, VECTOR_GP, OUTSIDE},
		{0, OUTSIDE | 3, 0, VECTOR_GP, OUTSIDE},
		{0, LOCAL | 0x40, 0, VECTOR_GP, LOCAL | 0x40},
		{0, LOCAL, DATA_ATTR, FINE, 0},
		{0, TSS_SEL, 0, VECTOR_GP, TSS_SEL},
		{0, SPARE, CODE_ATTR, FINE, 0},
		{0, SPARE, CODE_ATTR & ~ATTR_READABLE, VECTOR_GP, SPARE},
		{3, SPARE, CODE_ATTR, VECTOR_GP, SPARE},
		{3, SPARE, CODE_ATTR | ATTR_CONFORM, FINE, 0}, /* conforming: any level */
		{0, SPARE | 3, CODE_ATTR | ATTR_CONFORM, FINE, 0},
		{0, SPARE, DATA_ATTR & ~ATTR_WRITABLE, FINE, 0},
		{0, SPARE, DATA_ATTR & ~ATTR_P, VECTOR_NP, SPARE},
		{0, LOCAL, DATA_ATTR & ~ATTR_P, VECTOR_NP, LOCAL},
		{3, SPARE, DATA_ATTR & ~ATTR_P, VECTOR_GP, SPARE}, /* P comes last */
		{0, SPARE | 2, DATA_ATTR | DPL(1), VECTOR_GP, SPARE},
		{0, SPARE | 1, DATA_ATTR | DPL(1), FINE, 0},
	};

	try_loads(DS, cases, ARRAY_SIZE(cases));
	try_loads(GS, cases, ARRAY_SIZE(cases));
	enter_level(0);
	v.gpr[EAX] = 3;
	assert_done(RUN(0x8e, 0xd8));
	assert_int_equal(v.seg[DS].attr, 0); /* null: not usable */
	assert_int_equal(access_read(&v, &e, DS, 0, 1, &(u32){0}), STEP_FAULT);
	assert_pending(VECTOR_GP, 0);
}

static void stack_segments_are_checked(void **state)
{
	static const struct load_case cases[] = {
		{0, KERNEL_DS, 0, FINE, 0},
		{3, USER_DS, 0, FINE, 0},
		{0, 0, 0, VECTOR_GP, 0},
		{3, 3, 0, VECTOR_GP, 0},
		{0, OUTSIDE, 0, VECTOR_GP, OUTSIDE},
		{0, USER_DS, 0, VECTOR_GP, USER_DS & ~3},
		{0, KERNEL_DS | 3, 0, VECTOR_GP, KERNEL_DS},
		{3, USER_DS & ~3, 0, VECTOR_GP, USER_DS & ~3},
		{3, SPARE | 3, DATA_ATTR, VECTOR_GP, SPARE},
		{0, SPARE, CODE_ATTR, VECTOR_GP, SPARE},
		{0, SPARE, DATA_ATTR & ~ATTR_WRITABLE, VECTOR_GP, SPARE},
		{0, TSS_SEL, 0, VECTOR_GP, TSS_SEL},
		{0, SPARE, DATA_ATTR & ~ATTR_P, VECTOR_SS, SPARE},
		{0, SPARE, DATA_ATTR | ATTR_EXPAND, FINE, 0},
	};

	try_loads(SS, cases, ARRAY_SIZE(cases));
}

static void cs_is_no_destination_of_mov(void **state)
{
	assert_fault(RUN(0x8e, 0xc8), VECTOR_UD, 0);
	assert_fault(RUN(0x8e, 0xf0), VECTOR_UD, 0);
}

static void mov_and_pop_ss_hold_interrupts_off_lss_does_not(void **state)
{
	v.gpr[EAX] = KERNEL_DS;
	assert_done(RUN(0x8e, 0xd8));
	assert_false(v.shadow);
	assert_done(RUN(0x8e, 0xd0));
	assert_true(v.shadow);
	near_top();
	poke32(v.gpr[ESP], KERNEL_DS);
	assert_done(RUN(0x17));
	assert_true(v.shadow);
	poke(DATA, (u32[]){KERNEL_STACK - 0x80, KERNEL_DS}, 8);
	assert_done(RUN(0x0f, 0xb2, 0x25, 0, DATA >> 8, 0, 0)); /* LSS ESP, [DATA] */
	assert_false(v.shadow);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 0x80);
}

static void pop_moves_esp_only_if_the_load_succeeds(void **state)
{
	near_top();
	poke32(v.gpr[ESP], 0xffff0000 | USER_DS);
	assert_done(RUN(0x07)); /* POP ES: a doubleword, of which the lower half counts */
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 0x3c);
	assert_int_equal(v.seg[ES].selector, USER_DS);
	poke32(v.gpr[ESP], OUTSIDE);
	assert_fault(RUN(0x0f, 0xa1), VECTOR_GP, OUTSIDE); /* POP FS */
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 0x3c);
	poke32(v.gpr[ESP], USER_DS);
	assert_done(RUN(0x66, 0x0f, 0xa9)); /* POP GS, a word */
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 0x3a);
}

static void far_pointers_load_both_or_neither(void **state)
{
	poke(DATA, (u32[]){0x12345678, USER_DS}, 8);
	v.gpr[EBX] = 1;
	assert_done(RUN(0xc4, 0x1d, 0, DATA >> 8, 0, 0)); /* LES EBX, [DATA] */
	assert_int_equal(v.gpr[EBX], 0x12345678);
	assert_int_equal(v.seg[ES].selector, USER_DS);
	poke32(DATA + 4, OUTSIDE);
	assert_fault(RUN(0x0f, 0xb4, 0x1d, 0, DATA >> 8, 0, 0), VECTOR_GP, OUTSIDE);
}

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
	static const struct load_case cases[] = {
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

	for (const struct load_case *c = cases; c < cases + ARRAY_SIZE(cases); c++) {
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

static void only_what_ring_3_may_use_survives(void **state)
{
	enter_level(3);
	put_descriptor(SPARE, 0, 0xffff, CODE_ATTR | ATTR_CONFORM);
	put_descriptor(SPARE + 8, 0, 0xffff, CODE_ATTR);
	set_segment(ES, SPARE);
	set_segment(DS, SPARE + 8);
	set_segment(FS, KERNEL_DS);
	set_segment(GS, USER_DS);
	segment_drop_privileged(&v);
	assert_int_equal(v.seg[ES].selector, SPARE);
	assert_int_equal(v.seg[DS].selector | v.seg[DS].attr, 0);
	assert_int_equal(v.seg[FS].selector | v.seg[FS].attr, 0);
	assert_int_equal(v.seg[GS].selector, USER_DS);
}

/* --- INT, LAR, LSL, VERR, VERW ---------------------------------------------------------------- */

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

/* Whether the instruction set ZF; its operand is AX, its result EBX. */
static bool inspect(u8 opcode, u16 selector)
{
	v.eip = CODE;
	v.gpr[EAX] = selector;
	v.gpr[EBX] = 0x11111111;
	v.eflags ^= EFLAGS_ZF;
	if (opcode < 4)
		assert_done(RUN(0x0f, opcode, 0xd8));
	else
		assert_done(RUN(0x0f, 0x00, 0xc0 | opcode));
	assert_int_equal(v.eip, CODE + 3);
	return v.eflags & EFLAGS_ZF;
}

#define LAR  0x02
#define LSL  0x03
#define VERR (4 << 3)
#define VERW (5 << 3)

static void lar_and_lsl_show_what_may_be_seen(void **state)
{
	put_descriptor(SPARE, 0, 0x12345fff, ATTR_G | DATA_ATTR | ATTR_AVL | DPL(3));
	assert_true(inspect(LAR, SPARE));
	assert_int_equal(v.gpr[EBX], 0x00d0f200);
	assert_true(inspect(LSL, SPARE));
	assert_int_equal(v.gpr[EBX], 0x12345fff);
	assert_false(inspect(LAR, 0));
	assert_false(inspect(LSL, OUTSIDE));
	assert_int_equal(v.gpr[EBX], 0x11111111);
	put_descriptor(SPARE, 0, 0, DATA_ATTR & ~ATTR_P); /* presence does not matter */
	assert_true(inspect(LAR, SPARE));

	enter_level(3);
	assert_false(inspect(LAR, KERNEL_CS));
	assert_false(inspect(LSL, KERNEL_DS));
	assert_true(inspect(LAR, USER_DS));
	put_descriptor(SPARE, 0, 0, CODE_ATTR | ATTR_CONFORM);
	assert_true(inspect(LAR, SPARE | 3));
}

static void lar_and_lsl_know_the_system_types(void **state)
{
	const u32 lar = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 11 | 1 << 12;
	const u32 lsl = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 11;

	for (unsigned type = 0; type < 16; type++) {
		put_descriptor(SPARE, 0, 0x67, ATTR_P | type);
		assert_int_equal(inspect(LAR, SPARE), lar >> type & 1);
		assert_int_equal(inspect(LSL, SPARE), lsl >> type & 1);
		assert_false(inspect(VERR, SPARE) || inspect(VERW, SPARE));
	}
}

static void verr_and_verw_tell_what_an_access_would_do(void **state)
{
	assert_true(inspect(VERR, KERNEL_DS) && inspect(VERW, KERNEL_DS));
	assert_true(inspect(VERR, KERNEL_CS));
	assert_false(inspect(VERW, KERNEL_CS));
	assert_false(inspect(VERR, KERNEL_DS | 3));
	put_descriptor(SPARE, 0, 0xffff, CODE_ATTR & ~ATTR_READABLE);
	assert_false(inspect(VERR, SPARE));
	put_descriptor(SPARE, 0, 0xffff, DATA_ATTR & ~ATTR_WRITABLE);
	assert_true(inspect(VERR, SPARE));
	assert_false(inspect(VERW, SPARE));
	enter_level(3);
	assert_false(inspect(VERR, KERNEL_DS) || inspect(VERW, KERNEL_DS));
	assert_true(inspect(VERW, USER_DS));
	put_descriptor(SPARE, 0, 0xffff, CODE_ATTR | ATTR_CONFORM);
	assert_true(inspect(VERR, SPARE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(a_descriptor_lies_within_its_table),
		guest_test(a_register_holds_base_limit_and_attributes),
		guest_test(a_load_sets_the_accessed_bit_once),
		guest_test(data_segments_are_checked),
		guest_test(stack_segments_are_checked),
		guest_test(cs_is_no_destination_of_mov),
		guest_test(mov_and_pop_ss_hold_interrupts_off_lss_does_not),
		guest_test(pop_moves_esp_only_if_the_load_succeeds),
		guest_test(far_pointers_load_both_or_neither),
		guest_test(far_jumps_stay_at_their_level),
		guest_test(system_targets_are_refused_by_rule_or_in_words),
		guest_test(far_jumps_end_within_the_segment),
		guest_test(far_calls_push_the_way_back),
		guest_test(a_far_call_needs_room_on_its_stack),
		guest_test(a_far_return_drops_parameters),
		guest_test(a_far_return_goes_outwards),
		guest_test(a_far_return_is_checked),
		guest_test(a_far_return_to_conforming_code_takes_the_level_of_its_rpl),
		guest_test(only_what_ring_3_may_use_survives),
		guest_test(interrupts_wait_at_the_instruction),
		guest_test(lar_and_lsl_show_what_may_be_seen),
		guest_test(lar_and_lsl_know_the_system_types),
		guest_test(verr_and_verw_tell_what_an_access_would_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
