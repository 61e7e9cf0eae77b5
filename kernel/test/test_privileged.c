/*
 * Who may run a privileged instruction (SDM 3A 5.9), and the flags that say so: IF and IOPL by CLI, STI,
 * PUSHF and POPF. And what a virtual processor starts with.
 */
#include "test/guest.h"

/* At every level but 0, each of these is #GP(0) and changes nothing. */
static void ring_3_runs_no_privileged_instruction(void **state)
{
	static const u8 code[][4] = {
		{1, 0xf4},             /* HLT */
		{2, 0x0f, 0x06},       /* CLTS */
		{2, 0x0f, 0x08},       /* INVD */
		{2, 0x0f, 0x09},       /* WBINVD */
		{2, 0x0f, 0x30},       /* WRMSR */
		{2, 0x0f, 0x32},       /* RDMSR */
		{3, 0x0f, 0x20, 0xc0}, /* MOV EAX, CR0 */
		{3, 0x0f, 0x22, 0xd8}, /* MOV CR3, EAX */
		{3, 0x0f, 0x21, 0xc0}, /* MOV EAX, DR0 */
		{3, 0x0f, 0x23, 0xf8}, /* MOV DR7, EAX */
		{3, 0x0f, 0x00, 0xd0}, /* LLDT AX */
		{3, 0x0f, 0x00, 0xd8}, /* LTR AX */
		{3, 0x0f, 0x01, 0x10}, /* LGDT [EAX] */
		{3, 0x0f, 0x01, 0x18}, /* LIDT [EAX] */
		{3, 0x0f, 0x01, 0xf0}, /* LMSW AX */
		{3, 0x0f, 0x01, 0x38}, /* INVLPG [EAX] */
	};

	enter_level(3);
	v.eflags |= EFLAGS_IOPL;
	v.gpr[EAX] = DATA;
	for (unsigned i = 0; i < ARRAY_SIZE(code); i++) {
		struct vcpu before = v;

		assert_int_equal(emulate_bytes(code[i] + 1, code[i][0]), STEP_FAULT);
		assert_pending(VECTOR_GP, 0);
		before.event = v.event;
		assert_memory_equal(&v, &before, offsetof(struct vcpu, tlb));
		assert_int_equal(e.effects, 0);
	}
}

static void the_interrupt_flag_is_tied_to_iopl(void **state)
{
	for (unsigned iopl = 0; iopl < 4; iopl++) {
		enter_level(3);
		v.eip = CODE;
		v.eflags = EFLAGS_FIXED | EFLAGS_IF | iopl << EFLAGS_IOPL_SHIFT;
		if (iopl < 3) {
			assert_fault(RUN(0xfa), VECTOR_GP, 0);
			assert_fault(RUN(0xfb), VECTOR_GP, 0);
			continue;
		}
		assert_done(RUN(0xfa));
		assert_false(v.eflags & EFLAGS_IF);
		assert_done(RUN(0xfb));
		assert_true(v.eflags & EFLAGS_IF);
	}
}

static void sti_holds_interrupts_off_for_one_instruction(void **state)
{
	v.eflags = EFLAGS_FIXED | EFLAGS_IOPL;
	assert_false(vcpu_interruptible(&v));
	assert_done(RUN(0xfb));
	assert_true(v.shadow);
	assert_false(vcpu_interruptible(&v));
	assert_done(RUN(0xfb)); /* IF was set already: no new shadow, the old one is over */
	assert_false(v.shadow);
	assert_true(vcpu_interruptible(&v));
	vcpu_raise(&v, VECTOR_UD, 0);
	assert_false(vcpu_interruptible(&v));
	v.event.kind = EVENT_NONE;
	assert_done(RUN(0xfa));
	assert_done(RUN(0xfb));
	assert_done(RUN(0xf4)); /* STI; HLT */
	assert_true(v.halted && vcpu_interruptible(&v));
	assert_int_equal(v.eip, CODE + 5);
}

static void the_resume_flag_is_used_up(void **state)
{
	v.eflags |= EFLAGS_RF;
	assert_done(RUN(0xfa));
	assert_false(v.eflags & EFLAGS_RF);
}

static void lock_makes_them_undefined(void **state)
{
	poke(CODE, (u8[]){0xf0, 0xfa}, 2);
	assert_int_equal(cpu_fetch(&v, &e), STEP_FAULT);
	assert_pending(VECTOR_UD, 0);
}

/* --- PUSHF and POPF --------------------------------------------------------------------------- */

static void pushf_shows_the_virtual_flags(void **state)
{
	v.eflags = EFLAGS_FIXED | EFLAGS_IF | EFLAGS_IOPL | EFLAGS_RF | EFLAGS_ID | EFLAGS_NT;
	assert_done(RUN(0x9c));
	assert_int_equal(peek32(KERNEL_STACK - 4),
		EFLAGS_FIXED | EFLAGS_IF | EFLAGS_IOPL | EFLAGS_ID | EFLAGS_NT);
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 4);
	assert_done(RUN(0x66, 0x9c));
	assert_int_equal(v.gpr[ESP], KERNEL_STACK - 6);
}

/* What POPF may change at a level, with this IOPL. */
static u32 popped(unsigned cpl, u32 iopl, u32 value)
{
	enter_level(cpl);
	v.eip = CODE;
	v.eflags = EFLAGS_FIXED | iopl << EFLAGS_IOPL_SHIFT;
	v.gpr[ESP] -= 4;
	poke32(v.gpr[ESP], value);
	assert_done(RUN(0x9d));
	assert_false(v.shadow); /* POPF has none */
	return v.eflags;
}

static void popf_changes_what_its_level_may(void **state)
{
	const u32 user = EFLAGS_ARITH | EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_AC | EFLAGS_ID;

	assert_int_equal(popped(0, 0, ~0u), EFLAGS_FIXED | user | EFLAGS_IF | EFLAGS_IOPL);
	assert_int_equal(popped(3, 0, ~0u), EFLAGS_FIXED | user);
	assert_int_equal(popped(3, 3, ~0u), EFLAGS_FIXED | user | EFLAGS_IOPL | EFLAGS_IF);
	assert_int_equal(popped(3, 3, 0), EFLAGS_FIXED | EFLAGS_IOPL);
	assert_int_equal(popped(0, 3, 0), EFLAGS_FIXED);
	enter_level(0);
	v.eflags = EFLAGS_FIXED | EFLAGS_AC;
	assert_done(RUN(0x66, 0x9d)); /* 16 bits of zeros */
	assert_int_equal(v.eflags, EFLAGS_FIXED | EFLAGS_AC);
}

/* --- the vcpu itself -------------------------------------------------------------------------- */

static void ring_3_never_holds_the_virtual_if_and_iopl(void **state)
{
	v.eflags = EFLAGS_FIXED | EFLAGS_IOPL | EFLAGS_TF | EFLAGS_RF | EFLAGS_VM | EFLAGS_VIF;
	assert_int_equal(vcpu_real_eflags(&v), EFLAGS_FIXED | EFLAGS_IF | EFLAGS_TF | EFLAGS_RF);
	vcpu_set_user_eflags(&v, EFLAGS_FIXED | EFLAGS_IF | EFLAGS_CF | EFLAGS_NT);
	assert_int_equal(v.eflags,
		EFLAGS_FIXED | EFLAGS_IOPL | EFLAGS_VM | EFLAGS_VIF | EFLAGS_CF | EFLAGS_NT);
}

static void a_machine_starts_as_multiboot_says(void **state)
{
	vcpu_reset(&v, &mem);
	assert_int_equal(v.cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_int_equal(v.eflags & (EFLAGS_IF | EFLAGS_VM), 0);
	assert_int_equal(v.cpl, 0);
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		assert_int_equal(v.seg[i].base, 0);
		assert_int_equal(v.seg[i].limit, FLAT);
		assert_int_equal(segment_is_code(&v.seg[i]), i == CS);
		assert_int_equal(segment_is_writable(&v.seg[i]), i != CS);
	}
	assert_int_equal(v.fpu.image[0] | v.fpu.image[1] << 8, 0x37f);
	assert_int_equal(v.fpu.image[24] | v.fpu.image[25] << 8, 0x1f80);
	assert_false(vcpu_interruptible(&v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(ring_3_runs_no_privileged_instruction),
		guest_test(the_interrupt_flag_is_tied_to_iopl),
		guest_test(sti_holds_interrupts_off_for_one_instruction),
		guest_test(the_resume_flag_is_used_up),
		guest_test(lock_makes_them_undefined),
		guest_test(pushf_shows_the_virtual_flags),
		guest_test(popf_changes_what_its_level_may),
		guest_test(ring_3_never_holds_the_virtual_if_and_iopl),
		guest_test(a_machine_starts_as_multiboot_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
