/* The edges of arithmetic that random operands seldom meet. test_emulate_unicorn.c has the rest. */
#include "test/support.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "cpu/alu.h"
#include "x86/regs.h"

/* Every dividend by every divisor, against the host's own arithmetic. */
static void byte_division(void **state)
{
	for (u32 dividend = 0; dividend < 0x10000; dividend++)
		for (int divisor = dividend & 1; divisor < 0x100; divisor += 3) {
			u32 high = dividend >> 8, low = dividend & 0xff;
			bool fits = divisor && dividend / divisor <= 0xff;

			assert_true(alu_div(1, divisor, &high, &low) == fits);
			assert_true(
				!fits || (low == dividend / divisor && high == dividend % divisor));
		}
}

static void signed_byte_division(void **state)
{
	for (u32 bits = 0; bits < 0x10000; bits++)
		for (u32 divisor = bits & 1; divisor < 0x100; divisor += 3) {
			int n = (s16)bits, d = (s8)divisor;
			u32 high = bits >> 8, low = bits & 0xff;
			bool fits = d && n / d >= -128 && n / d <= 127;

			assert_true(alu_idiv(1, divisor, &high, &low) == fits);
			assert_true(!fits || ((s8)low == n / d && (s8)high == n % d));
		}
}

/* The largest and smallest quotients of 16 and 32 bits, and those just beyond. */
static void wide_division(void **state)
{
	for (unsigned size = 2; size <= 4; size += 2) {
		u32 mask = alu_mask(size), sign = alu_sign_bit(size);
		u32 high = 0, low = sign;

		assert_true(alu_idiv(size, mask, &high, &low)); /* 8000 / -1 = -8000 */
		assert_int_equal(low, sign);
		high = mask, low = sign;
		assert_false(alu_idiv(size, mask, &high, &low)); /* -8000 / -1 = 8000 */
		high = 0, low = sign - 1;
		assert_true(alu_idiv(size, mask, &high, &low)); /* 7fff / -1 = -7fff */
		assert_int_equal(low, sign + 1);
		high = 6, low = mask;
		assert_true(alu_div(size, 7, &high, &low));
		assert_int_equal(low, mask);
		assert_int_equal(high, 6);
		high = 7, low = 0;
		assert_false(alu_div(size, 7, &high, &low));
	}
}

/* Parity is that of the low byte, for every size. */
static void parity(void **state)
{
	for (u32 byte = 0; byte < 0x100; byte++) {
		u32 flags = 0;

		alu_result_flags(&flags, 4, byte | 0x100);
		assert_int_equal(!!(flags & EFLAGS_PF), !__builtin_parity(byte));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(byte_division),
		cmocka_unit_test(signed_byte_division),
		cmocka_unit_test(wide_division),
		cmocka_unit_test(parity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
