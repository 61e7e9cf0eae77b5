/*
 * Control and debug registers, the time stamp and CPUID, by the instructions that reach them (SDM 2).
 * Which values a control register may take is test_control.c's.
 */
#include "test/guest.h"

/* --- control and debug registers -------------------------------------------------------------- */

static void mov_from_cr(void **state)
{
	v.cr0 |= CR0_TS;
	v.cr2 = 0x22222222;
	v.cr3 = 0x33333000;
	v.cr4 = CR4_PSE;
	assert_done(RUN(0x0f, 0x20, 0xc3)); /* MOV EBX, CR0 */
	assert_int_equal(v.gpr[EBX], v.cr0);
	assert_done(RUN(0x0f, 0x20, 0xd1));
	assert_int_equal(v.gpr[ECX], 0x22222222);
	assert_done(RUN(0x0f, 0x20, 0xda));
	assert_int_equal(v.gpr[EDX], 0x33333000);
	assert_done(RUN(0x0f, 0x20, 0xe6));
	assert_int_equal(v.gpr[ESI], CR4_PSE);
	for (unsigned n = 1; n < 8; n += n == 1 ? 4 : 1) { /* 1, 5, 6, 7 */
		assert_fault(RUN(0x0f, 0x20, 0xc0 | n << 3), VECTOR_UD, 0);
		assert_fault(RUN(0x0f, 0x22, 0xc0 | n << 3), VECTOR_UD, 0);
	}
}

static void mov_to_cr(void **state)
{
	v.gpr[EAX] = 0x87654321;
	assert_done(RUN(0x0f, 0x22, 0xd0));
	assert_int_equal(v.cr2, 0x87654321);
	assert_done(RUN(0x0f, 0x22, 0xd8));
	assert_int_equal(v.cr3, 0x87654000);
	assert_int_equal(e.effects, EFFECT_CR3);
	v.gpr[EAX] = v.cr0 | CR0_MP;
	assert_done(RUN(0x0f, 0x22, 0xc0));
	assert_true(v.cr0 & CR0_MP);
	assert_int_equal(e.effects, EFFECT_CONTROL);
	v.gpr[EAX] = CR4_PSE;
	assert_done(RUN(0x0f, 0x22, 0xe0));
	assert_int_equal(v.cr4, CR4_PSE);
	assert_int_equal(e.effects, EFFECT_CONTROL | EFFECT_FLUSH);
	v.gpr[EAX] = 1u << 31;
	assert_fault(RUN(0x0f, 0x22, 0xe0), VECTOR_GP, 0);
	assert_int_equal(v.cr4, CR4_PSE);
}

static void the_machine_status_word(void **state)
{
	v.cr0 |= CR0_TS | CR0_WP;
	assert_done(RUN(0x0f, 0x06)); /* CLTS */
	assert_false(v.cr0 & CR0_TS);
	assert_int_equal(e.effects, EFFECT_CONTROL);
	v.gpr[EAX] =
		0xffff0000 | CR0_TS | CR0_MP | CR0_NE; /* PE clear: stays set; NE: not reached */
	assert_done(RUN(0x0f, 0x01, 0xf0));
	assert_int_equal(v.cr0, CR0_PE | CR0_ET | CR0_WP | CR0_TS | CR0_MP);
	v.gpr[EAX] = CR0_EM;
	assert_done(RUN(0x0f, 0x01, 0xf0));
	assert_int_equal(v.cr0, CR0_PE | CR0_ET | CR0_WP | CR0_EM);
	assert_done(RUN(0x0f, 0x01, 0xe3)); /* SMSW EBX */
	assert_int_equal(v.gpr[EBX], v.cr0);
	poke32(DATA, 0xffffffff);
	assert_done(RUN(0x0f, 0x01, 0x25, 0, DATA >> 8, 0, 0));
	assert_int_equal(peek32(DATA), 0xffff0000 | CR0_PE | CR0_EM | CR0_ET);
}

static void invlpg_names_a_linear_address(void **state)
{
	put_descriptor(SPARE, 0x1000000, 0xff, DATA_ATTR);
	set_segment(FS, SPARE);
	v.gpr[EBX] = 0x400000;
	assert_done(RUN(0x64, 0x0f, 0x01, 0x7b, 0x10)); /* INVLPG FS:[EBX + 16], beyond its limit */
	assert_int_equal(e.page.v, 0x1400010);
	assert_int_equal(e.effects, EFFECT_INVLPG);
	assert_fault(RUN(0x0f, 0x01, 0xf8), VECTOR_UD, 0);
}

static void debug_registers_read_back(void **state)
{
	v.gpr[EAX] = 0xffffffff;
	assert_done(RUN(0x0f, 0x23, 0xd8)); /* DR3 */
	assert_int_equal(v.dr[3], 0xffffffff);
	assert_true(e.effects & EFFECT_CONTROL);
	v.gpr[EAX] = 0;
	assert_done(RUN(0x0f, 0x23, 0xf0)); /* DR6: most bits are ones, bit 12 is not */
	assert_int_equal(v.dr[6], 0xffff0ff0);
	v.gpr[EAX] = 0xffffffff & ~DR7_GD;
	assert_done(RUN(0x0f, 0x23, 0xf8));
	assert_int_equal(v.dr[7], 0xffff07ff);
	assert_done(RUN(0x0f, 0x23, 0xe8)); /* DR5 is DR7 without CR4.DE */
	assert_done(RUN(0x0f, 0x21, 0xeb));
	assert_int_equal(v.gpr[EBX], 0xffff07ff);
	v.gpr[EAX] = 0xffffffff;
	assert_done(RUN(0x0f, 0x23, 0xe0)); /* DR4 is DR6 */
	assert_int_equal(v.dr[6], 0xffffefff);
	v.cr4 = CR4_DE;
	assert_fault(RUN(0x0f, 0x23, 0xe0), VECTOR_UD, 0);
	assert_fault(RUN(0x0f, 0x21, 0xe8), VECTOR_UD, 0);
}

static void general_detect_guards_the_debug_registers(void **state)
{
	v.dr[7] = DR7_FIXED | DR7_GD;
	assert_fault(RUN(0x0f, 0x21, 0xc0), VECTOR_DB, 0);
	assert_int_equal(v.dr[6], DR6_FIXED | DR6_BD);
	v.event.kind = EVENT_NONE;
	v.dr[7] = DR7_FIXED; /* as delivery leaves it */
	assert_done(RUN(0x0f, 0x21, 0xc0));
}

/* --- time and features ------------------------------------------------------------------------ */

static void the_time_stamp_is_clock_and_offset(void **state)
{
	v.tsc = 0x100000005;
	assert_done(RUN(0x0f, 0x31));
	assert_int_equal(v.gpr[EAX], 5);
	assert_int_equal(v.gpr[EDX], 1);
	v.gpr[ECX] = MSR_TSC;
	v.gpr[EAX] = 7;
	v.gpr[EDX] = 0;
	assert_done(RUN(0x0f, 0x30)); /* WRMSR */
	v.tsc += 3;
	assert_done(RUN(0x0f, 0x32)); /* RDMSR */
	assert_int_equal(v.gpr[EAX], 10);
	assert_int_equal(v.gpr[EDX], 0);
	assert_done(RUN(0x0f, 0x31));
	assert_int_equal(v.gpr[EAX], 10);
	v.gpr[ECX] = MSR_EFER;
	assert_fault(RUN(0x0f, 0x30), VECTOR_GP, 0);
	assert_fault(RUN(0x0f, 0x32), VECTOR_GP, 0);
	assert_fault(RUN(0x0f, 0x33), VECTOR_GP, 0); /* RDPMC */
}

static void tsd_closes_the_clock_to_ring_3(void **state)
{
	v.cr4 = CR4_TSD;
	assert_done(RUN(0x0f, 0x31));
	enter_level(3);
	assert_fault(RUN(0x0f, 0x31), VECTOR_GP, 0);
	v.cr4 = 0;
	assert_done(RUN(0x0f, 0x31));
}

static void cpuid_is_a_table(void **state)
{
	v.gpr[EAX] = 0;
	assert_done(RUN(0x0f, 0xa2));
	assert_int_equal(v.gpr[EAX], 0x16);
	assert_memory_equal(&v.gpr[EBX], "Genu", 4);
	assert_memory_equal(&v.gpr[EDX], "ineI", 4);
	assert_memory_equal(&v.gpr[ECX], "ntel", 4);
	v.gpr[EAX] = 0x15; /* the TSC's rate: ECX * EBX / EAX */
	assert_done(RUN(0x0f, 0xa2));
	assert_int_equal(v.gpr[ECX] / v.gpr[EAX] * v.gpr[EBX], 1000000000);
	enter_level(3); /* anybody may ask */
	v.gpr[EAX] = 1;
	assert_done(RUN(0x0f, 0xa2));
	assert_int_equal(v.gpr[EAX] >> 8 & 0xf, 6);
	assert_true(v.gpr[EDX] & 1u << 0);                         /* FPU */
	assert_false(v.gpr[EDX] & (1u << 6 | 1u << 9 | 1u << 11)); /* PAE, APIC, SEP */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(mov_from_cr),
		guest_test(mov_to_cr),
		guest_test(the_machine_status_word),
		guest_test(invlpg_names_a_linear_address),
		guest_test(debug_registers_read_back),
		guest_test(general_detect_guards_the_debug_registers),
		guest_test(the_time_stamp_is_clock_and_offset),
		guest_test(tsd_closes_the_clock_to_ring_3),
		guest_test(cpuid_is_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
