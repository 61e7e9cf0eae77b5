/* The rules that shadow tables of either kind must keep: the audit names each that is broken. */
#include "test/shadow_tables.h"

/* The real frame of a guest frame, with the rights expected. */
static u32 real(u32 frame, u32 rights)
{
	return (u32)mem.base.v + frame + rights;
}

static void the_audit_names_what_is_broken(void **state)
{
	u32 *directory_entry = &pool[ROOT_KERNEL][HERE >> 22], *entry;

	map(0, FRAMES | RW);
	assert_int_equal(fault(HERE, ACCESS_READ, 0), SHADOW_FILLED);
	entry = table_at(*directory_entry & PTE_FRAME);
	broken(entry, *entry & ~PTE_U, "an entry is not the user's");
	broken(entry, *entry | PTE_W, "a clean page is writable");
	broken(entry, *entry + PAGE_SIZE, "an entry leads elsewhere than a walk");
	broken(entry, real(SIZE, RO | U), "an entry leads out of the machine's RAM");
	broken(entry, real(0xb8000, RO | U), "an entry leads out of the machine's RAM");
	broken(entry, POOL_HPA | RO | U, "an entry leads out of the machine's RAM");
	broken(&pool[shadow.tables - 1][7], PTE_W, "a free table is not clean");
	broken(directory_entry, *directory_entry & ~PTE_U, "an entry is not the user's");
	broken(directory_entry, POOL_HPA | RW | U, "a directory entry leads to no table in use");
	broken(directory_entry, real(0, RW | U), "a directory entry leads to no table in use");
	broken(&pool[ROOT_USER][WINDOW >> 22], 0, "a root's window is not the monitor's");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shadow_test(the_audit_names_what_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
