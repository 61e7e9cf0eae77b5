/*
 * Descriptors as segment registers hold them: what may be loaded, what survives a change of level, what
 * LAR and its kin tell; against SDM 3A chapter 5.
 */
#include "test/guest.h"

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

/* --- MOV to a data segment register ----------------------------------------------------------- */

static void try_loads(enum sreg which, const struct selector_case *c, unsigned count)
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
	static const struct selector_case cases[] = {
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
	static const struct selector_case cases[] = {
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

/* --- LAR, LSL, VERR, VERW --------------------------------------------------------------------- */

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
		guest_test(only_what_ring_3_may_use_survives),
		guest_test(data_segments_are_checked),
		guest_test(stack_segments_are_checked),
		guest_test(cs_is_no_destination_of_mov),
		guest_test(mov_and_pop_ss_hold_interrupts_off_lss_does_not),
		guest_test(pop_moves_esp_only_if_the_load_succeeds),
		guest_test(far_pointers_load_both_or_neither),
		guest_test(lar_and_lsl_show_what_may_be_seen),
		guest_test(lar_and_lsl_know_the_system_types),
		guest_test(verr_and_verw_tell_what_an_access_would_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
