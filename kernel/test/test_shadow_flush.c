/* When shadow tables forget, whichever way they are kept: a flush, another CR3, INVLPG, and no room left. */
#include "test/shadow_tables.h"

static void after_a_flush_nothing_is_left_that_changed(void **state)
{
	for (unsigned i = 0; i < 5; i++) {
		map(i, (FRAMES + i * PAGE_SIZE) | RW | U);
		fault(HERE + i * PAGE_SIZE, ACCESS_WRITE, i & 1 ? 3 : 0);
	}
	map(0, 0);
	map(1, (FRAMES + 7 * PAGE_SIZE) | RW | U | PTE_A | PTE_D);
	map(2, (FRAMES + 2 * PAGE_SIZE) | RO | U | PTE_A | PTE_D);
	map(3, (FRAMES + 3 * PAGE_SIZE) | RW | U | PTE_A);
	map(4, (FRAMES + 4 * PAGE_SIZE) | RW | U | PTE_D);
	shadow.stale = false;
	shadow_flush(&shadow, &paging);
	assert_true(shadow.stale);
	assert_int_equal(shadow.counts.flushes, 1);
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		assert_int_equal(seen(root, HERE), 0);
		assert_int_equal(seen(root, HERE + 4 * PAGE_SIZE), 0);
		for (unsigned i = 1; i < 4; i++)
			assert_int_not_equal(
				seen(root, HERE + i * PAGE_SIZE), (FRAMES + i * PAGE_SIZE) | RW);
	}
	assert_null(shadow_audit(&shadow, &paging));
}

static void after_a_switch_only_the_new_space_is_seen(void **state)
{
	const u32 other = DIRECTORY + 4 * PAGE_SIZE;

	map(0, FRAMES | RW | U);
	fault(HERE, ACCESS_WRITE, 3);
	paging.cr3 = other;
	shadow.stale = false;
	shadow_switch(&shadow, &paging);
	assert_true(shadow.stale);
	assert_int_equal(seen(ROOT_USER, HERE), 0);
	assert_int_equal(seen(ROOT_KERNEL, HERE), 0);
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FAULT);

	/* The first space's tables change while it is away. */
	map(0, (FRAMES + PAGE_SIZE) | RW | U | PTE_A | PTE_D);
	paging.cr3 = DIRECTORY;
	shadow_switch(&shadow, &paging);
	assert_null(shadow_audit(&shadow, &paging));
	assert_int_equal(fault(HERE, ACCESS_WRITE, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), (FRAMES + PAGE_SIZE) | RW);
	assert_int_equal(shadow.counts.switches, 2);
}

static void invlpg_drops_one_page_from_both_roots(void **state)
{
	map(0, FRAMES | RW | U);
	map(1, (FRAMES + PAGE_SIZE) | RW | U);
	for (unsigned i = 0; i < 4; i++)
		fault(HERE + i % 2 * PAGE_SIZE, ACCESS_WRITE, i / 2 * 3);
	map(0, 0);
	map(1, 0); /* but nobody flushes that one */
	shadow.stale = false;
	shadow_invlpg(&shadow, &paging, gva(HERE + 0xfff));
	assert_false(shadow.stale);
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		assert_int_equal(seen(root, HERE), 0);
		assert_int_equal(seen(root, HERE + PAGE_SIZE), (FRAMES + PAGE_SIZE) | RW);
	}
	shadow_invlpg(&shadow, &paging, gva(HERE));              /* nothing there now */
	shadow_invlpg(&shadow, &paging, gva(HERE + 0x2000));     /* nor ever there */
	shadow_invlpg(&shadow, &paging, gva(HERE + 0x10000000)); /* nor a table */

	/* The same page over and over takes no more room. */
	for (unsigned i = 0; i < 10000; i++) {
		map(0, FRAMES | RW | U);
		assert_int_equal(fault(HERE, ACCESS_READ, 0), SHADOW_FILLED);
		map(0, 0);
		shadow_invlpg(&shadow, &paging, gva(HERE));
	}
	assert_int_equal(shadow.counts.evictions, 0);
}

static void invlpg_drops_the_whole_of_a_large_page(void **state)
{
	map_directory(HERE, PTE_PS | RW | U); /* guest-physical 0 to 4 MiB */
	fault(HERE, ACCESS_WRITE, 0);
	fault(HERE + 0x150000, ACCESS_READ, 0);
	fault(HERE + 0x150000, ACCESS_READ, 3);
	assert_int_equal(seen(ROOT_KERNEL, HERE + 0x150000), 0x150000 | RW);

	/* Even if the guest has another kind of mapping there by now. */
	map_directory(HERE, TABLE | RW | U);
	shadow.stale = false;
	shadow_invlpg(&shadow, &paging, gva(HERE + 0x3ff000));
	assert_true(shadow.stale);
	assert_int_equal(seen(ROOT_KERNEL, HERE), 0);
	assert_int_equal(seen(ROOT_KERNEL, HERE + 0x150000), 0);
	assert_int_equal(seen(ROOT_USER, HERE + 0x150000), 0);

	map(0, FRAMES | RW);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RW);
	assert_int_equal(seen(ROOT_KERNEL, HERE + 0x150000), 0);
	assert_null(shadow_audit(&shadow, &paging));
}

/* Which of the first regions the user's root leads to. */
static u32 regions_seen(unsigned count)
{
	u32 regions = 0;

	for (unsigned i = 0; i < count; i++)
		regions |= (seen(ROOT_USER, i << 22) != 0) << i;
	return regions;
}

static void a_pool_that_is_too_small_evicts(void **state)
{
	shadow_init(&shadow, &mem, pool, hpa(POOL_HPA), shadow_pages(4));
	assert_int_equal(shadow.tables, 4);
	for (u32 i = 0; i < 6; i++) {
		map_directory(i << 22, (TABLE + i * PAGE_SIZE) | RW | U);
		gmem_write32(&mem, gpa(TABLE + i * PAGE_SIZE), (FRAMES + i * PAGE_SIZE) | RW | U);
	}
	for (u32 i = 0; i < 60; i++) {
		u32 at = i % 6 << 22, before = regions_seen(6);

		shadow.stale = false;
		assert_int_equal(fault(at, ACCESS_READ, 3), SHADOW_FILLED);
		assert_int_equal(seen(ROOT_USER, at), (FRAMES + i % 6 * PAGE_SIZE) | RO);
		if (before & ~regions_seen(6))
			assert_true(shadow.stale);
		assert_null(shadow_audit(&shadow, &paging));
	}
	assert_in_range(shadow.counts.evictions, 25, 58);
	assert_int_equal(shadow.counts.flushes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shadow_test(after_a_flush_nothing_is_left_that_changed),
		shadow_test(after_a_switch_only_the_new_space_is_seen),
		shadow_test(invlpg_drops_one_page_from_both_roots),
		shadow_test(invlpg_drops_the_whole_of_a_large_page),
		shadow_test(a_pool_that_is_too_small_evicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
