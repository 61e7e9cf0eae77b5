/* The door to guest memory: where RAM begins and ends, copies across frames, watchers. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "test/support.h"

#define SIZE (2 * MIB)

static struct gmem mem;
static u8 *ram; /* the array behind `mem` */

static int set_up(void **state)
{
	test_memory(&mem, SIZE);
	ram = mem.owner;
	return 0;
}

static int tear_down(void **state)
{
	test_memory_free(&mem);
	return 0;
}

static void ram_has_a_hole_and_an_end(void **state)
{
	static const struct {
		u32 address, bytes;
		bool ram;
	} cases[] = {
		{0, 1, true},
		{0, 0xa0000, true},
		{0x9ffff, 1, true},
		{0x9ffff, 2, false},
		{0x9f000, 0x62000, false}, /* begins and ends in RAM, around the hole */
		{0xa0000, 1, false},
		{0xfffff, 1, false},
		{0xfffff, 2, false},
		{0x100000, 1, true},
		{0x100000, SIZE - 0x100000, true},
		{0x100000, SIZE - 0xfffff, false},
		{SIZE - 1, 1, true},
		{SIZE - 1, 2, false},
		{SIZE, 1, false},
		{0xfffff000, 0x1000, false},
		{0xfffffffc, 8, false}, /* its end would wrap to 4 */
		{4, 0xffffffff, false},
		{0x100000, 0xfff00000, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		gpa_t at = gpa(cases[i].address);
		u8 byte = 0;

		if (gmem_is_ram(&mem, at, cases[i].bytes) != cases[i].ram)
			fail_msg("case %u: %#x + %#x", i, at.v, cases[i].bytes);
		if (cases[i].bytes == 1) {
			assert_int_equal(gmem_read(&mem, at, &byte, 1), cases[i].ram);
			assert_int_equal(gmem_write(&mem, at, &byte, 1), cases[i].ram);
		}
	}
}

static void a_machine_may_end_below_the_hole(void **state)
{
	struct gmem small;

	test_memory(&small, 64 * KIB);
	assert_true(gmem_is_ram(&small, gpa(0), 64 * KIB));
	assert_false(gmem_is_ram(&small, gpa(64 * KIB), 1));
	assert_int_equal(gmem_read32(&small, gpa(64 * KIB)), 0xffffffff);
	test_memory_free(&small);
}

/* One mapping slot, as on the real machine: no frame but the one asked for can be reached. */
static u8 slot[PAGE_SIZE], *slot_frame;

static void *map_slot(struct gmem *m, u32 gfn)
{
	if (slot_frame)
		memcpy(slot_frame, slot, PAGE_SIZE);
	slot_frame = ram + gfn * PAGE_SIZE;
	memcpy(slot, slot_frame, PAGE_SIZE);
	return slot;
}

static void copies_cross_frames(void **state)
{
	u8 out[3 * PAGE_SIZE], in[sizeof(out)];
	gpa_t at = gpa(0x101ffd); /* three bytes, two whole frames, the rest */

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + i / 256;
	slot_frame = NULL;
	mem.map = map_slot;
	assert_true(gmem_write(&mem, at, out, sizeof(out)));
	map_slot(&mem, 0);
	assert_memory_equal(ram + at.v, out, sizeof(out));
	assert_int_equal(ram[at.v - 1], 0);
	assert_int_equal(ram[at.v + sizeof(out)], 0);
	assert_true(gmem_read(&mem, at, in, sizeof(in)));
	assert_memory_equal(in, out, sizeof(out));
}

static void nothing_is_copied_if_part_is_not_ram(void **state)
{
	u8 buffer[8] = {1, 2, 3, 4, 5, 6, 7, 8}, before[8];

	memcpy(before, buffer, 8);
	assert_false(gmem_write(&mem, gpa(SIZE - 4), buffer, 8));
	assert_false(gmem_write(&mem, gpa(GMEM_HOLE_START - 4), buffer, 8));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ram[SIZE - 4 + i], 0);
		assert_int_equal(ram[GMEM_HOLE_START - 4 + i], 0);
	}
	assert_false(gmem_read(&mem, gpa(SIZE - 4), buffer, 8));
	assert_memory_equal(buffer, before, 8);
}

static void words(void **state)
{
	gmem_write32(&mem, gpa(0x123450), 0x11223344);
	assert_int_equal(gmem_read32(&mem, gpa(0x123450)), 0x11223344);
	assert_int_equal(ram[0x123450], 0x44); /* little-endian, as the processor */
	gmem_write32(&mem, gpa(0xb8000), 0);
	assert_int_equal(gmem_read32(&mem, gpa(0xb8000)), 0xffffffff);
	assert_int_equal(gmem_read32(&mem, gpa(0x9fffc)), 0);
	assert_int_equal(gmem_read32(&mem, gpa(0xa0000)), 0xffffffff);
	assert_int_equal(gmem_read32(&mem, gpa(0xffffc)), 0xffffffff);
	assert_int_equal(gmem_read32(&mem, gpa(0x100000)), 0);
	assert_int_equal(gmem_read32(&mem, gpa(0xfffffffc)), 0xffffffff);
	gmem_write32(&mem, gpa(0xfffffffc), 0);
	gmem_write32(&mem, gpa(SIZE), 0);
}

static void host_addresses(void **state)
{
	assert_int_equal(gmem_hpa(&mem, gpa(0x123456)).v, 0x10123456);
}

static struct {
	unsigned calls;
	u32 gfn[4], bytes[4];
	unsigned watchers[4];
	u32 word; /* what the first words of frames 0x101 and 0x102 held at the last call */
} heard;

static void hear(struct gmem *m, gpa_t address, u32 bytes, unsigned watchers)
{
	assert_true(heard.calls < ARRAY_SIZE(heard.gfn));
	heard.gfn[heard.calls] = address.v >> PAGE_SHIFT;
	heard.bytes[heard.calls] = bytes;
	heard.watchers[heard.calls++] = watchers;
	heard.word = gmem_read32(m, gpa(0x102000));
}

static void watchers_are_sets(void **state)
{
	assert_int_equal(gmem_watchers(&mem, 0x101), 0);
	assert_true(gmem_watch(&mem, 0x101, WATCH_CODE));
	assert_false(gmem_watch(&mem, 0x101, WATCH_CODE));
	assert_false(gmem_watch(&mem, 0x101, WATCH_DESCRIPTORS));
	assert_int_equal(gmem_watchers(&mem, 0x101), WATCH_CODE | WATCH_DESCRIPTORS);
	assert_false(gmem_unwatch(&mem, 0x101, WATCH_CODE));
	assert_true(gmem_unwatch(&mem, 0x101, WATCH_DESCRIPTORS));
	assert_false(gmem_unwatch(&mem, 0x101, WATCH_DESCRIPTORS));
	assert_int_equal(gmem_watchers(&mem, 0x100), 0);

	/* Past the end, as far as a frame number goes and further. */
	assert_false(gmem_watch(&mem, SIZE / PAGE_SIZE, WATCH_CODE));
	assert_false(gmem_watch(&mem, 0xfffff, WATCH_CODE));
	assert_false(gmem_watch(&mem, 0x100000, WATCH_CODE));
	assert_int_equal(gmem_watchers(&mem, 0xfffff), 0);
}

static void watchers_hear_writes_when_they_are_done(void **state)
{
	u8 buffer[2 * PAGE_SIZE];

	memset(&heard, 0, sizeof(heard));
	memset(buffer, 0x5a, sizeof(buffer));
	mem.written = hear;
	gmem_watch(&mem, 0x101, WATCH_CODE);
	gmem_watch(&mem, 0x102, WATCH_DESCRIPTORS);

	/* Frames 100 to 102, of which two are watched; at the first call all is there. */
	assert_true(gmem_write(&mem, gpa(0x100ffe), buffer, PAGE_SIZE + 6));
	assert_int_equal(heard.calls, 2);
	assert_int_equal(heard.gfn[0], 0x101);
	assert_int_equal(heard.bytes[0], PAGE_SIZE);
	assert_int_equal(heard.watchers[0], WATCH_CODE);
	assert_int_equal(heard.gfn[1], 0x102);
	assert_int_equal(heard.bytes[1], 4);
	assert_int_equal(heard.watchers[1], WATCH_DESCRIPTORS);
	assert_int_equal(heard.word, 0x5a5a5a5a);

	gmem_write32(&mem, gpa(0x102000), 1);
	assert_int_equal(heard.calls, 3);
	assert_int_equal(heard.word, 1);

	/* Neighbours, reads, failed writes and empty ones are not heard. */
	gmem_write32(&mem, gpa(0x100ffc), 1);
	gmem_write32(&mem, gpa(0x103000), 1);
	gmem_write(&mem, gpa(0x100ff0), buffer, 16);
	gmem_read(&mem, gpa(0x101000), buffer, 8);
	gmem_write(&mem, gpa(0x101000), buffer, SIZE);
	gmem_write(&mem, gpa(0x101000), buffer, 0);
	assert_int_equal(heard.calls, 3);
}

static void nobody_needs_to_watch(void **state)
{
	u8 *watch = mem.watch;

	mem.watch = NULL;
	mem.written = hear;
	memset(&heard, 0, sizeof(heard));
	gmem_write32(&mem, gpa(0x101000), 1);
	assert_int_equal(gmem_watchers(&mem, 0x101), 0);
	assert_int_equal(heard.calls, 0);
	mem.watch = watch;
}

/* It can be seen by whoever maps its frames, but not be written, and the one door does not lead there. */
static void rom_holds_ones_and_is_watched(void **state)
{
	const u8 *memory = mem.owner;
	u32 word = 0;

	assert_false(gmem_is_readable(&mem, gpa(GMEM_ROM_START), 1));
	gmem_make_rom(&mem);
	assert_true(gmem_is_readable(&mem, gpa(GMEM_ROM_START), GMEM_HOLE_END - GMEM_ROM_START));
	assert_false(gmem_is_readable(&mem, gpa(GMEM_ROM_START), GMEM_HOLE_END));
	assert_false(gmem_is_readable(&mem, gpa(GMEM_ROM_START - 1), 1));
	assert_true(gmem_is_readable(&mem, gpa(GMEM_HOLE_END), 1));
	for (u32 at = GMEM_ROM_START; at < GMEM_HOLE_END; at++)
		assert_int_equal(memory[at], 0xff);
	assert_int_equal(gmem_watchers(&mem, GMEM_ROM_START >> PAGE_SHIFT), WATCH_ROM);
	assert_int_equal(gmem_watchers(&mem, GMEM_HOLE_END >> PAGE_SHIFT), 0);
	assert_false(gmem_write(&mem, gpa(GMEM_ROM_START), &word, sizeof word));
	assert_int_equal(memory[GMEM_ROM_START], 0xff);
	assert_int_equal(gmem_hpa(&mem, gpa(GMEM_ROM_START)).v, mem.base.v + GMEM_ROM_START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ram_has_a_hole_and_an_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_machine_may_end_below_the_hole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(copies_cross_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nothing_is_copied_if_part_is_not_ram, set_up, tear_down),
		cmocka_unit_test_setup_teardown(words, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rom_holds_ones_and_is_watched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(host_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(watchers_are_sets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			watchers_hear_writes_when_they_are_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_needs_to_watch, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
