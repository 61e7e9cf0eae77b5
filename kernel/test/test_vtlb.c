/* The log of the virtual TLB: it has an end, and it names each entry once. */
#include "test/shadow_tables.h"

#include "mmu/vtlb.h"

static void a_full_log_evicts(void **state)
{
	const u32 pages = GMEM_HOLE_START / PAGE_SIZE; /* mapped by each of 32 large pages */

	for (u32 i = 0; i < 32; i++)
		map_directory(i << 22, PTE_PS | RW | U);
	for (u32 i = 0; i < 32 * pages; i++) {
		u32 at = i / pages << 22 | i % pages << 12;

		assert_int_equal(fault(at, ACCESS_READ, 0), SHADOW_FILLED);
		assert_int_equal(seen(ROOT_KERNEL, at), (i % pages * PAGE_SIZE) | RO);
		assert_in_range(shadow.own->fill_count, 2, VTLB_ENTRIES);
	}
	assert_int_equal(shadow.counts.evictions, 1);
	assert_null(shadow_audit(&shadow, &paging));
}

static void the_audit_looks_at_the_log(void **state)
{
	struct shadow_own *own = shadow.own;
	u32 *entry;

	map(0, FRAMES | RW);
	assert_int_equal(fault(HERE, ACCESS_READ, 0), SHADOW_FILLED);
	entry = table_at(pool[ROOT_KERNEL][HERE >> 22] & PTE_FRAME);
	broken(entry, 0, "the log names an empty entry");
	broken(entry + 1, *entry, "an entry is not in the log");
	broken(&own->fill_count, 1, "an entry is not in the log");
	broken(&own->used, ROOT_COUNT, "the log names what is no entry of a table in use");
	broken(&own->used, shadow.tables + 1, "more is in use than there is");
	own->filled[2] = entry;
	broken(&own->fill_count, 3, "the log names an entry twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shadow_test(a_full_log_evicts),
		shadow_test(the_audit_looks_at_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
