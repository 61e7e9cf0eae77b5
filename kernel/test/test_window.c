/*
 * The monitor's window in both formats of page tables: read as the two MMUs read them, they translate every
 * page alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "hw/window.h"
#include "x86/paging.h"

#define IMAGE_TEXT 0x23000u
#define HEAP_BYTES 0x1234000u

/* What a page of the window is to be. */
struct page {
	bool present, writable;
	u64 physical;
};

static const struct window_range ranges[] = {
	{WINDOW_IMAGE, IMAGE_TEXT, {0x100000}, false},
	{WINDOW_IMAGE + IMAGE_TEXT, 0x45000, {0x100000 + IMAGE_TEXT}, true},
	{WINDOW_HEAP, HEAP_BYTES, {0x6c00000}, true},
	{WINDOW_SLOTS - PAGE_SIZE, PAGE_SIZE, {0xfffff000}, false},
};

static struct page expected(u32 offset)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		const struct window_range *r = &ranges[i];

		if (offset >= r->offset && offset - r->offset < r->bytes)
			return (struct page){
				true, r->writable, r->physical.v + (offset - r->offset)};
	}
	return (struct page){0};
}

/* SDM 3A 4.3: 16 tables of 1024 words, by linear-address bits 25:22 and 21:12. */
static u64 entry_two_level(const u32 *entries, u32 offset)
{
	const u32 *table = entries + (offset >> 22) * 1024;

	return table[offset >> 12 & 0x3ff];
}

/* SDM 3A 4.4: 32 tables of 512 words, by bits 25:21 and 20:12. */
static u64 entry_pae(const u64 *entries, u32 offset)
{
	const u64 *table = entries + (offset >> 21) * 512;

	return table[offset >> 12 & 0x1ff];
}

static void assert_page(u64 entry, struct page want)
{
	if (!want.present) {
		assert_int_equal(entry, 0);
		return;
	}
	assert_int_equal(entry & ~(u64)PAGE_MASK, want.physical);
	assert_int_equal(!!(entry & PTE_W), want.writable);
	/* Accessed and dirty already, supervisor, neither global nor uncached, no reserved bit. */
	assert_int_equal(entry & PAGE_MASK & ~(u64)PTE_W, PTE_P | PTE_A | PTE_D);
}

static void both_formats_translate_every_page_alike(void **state)
{
	u32 *two_level = malloc(WINDOW_ENTRIES * sizeof *two_level);
	u64 *pae = malloc(WINDOW_ENTRIES * sizeof *pae);

	memset(two_level, 0xff, WINDOW_ENTRIES * sizeof *two_level);
	memset(pae, 0xff, WINDOW_ENTRIES * sizeof *pae);
	window_build(two_level, ranges, ARRAY_SIZE(ranges));
	window_build_pae(pae, ranges, ARRAY_SIZE(ranges));
	for (u32 offset = 0; offset < WINDOW_ENTRIES * PAGE_SIZE; offset += PAGE_SIZE) {
		assert_page(entry_two_level(two_level, offset), expected(offset));
		assert_page(entry_pae(pae, offset), expected(offset));
	}
	free(two_level);
	free(pae);
}

/* Only PAE reaches beyond 4 GiB (SDM 3A 4.4, table 4-11). */
static void pae_holds_wide_addresses(void **state)
{
	const struct window_range wide = {WINDOW_HEAP, 2 * PAGE_SIZE, {0xffffff000}, true};
	u64 *pae = malloc(WINDOW_ENTRIES * sizeof *pae);

	window_build_pae(pae, &wide, 1);
	assert_page(entry_pae(pae, WINDOW_HEAP), (struct page){true, true, 0xffffff000});
	assert_page(
		entry_pae(pae, WINDOW_HEAP + PAGE_SIZE), (struct page){true, true, 0x1000000000});
	free(pae);
}

static void the_windows_parts_fit(void **state)
{
	assert_int_equal(WINDOW_ENTRIES * PAGE_SIZE, WINDOW_PDES * LARGE_PAGE_SIZE);
	assert_true(WINDOW_IMAGE < WINDOW_HEAP && WINDOW_HEAP < WINDOW_RING3);
	assert_true(WINDOW_RING3 < WINDOW_PINS);
	assert_int_equal(WINDOW_SLOTS - WINDOW_PINS, PT_ENTRIES * PAGE_SIZE);
	assert_int_equal(WINDOW_ENTRIES * PAGE_SIZE - WINDOW_SLOTS, PT_ENTRIES * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_formats_translate_every_page_alike),
		cmocka_unit_test(pae_holds_wide_addresses),
		cmocka_unit_test(the_windows_parts_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
