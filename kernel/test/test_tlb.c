/*
 * The TLB of the emulated accesses: what it gives must have been offered by the guest's tables since
 * their last flush (SDM 3A 4.10), and it must remember what was walked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mmu/tlb.h"
#include "test/support.h"

#define SIZE      (2 * MIB)
#define DIRECTORY 0x00110000u
#define TABLE     0x00120000u /* maps [4 MiB, 8 MiB) */
#define HERE      0x00400000u
#define FRAME     0x00130000u

#define RW (PTE_P | PTE_W)
#define RO PTE_P
#define U  PTE_U

static struct gmem mem;
static struct paging paging;
static struct tlb tlb;

static int set_up(void **state)
{
	test_memory(&mem, SIZE);
	memset(&tlb, 0, sizeof tlb);
	paging = (struct paging){.on = true, .wp = true, .pse = true, .cr3 = DIRECTORY};
	gmem_write32(&mem, gpa(DIRECTORY + 4 * pde_index(HERE)), TABLE | RW | U);
	return 0;
}

static int tear_down(void **state)
{
	test_memory_free(&mem);
	return 0;
}

static void map(unsigned page, u32 entry)
{
	gmem_write32(&mem, gpa(TABLE + 4 * page), entry);
}

/* An access as cpu/access.c makes it: true if it needed a walk. The walk must be allowed. */
static bool walked(u32 address, enum access access, unsigned cpl)
{
	struct walk walk;

	if (tlb_find(&tlb, gva(address), access, cpl))
		return false;
	walk = mmu_walk(&mem, &paging, gva(address), access, cpl, true);
	assert_true(walk.ok);
	tlb_enter(&tlb, &mem, &paging, gva(address), &walk);
	assert_non_null(tlb_find(&tlb, gva(address), access, cpl));
	return true;
}

static u32 found(u32 address, enum access access, unsigned cpl)
{
	const struct tlb_entry *e = tlb_find(&tlb, gva(address), access, cpl);

	return e ? e->frame & PTE_FRAME : 0;
}

static void an_empty_one_finds_nothing(void **state)
{
	for (u32 page = 0; page < 2 * TLB_ENTRIES; page++)
		assert_null(tlb_find(&tlb, gva(page << PAGE_SHIFT), ACCESS_READ, 0));
	assert_null(tlb_find(&tlb, gva(0xfffff000), ACCESS_READ, 0));
}

static void a_clean_page_is_walked_once_more_for_its_first_write(void **state)
{
	map(0, FRAME | RW | U);
	assert_true(walked(HERE + 5, ACCESS_READ, 0));
	assert_false(walked(HERE, ACCESS_FETCH, 3)); /* a user page, and accessed */
	assert_true(walked(HERE, ACCESS_WRITE, 0));
	assert_int_equal(gmem_read32(&mem, gpa(TABLE)), FRAME | RW | U | PTE_A | PTE_D);
	assert_false(walked(HERE, ACCESS_WRITE, 3));
	assert_int_equal(found(HERE, ACCESS_WRITE, 3), FRAME);
	assert_ptr_equal(
		tlb_find(&tlb, gva(HERE), ACCESS_READ, 0)->at, mem.map(&mem, FRAME >> PAGE_SHIFT));
}

static void rights_are_the_manuals(void **state)
{
	map(0, FRAME | RW | PTE_D);
	map(1, FRAME | RO | U | PTE_D);
	walked(HERE, ACCESS_READ, 0);
	walked(HERE + PAGE_SIZE, ACCESS_READ, 0);
	assert_int_equal(found(HERE, ACCESS_WRITE, 0), FRAME);
	assert_int_equal(found(HERE, ACCESS_READ, 3), 0);
	assert_int_equal(found(HERE, ACCESS_WRITE, 3), 0);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_READ, 3), FRAME);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_WRITE, 0), 0);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_WRITE, 3), 0);

	paging.wp = false;
	tlb_flush(&tlb);
	walked(HERE + PAGE_SIZE, ACCESS_READ, 0);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_WRITE, 0), FRAME);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_WRITE, 3), 0);
}

static void a_switch_drops_all_but_global_pages(void **state)
{
	paging.pge = true;
	map(0, FRAME | RW);
	map(1, FRAME | RW | PTE_G);
	map(2, FRAME | RW);
	walked(HERE + 2 * PAGE_SIZE, ACCESS_READ, 0);
	for (unsigned i = 0; i < 3 * TLB_GLOBAL; i++) { /* generations come round */
		walked(HERE, ACCESS_READ, 0);
		walked(HERE + PAGE_SIZE, ACCESS_READ, 0);
		tlb_switch(&tlb);
		assert_int_equal(found(HERE, ACCESS_READ, 0), 0);
		assert_int_equal(found(HERE + 2 * PAGE_SIZE, ACCESS_READ, 0), 0);
		if (tlb.switches)
			assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_READ, 0), FRAME);
	}
	tlb_flush(&tlb);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_READ, 0), 0);
}

static void invlpg_drops_one_page_or_all_of_a_large_one(void **state)
{
	map(0, FRAME | RW);
	map(1, FRAME | RW);
	walked(HERE, ACCESS_READ, 0);
	walked(HERE + PAGE_SIZE, ACCESS_READ, 0);
	tlb_invlpg(&tlb, gva(HERE + TLB_ENTRIES * PAGE_SIZE)); /* of the same place */
	assert_int_equal(found(HERE, ACCESS_READ, 0), FRAME);
	assert_int_equal(found(HERE + TLB_ENTRIES * PAGE_SIZE, ACCESS_READ, 0), 0);
	tlb_invlpg(&tlb, gva(HERE + 0xfff));
	assert_int_equal(found(HERE, ACCESS_READ, 0), 0);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_READ, 0), FRAME);

	gmem_write32(&mem, gpa(DIRECTORY + 4 * pde_index(HERE)), PTE_PS | RW);
	walked(HERE + 3 * PAGE_SIZE, ACCESS_READ, 0);
	walked(HERE + 5 * PAGE_SIZE, ACCESS_READ, 0);
	tlb_invlpg(&tlb, gva(HERE + 7 * PAGE_SIZE));
	assert_int_equal(found(HERE + 3 * PAGE_SIZE, ACCESS_READ, 0), 0);
	assert_int_equal(found(HERE + 5 * PAGE_SIZE, ACCESS_READ, 0), 0);
	assert_int_equal(found(HERE + PAGE_SIZE, ACCESS_READ, 0), FRAME);
}

static void what_is_not_ram_is_found_without_that_mark(void **state)
{
	map(0, 0xb8000 | RW);
	walked(HERE, ACCESS_WRITE, 0);
	assert_int_equal(found(HERE, ACCESS_WRITE, 0), 0xb8000);
	assert_null(tlb_find(&tlb, gva(HERE), ACCESS_WRITE, 0)->at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(an_empty_one_finds_nothing),
		TEST(a_clean_page_is_walked_once_more_for_its_first_write),
		TEST(rights_are_the_manuals),
		TEST(a_switch_drops_all_but_global_pages),
		TEST(invlpg_drops_one_page_or_all_of_a_large_one),
		TEST(what_is_not_ram_is_found_without_that_mark),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
