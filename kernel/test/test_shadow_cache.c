/*
 * What the cache of shadow tables keeps, and what it looks up ahead: only what a processor might have
 * in its TLB as well (SDM 3A 4.10.2.3), and only where it pays.
 */
#include "test/shadow_tables.h"

#include "mmu/shadow_cache.h"

#define MEMORY (8 * MIB)
#define TABLES 16u
#define POOL   24          /* the pages that they take, and not more */
#define OTHER  0x00111000u /* the directory of a second address space */
#define KERNEL 0xc0000000u /* a global page of 4 MiB at guest-physical 4 MiB */
#define USED   (PTE_A | PTE_D)

static void map_other(u32 linear, u32 entry)
{
	gmem_write32(&mem, gpa(OTHER + 4 * pde_index(linear)), entry);
}

static int set_up_cache(void **state)
{
	assert_in_range(shadow_pages(TABLES), TABLES, POOL);
	start(MEMORY, shadow_pages(TABLES));
	paging.pge = true;
	map_directory(KERNEL, LARGE_PAGE_SIZE | PTE_PS | RW | PTE_G | USED);
	map_other(KERNEL, LARGE_PAGE_SIZE | PTE_PS | RW | PTE_G | USED);
	return 0;
}

#define cache_test(f) cmocka_unit_test_setup_teardown(f, set_up_cache, tear_down)

/* The real MMU uses a page: it sets the accessed bit. */
static void use(u32 address)
{
	assert_int_not_equal(seen(ROOT_USER, address), 0);
	*entry_of(ROOT_USER, address) |= PTE_A;
}

static void load_cr3(u32 cr3)
{
	paging.cr3 = cr3;
	shadow_switch(&shadow, &paging);
	assert_null(shadow_audit(&shadow, &paging));
}

static void a_user_page_is_there_for_both_roots_by_one_fault(void **state)
{
	map(0, FRAMES | RW | U);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 3), SHADOW_FILLED);
	assert_ptr_equal(entry_of(ROOT_KERNEL, HERE), entry_of(ROOT_USER, HERE));

	/* A page of the kernel's beside it gives the kernel a table of its own. */
	map(1, (FRAMES + PAGE_SIZE) | RW);
	assert_int_equal(fault(HERE + PAGE_SIZE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_ptr_not_equal(entry_of(ROOT_KERNEL, HERE), entry_of(ROOT_USER, HERE));
	assert_int_equal(seen(ROOT_USER, HERE + PAGE_SIZE), 0);
	assert_int_equal(seen(ROOT_KERNEL, HERE + PAGE_SIZE), (FRAMES + PAGE_SIZE) | RW);
}

static void global_pages_outlive_a_switch(void **state)
{
	assert_int_equal(fault(KERNEL + 5 * PAGE_SIZE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 31 * PAGE_SIZE), 0x41f000 | RW);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 32 * PAGE_SIZE), 0);
	load_cr3(OTHER);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 5 * PAGE_SIZE), 0x405000 | RW);

	/* Without PGE they are as any other: dropped with CR3, unless they come back the same. */
	paging.pge = false;
	shadow_flush(&shadow, &paging);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 5 * PAGE_SIZE), 0x405000 | RW);
	map_directory(KERNEL, 0);
	load_cr3(DIRECTORY);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 5 * PAGE_SIZE), 0);
}

static void a_space_that_comes_back_finds_what_it_used(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		map(i, (FRAMES + i * PAGE_SIZE) | RW | U | USED);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fault(HERE + i * PAGE_SIZE, ACCESS_READ, 3), SHADOW_FILLED);
	use(HERE);
	load_cr3(OTHER);
	assert_int_equal(seen(ROOT_USER, HERE), 0);

	/* Meanwhile: page 1 becomes read-only, 2 leads elsewhere, 3 is gone. */
	map(1, (FRAMES + PAGE_SIZE) | RO | U | USED);
	map(2, (FRAMES + 9 * PAGE_SIZE) | RW | U | USED);
	map(3, 0);
	load_cr3(DIRECTORY);
	assert_int_equal(seen(ROOT_USER, HERE), FRAMES | RW);
	assert_int_equal(seen(ROOT_USER, HERE + PAGE_SIZE), (FRAMES + PAGE_SIZE) | RO);
	assert_int_equal(seen(ROOT_USER, HERE + 2 * PAGE_SIZE), (FRAMES + 9 * PAGE_SIZE) | RW);
	assert_int_equal(seen(ROOT_USER, HERE + 3 * PAGE_SIZE), 0);
	assert_int_equal(shadow.counts.fills, 4);

	/* What is not used for two turns is not looked at any more. */
	use(HERE);
	load_cr3(OTHER);
	load_cr3(DIRECTORY);
	assert_int_equal(seen(ROOT_USER, HERE), FRAMES | RW);
	assert_int_equal(seen(ROOT_USER, HERE + PAGE_SIZE), 0);

	/* Nor what its directory does not lead to any more. */
	load_cr3(OTHER);
	map_directory(HERE, (TABLE + PAGE_SIZE) | RW | U | PTE_A);
	load_cr3(DIRECTORY);
	assert_int_equal(seen(ROOT_USER, HERE), 0);
}

static void of_a_large_page_a_run_is_entered_where_there_is_ram(void **state)
{
	map_directory(KERNEL, 0 | PTE_PS | RW | PTE_G | USED);
	assert_true(gmem_watch(&mem, 0x85, WATCH_CODE));
	fault(KERNEL + 0x9f000, ACCESS_WRITE, 0); /* the last page before the hole */
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 0x80000), 0x80000 | RW);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 0x85000), 0x85000 | RO);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 0x9f000), 0x9f000 | RW);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 0xa0000), 0);
	assert_int_equal(fault(KERNEL + 0xa0000, ACCESS_WRITE, 0), SHADOW_DEVICE);
	assert_int_equal(fault(KERNEL + 0x85000, ACCESS_WRITE, 0), SHADOW_WATCHED);
}

static void invlpg_looks_again(void **state)
{
	map(0, FRAMES | RW | U | USED);
	fault(HERE, ACCESS_WRITE, 3);
	map(0, (FRAMES + PAGE_SIZE) | RO | U | USED);
	shadow.stale = false;
	shadow_invlpg(&shadow, &paging, gva(HERE));
	assert_int_equal(seen(ROOT_USER, HERE), (FRAMES + PAGE_SIZE) | RO);
	map(0, (FRAMES + PAGE_SIZE) | RW | U);
	shadow_invlpg(&shadow, &paging, gva(HERE));
	assert_int_equal(seen(ROOT_USER, HERE), 0); /* not accessed */
	assert_false(shadow.stale);

	/* Of a 4 MiB page that is as it was there is nothing to drop. */
	fault(KERNEL, ACCESS_WRITE, 0);
	shadow_invlpg(&shadow, &paging, gva(KERNEL));
	assert_int_equal(seen(ROOT_KERNEL, KERNEL), LARGE_PAGE_SIZE | RW);
	assert_false(shadow.stale);
}

static void the_page_that_faulted_is_there_when_its_handler_returns(void **state)
{
	assert_int_equal(fault(HERE, ACCESS_WRITE, 3), SHADOW_FAULT);
	map(0, FRAMES | RW | U | USED);
	shadow_returned(&shadow, &paging);
	assert_int_equal(seen(ROOT_USER, HERE), 0); /* no directory's accessed bit, no look ahead */

	map(1, FRAMES | RW | U);
	fault(HERE + PAGE_SIZE, ACCESS_READ, 3); /* sets it */
	assert_int_equal(fault(HERE + 20 * PAGE_SIZE, ACCESS_WRITE, 3), SHADOW_FAULT);
	map(20, (FRAMES + PAGE_SIZE) | RW | U | USED);
	shadow_returned(&shadow, &paging);
	assert_int_equal(seen(ROOT_USER, HERE + 20 * PAGE_SIZE), (FRAMES + PAGE_SIZE) | RW);
	assert_int_equal(shadow.counts.fills, 1);

	map(20, 0);
	shadow_invlpg(&shadow, &paging, gva(HERE + 20 * PAGE_SIZE));
	map(20, FRAMES | RW | U | USED);
	shadow_returned(&shadow, &paging); /* once for each fault */
	assert_int_equal(seen(ROOT_USER, HERE + 20 * PAGE_SIZE), 0);
}

static void a_watched_frame_in_a_large_page_is_read_only(void **state)
{
	/* Also while its table waits. */
	paging.pge = false;
	map_other(KERNEL, 0);
	fault(KERNEL, ACCESS_WRITE, 0);
	load_cr3(OTHER);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL), 0);
	assert_true(gmem_watch(&mem, 0x403, WATCH_CODE));
	shadow_protect(&shadow, 0x403);
	load_cr3(DIRECTORY);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 3 * PAGE_SIZE), 0x403000 | RO);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 4 * PAGE_SIZE), 0x404000 | RW);

	/* Watched before it is mapped. */
	assert_true(gmem_watch(&mem, 0x425, WATCH_CODE));
	shadow_protect(&shadow, 0x425);
	fault(KERNEL + 32 * PAGE_SIZE, ACCESS_WRITE, 0);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 0x25000), 0x425000 | RO);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 0x26000), 0x426000 | RW);

	/* What ceases to be watched is writable at the next write. */
	gmem_unwatch(&mem, 0x403, WATCH_CODE);
	assert_int_equal(fault(KERNEL + 3 * PAGE_SIZE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, KERNEL + 3 * PAGE_SIZE), 0x403000 | RW);
}

static void the_audit_names_what_is_broken(void **state)
{
	struct shadow_own *own = shadow.own;
	u32 users, kernels, large;

	map(0, FRAMES | RW | U | USED);
	map(1, FRAMES | RW | USED);
	fault(HERE, ACCESS_READ, 3);
	fault(HERE + PAGE_SIZE, ACCESS_READ, 0);
	fault(KERNEL, ACCESS_READ, 0);
	users = shadow_table_linked(&shadow, ROOT_USER, pde_index(HERE));
	kernels = shadow_table_linked(&shadow, ROOT_KERNEL, pde_index(HERE));
	large = shadow_table_linked(&shadow, ROOT_KERNEL, pde_index(KERNEL));
	assert_null(shadow_audit(&shadow, &paging));
	broken(&own->record[users].live.word[0], 0, "an entry is not what its table's record says");
	broken(&own->record[users].live.words, 0, "a set does not find what it holds");
	broken(&own->record[users].region, 9, "a table is not found by its key");
	broken(&own->local.word[0], 0, "a table that is not all global outlives a switch");
	broken(&own->linked.word[0], 0, "a root leads to a table that is not linked");
	broken(&pool[large][7], pool[large][7] + PAGE_SIZE, "an entry leads out of its large page");
	broken(&pool[ROOT_USER][pde_index(HERE)], POOL_HPA + kernels * PAGE_SIZE + (RW | U),
		"the user's root leads to a table of the kernel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cache_test(a_user_page_is_there_for_both_roots_by_one_fault),
		cache_test(global_pages_outlive_a_switch),
		cache_test(a_space_that_comes_back_finds_what_it_used),
		cache_test(of_a_large_page_a_run_is_entered_where_there_is_ram),
		cache_test(invlpg_looks_again),
		cache_test(the_page_that_faulted_is_there_when_its_handler_returns),
		cache_test(a_watched_frame_in_a_large_page_is_read_only),
		cache_test(the_audit_names_what_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
