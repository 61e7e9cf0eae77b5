/*
 * Control registers: what the guest may set (SDM 3A 2.5), and what the real CR0 and CR4 hold while it runs,
 * for every combination of the bits that matter.
 */
#include "test/guest.h"

#include "cpu/control.h"

#define ALL_CR4 0xffffffffu

/* --- what the guest sets ---------------------------------------------------------------------- */

static enum step set_cr0(u32 value)
{
	e.effects = 0;
	return control_set_cr0(&v, &e, value);
}

static enum step set_cr4(u32 value)
{
	e.effects = 0;
	return control_set_cr4(&v, &e, value);
}

static void cr0_keeps_what_is_defined(void **state)
{
	const u32 all = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_CD |
			CR0_NW | CR0_PG;

	assert_done(set_cr0(0xffffffff));
	assert_int_equal(v.cr0, all | CR0_ET);
	assert_done(set_cr0(CR0_PE)); /* ET is wired to one */
	assert_int_equal(v.cr0, CR0_PE | CR0_ET);
}

static void cr0_refuses_what_contradicts_itself(void **state)
{
	u32 before = v.cr0;

	assert_int_equal(set_cr0(CR0_PG), STEP_FAULT);
	assert_pending(VECTOR_GP, 0);
	assert_int_equal(set_cr0(CR0_PE | CR0_NW), STEP_FAULT);
	assert_pending(VECTOR_GP, 0);
	assert_int_equal(v.cr0, before);
	assert_int_equal(e.effects, 0);
	assert_done(set_cr0(CR0_PE | CR0_CD));
	assert_done(set_cr0(CR0_PE | CR0_CD | CR0_NW));
	assert_unsupported(set_cr0(CR0_ET)); /* real mode */
	assert_true(v.cr0 & CR0_PE);
}

/* SDM 3A 4.10.4.1: which changes make translations invalid. */
static void paging_bits_flush_others_do_not(void **state)
{
	static const struct {
		u32 bit;
		bool cr4, flush;
	} bits[] = {
		{CR0_PG, false, true},
		{CR0_WP, false, true},
		{CR0_TS, false, false},
		{CR0_MP, false, false},
		{CR0_AM, false, false},
		{CR4_PSE, true, true},
		{CR4_PGE, true, true},
		{CR4_TSD, true, false},
		{CR4_DE, true, false},
		{CR4_OSFXSR, true, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		for (unsigned turn = 0; turn < 3; turn++) { /* set, set again, clear */
			u32 bit = turn < 2 ? bits[i].bit : 0;

			if (bits[i].cr4)
				assert_done(set_cr4(bit));
			else
				assert_done(set_cr0(CR0_PE | bit));
			assert_int_equal(e.effects,
				EFFECT_CONTROL | (bits[i].flush && turn != 1 ? EFFECT_FLUSH : 0));
		}
}

static void cr4_has_the_bits_that_cpuid_offers(void **state)
{
	const u32 offered = CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_PCE | CR4_OSFXSR |
			    CR4_OSXMMEXCPT | CR4_UMIP;

	for (unsigned bit = 0; bit < 32; bit++) {
		v.cr4 = 0;
		if (offered >> bit & 1) {
			assert_done(set_cr4(1u << bit));
			assert_int_equal(v.cr4, 1u << bit);
		} else {
			assert_int_equal(set_cr4(1u << bit), STEP_FAULT);
			assert_pending(VECTOR_GP, 0);
			assert_int_equal(v.cr4, 0);
		}
	}
}

static void cr3_keeps_base_and_caching(void **state)
{
	e.effects = 0;
	control_set_cr3(&v, &e, 0xffffffff);
	assert_int_equal(v.cr3, PTE_FRAME | CR3_PWT | CR3_PCD);
	assert_int_equal(e.effects, EFFECT_CR3);
}

static void paging_is_what_the_registers_say(void **state)
{
	for (unsigned i = 0; i < 16; i++) {
		struct paging p;

		v.cr0 = CR0_PE | (i & 1 ? CR0_PG : 0) | (i & 2 ? CR0_WP : 0);
		v.cr4 = (i & 4 ? CR4_PSE : 0) | (i & 8 ? CR4_PGE : 0);
		v.cr3 = 0x12345018;
		p = vcpu_paging(&v);
		assert_int_equal(p.on, !!(i & 1));
		assert_int_equal(p.wp, !!(i & 2));
		assert_int_equal(p.pse, !!(i & 4));
		assert_int_equal(p.pge, !!(i & 8));
		assert_int_equal(p.cr3, 0x12345018);
	}
}

/* --- what the real ones hold ------------------------------------------------------------------ */

/* Every combination of the guest's ten defined bits, its level and who owns the FPU. */
static void real_cr0_serves_guest_and_monitor(void **state)
{
	static const u32 bits[] = {
		CR0_PE, CR0_MP, CR0_EM, CR0_TS, CR0_NE, CR0_WP, CR0_AM, CR0_NW, CR0_CD, CR0_PG};

	for (unsigned i = 0; i < 1u << ARRAY_SIZE(bits); i++)
		for (unsigned mode = 0; mode < 4; mode++) {
			bool owns = mode & 1;
			u32 real;

			v.cpl = mode & 2 ? 3 : 0;
			v.cr0 = CR0_ET;
			for (unsigned bit = 0; bit < ARRAY_SIZE(bits); bit++)
				v.cr0 |= i >> bit & 1 ? bits[bit] : 0;
			real = control_real_cr0(&v, owns);

			/* The monitor's: paging, its own text read-only, #MF, caches as they are. */
			assert_int_equal(real & (CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET |
							CR0_CD | CR0_NW),
				CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET);
			assert_int_equal(real & CR0_EM, v.cr0 & CR0_EM);
			/* Alignment is checked at CPL 3 alone (SDM 3A 2.5), the virtual one. */
			assert_int_equal(real & CR0_AM, v.cpl == 3 ? v.cr0 & CR0_AM : 0);
			/* WAIT, too, must not see another machine's FPU: TS needs MP for that. */
			if (owns)
				assert_int_equal(
					real & (CR0_TS | CR0_MP), v.cr0 & (CR0_TS | CR0_MP));
			else
				assert_int_equal(real & (CR0_TS | CR0_MP), CR0_TS | CR0_MP);
		}
}

static void real_cr4_traps_what_the_guest_asks_for_and_never_more_than_there_is(void **state)
{
	const u32 guests = CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	for (unsigned bit = 0; bit < 32; bit++) {
		u32 guest = 1u << bit;

		v.cr4 = guest;
		assert_int_equal(control_real_cr4(&v, ALL_CR4, false),
			CR4_TSD | CR4_UMIP | (guest & guests));
		assert_int_equal(control_real_cr4(&v, ALL_CR4, true), CR4_UMIP | (guest & guests));
		assert_int_equal(control_real_cr4(&v, ALL_CR4 & ~CR4_UMIP, false),
			CR4_TSD | (guest & guests));
		assert_int_equal(control_real_cr4(&v, 0, false), 0);
	}
	v.cr4 = ALL_CR4;
	assert_int_equal(control_real_cr4(&v, ALL_CR4, false), CR4_TSD | CR4_UMIP | guests);
}

static void cpuid_answers_a_leaf_beyond_the_highest_as_that_one(void **state)
{
	u32 highest[4], beyond[4], first[4];

	control_cpuid(0, 0, first);
	control_cpuid(first[0], 0, highest);
	control_cpuid(first[0] + 1, 0, beyond);
	assert_memory_equal(highest, beyond, sizeof highest);
	control_cpuid(0x80000000, 0, beyond);
	assert_memory_equal(highest, beyond, sizeof highest);
}

/* The TSC is the machine's clock: nanoseconds. */
static void cpuid_tells_the_rate_of_the_tsc(void **state)
{
	u32 crystal[4], mhz[4];

	control_cpuid(0x15, 0, crystal);
	assert_int_equal((u64)crystal[2] * crystal[1] / crystal[0], 1000000000);
	control_cpuid(0x16, 0, mhz);
	assert_int_equal(mhz[0], 1000);
}

/* Caches end where type 0 stands; other leaves do not look at ECX (SDM 2A CPUID). */
static void cpuid_looks_at_ecx_where_a_leaf_has_parts(void **state)
{
	u32 plain[4], odd[4];

	for (unsigned i = 0; i < 4; i++) {
		control_cpuid(4, i, plain);
		assert_int_not_equal(plain[0] & 0x1f, 0);
	}
	control_cpuid(4, 4, plain);
	assert_int_equal(plain[0] & 0x1f, 0);
	control_cpuid(1, 0, plain);
	control_cpuid(1, 0xdead, odd);
	assert_memory_equal(plain, odd, sizeof odd);
	control_cpuid(7, 1, odd);
	assert_int_equal(odd[2], 0);
}

static void the_msrs_of_this_family_answer_and_no_others(void **state)
{
	u64 value = 1;

	v.tsc = 1000;
	assert_true(control_write_msr(&v, MSR_TSC, 5));
	v.tsc = 1010;
	assert_true(control_read_msr(&v, MSR_TSC, &value));
	assert_int_equal(value, 15);
	assert_true(control_write_msr(&v, MSR_MICROCODE, 0));
	assert_true(control_read_msr(&v, MSR_MICROCODE, &value));
	assert_int_equal(value >> 32, 1);
	assert_true(control_read_msr(&v, MSR_PLATFORM_ID, &value));
	assert_false(control_write_msr(&v, MSR_PLATFORM_ID, 0)); /* read only */
	for (u32 msr = 0; msr < 0x2000; msr++)
		if (msr != MSR_TSC && msr != MSR_MICROCODE && msr != MSR_PLATFORM_ID) {
			assert_false(control_read_msr(&v, msr, &value));
			assert_false(control_write_msr(&v, msr, 0));
		}
	assert_false(control_read_msr(&v, MSR_EFER, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(cr0_keeps_what_is_defined),
		guest_test(cr0_refuses_what_contradicts_itself),
		guest_test(paging_bits_flush_others_do_not),
		guest_test(cr4_has_the_bits_that_cpuid_offers),
		guest_test(cr3_keeps_base_and_caching),
		guest_test(paging_is_what_the_registers_say),
		guest_test(real_cr0_serves_guest_and_monitor),
		guest_test(real_cr4_traps_what_the_guest_asks_for_and_never_more_than_there_is),
		guest_test(cpuid_answers_a_leaf_beyond_the_highest_as_that_one),
		guest_test(cpuid_tells_the_rate_of_the_tsc),
		guest_test(cpuid_looks_at_ecx_where_a_leaf_has_parts),
		guest_test(the_msrs_of_this_family_answer_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
