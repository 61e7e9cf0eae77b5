/* IN and OUT, and the map in the TSS that opens ports to user programs (SDM 1 19.5). */
#include "test/guest.h"

#include "cpu/privileged.h"

#define PORT 0x1234

static void answer(u32 value)
{
	emulation_answer(&e, value);
}

static void in_asks_and_then_fills_its_part_of_eax(void **state)
{
	static const struct {
		u8 code[3], count, size;
		u16 port;
		u32 eax;
	} cases[] = {
		{{0xec}, 1, 1, PORT, 0x111111dd},
		{{0x66, 0xed}, 2, 2, PORT, 0x1111ccdd},
		{{0xed}, 1, 4, PORT, 0xaabbccdd},
		{{0xe4, 0xf0}, 2, 1, 0xf0, 0x111111dd}, /* the port is not sign-extended */
		{{0x66, 0xe5, 0x70}, 3, 2, 0x70, 0x1111ccdd},
		{{0xe5, 0x70}, 2, 4, 0x70, 0xaabbccdd},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		v.eip = CODE;
		v.gpr[EAX] = 0x11111111;
		v.gpr[EDX] = 0xffff0000 | PORT;
		assert_int_equal(emulate_bytes(cases[i].code, cases[i].count), STEP_EXIT);
		assert_int_equal(exit_record.kind, EXIT_PORT);
		assert_false(exit_record.write);
		assert_int_equal(exit_record.size, cases[i].size);
		assert_int_equal(exit_record.port, cases[i].port);
		assert_int_equal(v.eip, CODE);
		answer(0xaabbccdd);
		assert_done(cpu_emulate(&v, &e));
		assert_int_equal(v.gpr[EAX], cases[i].eax);
		assert_int_equal(v.eip, CODE + cases[i].count);
	}
}

static void out_shows_its_part_of_eax(void **state)
{
	v.gpr[EAX] = 0xaabbccdd;
	v.gpr[EDX] = PORT;
	assert_done(RUN(0xee));
	assert_int_equal(e.effects, EFFECT_OUT);
	assert_int_equal(exit_record.kind, EXIT_PORT);
	assert_true(exit_record.write);
	assert_int_equal(exit_record.value, 0xdd);
	assert_int_equal(exit_record.size, 1);
	assert_int_equal(v.eip, CODE + 1);
	assert_done(RUN(0x66, 0xe7, 0x80));
	assert_int_equal(exit_record.value, 0xccdd);
	assert_int_equal(exit_record.port, 0x80);
	assert_done(RUN(0xef));
	assert_int_equal(exit_record.value, 0xaabbccdd);
}

static void allow(unsigned port, bool yes)
{
	u8 byte = peek32(IO_MAP + port / 8);

	byte = yes ? byte & ~(1u << port % 8) : byte | 1u << port % 8;
	poke(IO_MAP + port / 8, &byte, 1);
}

static bool allowed(u16 port, unsigned size)
{
	if (cpu_io_allowed(&v, port, size) == STEP_DONE)
		return true;
	assert_pending(VECTOR_GP, 0);
	return false;
}

static void the_io_map_decides_where_iopl_does_not(void **state)
{
	assert_true(allowed(PORT, 4)); /* CPL 0 <= IOPL 0 */
	enter_level(3);
	assert_false(allowed(0x60, 1));
	allow(0x60, true);
	assert_true(allowed(0x60, 1));
	assert_false(allowed(0x60, 2) || allowed(0x61, 1) || allowed(0x5f, 1));
	allow(0x61, true);
	assert_true(allowed(0x60, 2));
	assert_false(allowed(0x60, 4));
	/* Four ports in two bytes of the map. */
	for (unsigned port = 0x66; port < 0x6a; port++)
		allow(port, true);
	assert_true(allowed(0x66, 4));
	allow(0x69, false);
	assert_false(allowed(0x66, 4));
	assert_true(allowed(0x67, 2));
	v.eflags |= EFLAGS_IOPL;
	assert_true(allowed(PORT, 4));
}

static void the_io_map_ends_with_the_tss(void **state)
{
	u32 at = offsetof(struct tss, io_map);
	u16 map = sizeof(struct tss);

	enter_level(3);
	allow(0x60, true);
	v.tr.limit = map + 0x60 / 8 + 1; /* the byte behind the port's must be there too */
	assert_true(allowed(0x60, 1));
	v.tr.limit--;
	assert_false(allowed(0x60, 1));
	v.tr.limit = 0x3ff;
	v.tr.attr = ATTR_P | TYPE_TSS16_BUSY;
	assert_false(allowed(0x60, 1));
	v.tr.attr = ATTR_P | TYPE_TSS32_BUSY;
	map = 0xffff; /* beyond the limit, and no wrap-around */
	poke(TSS + at, &map, sizeof map);
	assert_false(allowed(0x60, 1) || allowed(0, 1) || allowed(0xffff, 1));
	map = 0;
	poke(TSS + at, &map, sizeof map);
	v.tr.limit = at; /* the map's own address is cut off */
	assert_false(allowed(0x60, 1));
	v.tr.limit = at + 1;
	assert_true(allowed(0, 1)); /* TSS.link, at the map's start, is zero */
}

static void the_io_map_may_fault(void **state)
{
	enter_level(3);
	paging_on();
	map_page(TSS, TSS | PTE_P); /* a supervisor page: no matter */
	allow(0x60, true);
	assert_true(allowed(0x60, 1));
	map_page(TSS, 0);
	assert_int_equal(cpu_io_allowed(&v, 0x60, 1), STEP_FAULT);
	assert_pending(VECTOR_PF, 0);
	assert_int_equal(v.cr2, TSS + offsetof(struct tss, io_map));
	v.gpr[EDX] = 0x61;
	map_page(TSS, TSS | PTE_P);
	assert_fault(RUN(0xec), VECTOR_GP, 0);
	assert_fault(RUN(0xee), VECTOR_GP, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(in_asks_and_then_fills_its_part_of_eax),
		guest_test(out_shows_its_part_of_eax),
		guest_test(the_io_map_decides_where_iopl_does_not),
		guest_test(the_io_map_ends_with_the_tss),
		guest_test(the_io_map_may_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
