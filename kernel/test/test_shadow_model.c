/*
 * Shadow tables, whichever way they are kept, against a model of what a TLB may hold, over a long
 * random life of a guest.
 *
 * The guest's side: for every page, each translation that its tables have offered since its last
 * flush, since a TLB may still hold any of these (SDM 3A 4.10.2). The real machine's side: an
 * unfriendly MMU that remembers every directory and page entry it has ever seen, until it is told
 * to forget (4.10.3 allows that too). The rule: whatever that MMU can come to use is on the guest's
 * list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mmu/shadow.h"
#include "test/support.h"
#include "x86/paging.h"

#define SIZE        (2 * MIB)
#define POOL_HPA    0x20000000u
#define POOL        32 /* pages of memory for the shadow at most */
#define DIRECTORIES 2  /* guest page directories, to switch CR3 between */
#define TABLES      3
#define REGIONS     4 /* of 4 MiB, at REGION; the last is in the window */
#define PAGES       4 /* looked at in each region */
#define REGION      0xc0000000u
#define TABLES_AT   0x00110000u
#define MEMORIES    128

static struct gmem mem;
static struct shadow shadow;
static struct paging paging;
static u32 pool[POOL][PT_ENTRIES] __attribute__((aligned(4096)));
static const u32 window[1] = {0x30000000 | PTE_P | PTE_W};
static u32 seed;

static u32 below(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

/* A set of words, each only once. */
struct set {
	unsigned count;
	u32 word[MEMORIES];
};

static void add(struct set *set, u32 word)
{
	for (unsigned i = 0; i < set->count; i++)
		if (set->word[i] == word)
			return;
	assert_true(set->count < MEMORIES);
	set->word[set->count++] = word;
}

/* --- the guest's side: what has been offered -------------------------------------------------- */

/* Translations as words: the guest's frame, and what it allows. */
#define MAY_READ  1u
#define MAY_WRITE 2u
#define IS_LARGE  4u
#define IS_GLOBAL 8u

static struct set offered[ROOT_COUNT][REGIONS][PAGES];

static gva_t address(unsigned region, unsigned page)
{
	return gva(REGION + region * LARGE_PAGE_SIZE + page * PAGE_SIZE);
}

static void offer_now(unsigned region, unsigned page)
{
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		unsigned cpl = root == ROOT_USER ? 3 : 0;
		gva_t at = address(region, page);
		struct walk read = mmu_walk(&mem, &paging, at, ACCESS_READ, cpl, false);
		struct walk write = mmu_walk(&mem, &paging, at, ACCESS_WRITE, cpl, false);

		/* What has not been accessed is in no TLB (4.8): whoever loads it sets A first. */
		if (read.ok && read.directory & read.page & PTE_A)
			add(&offered[root][region][page],
				(read.gpa.v & PTE_FRAME) | MAY_READ |
					(write.ok && write.dirty ? MAY_WRITE : 0) |
					(read.large ? IS_LARGE : 0) |
					(read.global ? IS_GLOBAL : 0));
	}
}

static void offer_all(void)
{
	for (unsigned i = 0; i < REGIONS * PAGES; i++)
		offer_now(i / PAGES, i % PAGES);
}

/* Takes out what has, of the bits in `kind`, just those in `which`. */
static void withdraw_kind(struct set *set, u32 kind, u32 which)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < set->count; i++)
		if ((set->word[i] & kind) != which)
			set->word[kept++] = set->word[i];
	set->count = kept;
}

/* INVLPG: nothing of this page is left, nor of any 4 MiB page that held it. */
static void withdraw(unsigned region, unsigned page)
{
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		offered[root][region][page].count = 0;
		for (unsigned i = 0; i < PAGES; i++)
			withdraw_kind(&offered[root][region][i], IS_LARGE, IS_LARGE);
	}
	offer_all();
}

/* MOV CR3: all but global pages (4.10.4.1). */
static void withdraw_local(void)
{
	for (unsigned i = 0; i < ROOT_COUNT * REGIONS * PAGES; i++)
		withdraw_kind(&offered[i / PAGES / REGIONS][i / PAGES % REGIONS][i % PAGES],
			IS_GLOBAL, 0);
	offer_all();
}

static void withdraw_all(void)
{
	memset(offered, 0, sizeof(offered));
	offer_all();
}

/* --- the real machine's side: an MMU with a long memory --------------------------------------- */

static struct set seen_directory[ROOT_COUNT][REGIONS], seen_page[ROOT_COUNT][REGIONS][PAGES];

static u32 *table_at(u32 entry)
{
	assert_in_range(entry, POOL_HPA, POOL_HPA + shadow.tables * PAGE_SIZE - 1);
	return pool[(entry - POOL_HPA) / PAGE_SIZE];
}

static void see_region(unsigned root, unsigned region)
{
	u32 entry = table_at(shadow_root(&shadow, root).v)[address(region, 0).v >> 22];
	struct set *directory = &seen_directory[root][region];

	if (entry & PTE_P && entry & PTE_U)
		add(directory, entry);
	for (unsigned i = 0; i < directory->count; i++)
		for (unsigned page = 0; page < PAGES; page++) {
			u32 at = address(region, page).v;

			entry = table_at(directory->word[i])[at >> 12 & 0x3ff];
			if (entry & PTE_P && entry & PTE_U)
				add(&seen_page[root][region][page], entry);
		}
}

/* The engine's part: INVLPG, or a load of CR3. */
static void forget_page(unsigned region, unsigned page)
{
	memset(seen_directory, 0, sizeof(seen_directory)); /* SDM 3A 4.10.4.1: all of these */
	for (unsigned root = 0; root < ROOT_COUNT; root++)
		seen_page[root][region][page].count = 0;
}

static void obey_stale(void)
{
	if (!shadow.stale)
		return;
	shadow.stale = false;
	memset(seen_directory, 0, sizeof(seen_directory));
	memset(seen_page, 0, sizeof(seen_page));
}

/* --- the rule --------------------------------------------------------------------------------- */

static bool is_offered(const struct set *set, u32 gfn, u32 right)
{
	for (unsigned i = 0; i < set->count; i++)
		if (set->word[i] >> PAGE_SHIFT == gfn && set->word[i] & right)
			return true;
	return false;
}

static void judge_entry(unsigned root, unsigned region, unsigned page, u32 entry)
{
	u32 frame = (entry & PTE_FRAME) - mem.base.v;
	u32 right = entry & PTE_W ? MAY_WRITE : MAY_READ;

	assert_true(gmem_is_ram(&mem, gpa(frame), PAGE_SIZE));
	if (entry & PTE_W && gmem_watchers(&mem, frame >> PAGE_SHIFT))
		fail_msg("root %u page %#x: watched frame %#x is writable", root,
			address(region, page).v, frame);
	if (!is_offered(&offered[root][region][page], frame >> PAGE_SHIFT, right))
		fail_msg("root %u page %#x: frame %#x, right %u was not offered", root,
			address(region, page).v, frame, right);
}

static void judge(void)
{
	obey_stale();
	for (unsigned i = 0; i < ROOT_COUNT * REGIONS; i++) {
		unsigned root = i / REGIONS, region = i % REGIONS;

		see_region(root, region);
		for (unsigned page = 0; page < PAGES; page++) {
			const struct set *set = &seen_page[root][region][page];

			for (unsigned j = 0; j < set->count; j++)
				judge_entry(root, region, page, set->word[j]);
		}
	}
}

/* --- the guest's life ------------------------------------------------------------------------- */

static u32 random_flags(void)
{
	u32 flags = below(8) ? PTE_P : 0;

	flags |= below(4) ? PTE_W : 0;
	flags |= below(2) ? PTE_U : 0;
	return flags | (below(2) ? PTE_A : 0) | (below(4) ? 0 : PTE_D) | (below(4) ? 0 : PTE_G);
}

static void change_page_entry(void)
{
	static const u32 frames[] = {
		0x1000, 0x2000, 0x3000, 0x150000, 0x151000, 0xb8000, 0x40000000, TABLES_AT};
	u32 at = TABLES_AT + (DIRECTORIES + below(TABLES)) * PAGE_SIZE + 4 * below(PAGES);

	gmem_write32(&mem, gpa(at), frames[below(ARRAY_SIZE(frames))] | random_flags());
}

static void change_directory_entry(void)
{
	u32 at = TABLES_AT + below(DIRECTORIES) * PAGE_SIZE + 4 * ((REGION >> 22) + below(REGIONS));
	u32 entry = TABLES_AT + (DIRECTORIES + below(TABLES)) * PAGE_SIZE;

	if (!below(3))
		entry = PTE_PS | below(2) << 22 | (below(6) ? 0 : 1u << (13 + below(9)));
	gmem_write32(&mem, gpa(at), entry | random_flags());
}

/* The page entry that the real MMU finds now; NULL if no directory entry leads to it. */
static u32 *entry_of(unsigned root, unsigned region, unsigned page)
{
	u32 at = address(region, page).v;
	u32 entry = table_at(shadow_root(&shadow, root).v)[at >> 22];

	if (!(entry & PTE_P) || !(entry & PTE_U))
		return NULL;
	assert_true(entry & PTE_W);
	return &table_at(entry)[at >> 12 & 0x3ff];
}

static bool can_use(unsigned root, unsigned region, unsigned page, enum access access)
{
	const u32 *entry = entry_of(root, region, page);

	return entry && *entry & PTE_P && *entry & PTE_U &&
	       (access != ACCESS_WRITE || *entry & PTE_W);
}

/* How many of the pages that we look at could be used without a fault. */
static unsigned usable(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ROOT_COUNT * REGIONS * PAGES; i++)
		count += can_use(i / PAGES / REGIONS, i / PAGES % REGIONS, i % PAGES, ACCESS_READ);
	return count;
}

static enum shadow_result expected_result(
	const struct walk *walk, unsigned region, enum access access)
{
	if (!walk->ok)
		return SHADOW_FAULT;
	if (region == REGIONS - 1)
		return SHADOW_WINDOW;
	if (!gmem_is_ram(&mem, walk->gpa, 1))
		return SHADOW_DEVICE;
	if (access == ACCESS_WRITE && gmem_watchers(&mem, walk->gpa.v >> PAGE_SHIFT))
		return SHADOW_WATCHED;
	return SHADOW_FILLED;
}

static void touch(void)
{
	unsigned region = below(REGIONS), page = below(PAGES), cpl = below(4);
	enum access access = below(3);
	enum shadow_root root = cpl == 3 ? ROOT_USER : ROOT_KERNEL;
	gva_t at = gva(address(region, page).v + below(PAGE_SIZE));
	enum shadow_result result, want;
	struct walk before, walk, after;

	if (can_use(root, region, page, access)) {
		*entry_of(root, region, page) |= PTE_A; /* that it may is what judge() is for */
		return;
	}
	before = mmu_walk(&mem, &paging, at, access, cpl, false);
	want = expected_result(&before, region, access);
	result = shadow_fault(&shadow, &paging, at, access, cpl, &walk);
	after = mmu_walk(&mem, &paging, at, access, cpl, false);

	assert_int_equal(result, want);
	assert_int_equal(walk.error, before.error);
	assert_int_equal(walk.gpa.v, before.gpa.v);
	if (result == SHADOW_FILLED)
		assert_true(can_use(root, region, page, access));
	if (result == SHADOW_WATCHED)
		assert_true(can_use(root, region, page, ACCESS_READ));
	if (before.ok && access == ACCESS_WRITE)
		assert_true(after.dirty);
	offer_all(); /* its dirty bit is a new offer */
}

static void invlpg(void)
{
	unsigned region = below(REGIONS), page = below(PAGES);
	gva_t at = gva(address(region, page).v + below(PAGE_SIZE));

	withdraw(region, page);
	shadow_invlpg(&shadow, &paging, at);
	forget_page(region, page);
}

static unsigned switches, outlived; /* pages that could be used just after a switch */

static void switch_space(void)
{
	paging.cr3 = TABLES_AT + below(DIRECTORIES) * PAGE_SIZE;
	withdraw_local();
	shadow_switch(&shadow, &paging);
	switches++;
	outlived += usable();
}

static void change_mode(void)
{
	if (below(4)) {
		paging.pge = !paging.pge;
	} else {
		paging.on = below(8);
		paging.wp = below(2);
		paging.pse = below(4);
	}
	withdraw_all();
	shadow_flush(&shadow, &paging);
}

static void return_from_handler(void)
{
	shadow_returned(&shadow, &paging);
}

static void change_watchers(void)
{
	u32 gfn = below(2) ? 1 + below(3) : 0x150 + below(2);

	if (below(2))
		gmem_unwatch(&mem, gfn, WATCH_CODE);
	else if (gmem_watch(&mem, gfn, WATCH_CODE))
		shadow_protect(&shadow, gfn);
}

static void change_tables(void)
{
	if (below(3))
		change_page_entry();
	else
		change_directory_entry();
	offer_all();
}

static void live(unsigned tables, unsigned steps)
{
	static void (*const deeds[])(void) = {touch, touch, touch, touch, touch, touch, touch,
		touch, touch, touch, change_tables, change_tables, invlpg, invlpg, change_watchers,
		return_from_handler};
	const char *broken;

	test_memory(&mem, SIZE);
	shadow_init(&shadow, &mem, pool, hpa(POOL_HPA), shadow_pages(tables));
	assert_in_range(shadow_pages(tables), tables, POOL);
	shadow_set_window(
		&shadow, address(REGIONS - 1, 0).v >> 22, 1, (const u32 *const[]){window, window});
	paging = (struct paging){.on = true, .wp = true, .pse = true, .cr3 = TABLES_AT};
	memset(seen_directory, 0, sizeof(seen_directory));
	memset(seen_page, 0, sizeof(seen_page));
	switches = outlived = 0;
	withdraw_all();
	for (unsigned i = 0; i < steps; i++) {
		if (below(40))
			deeds[below(ARRAY_SIZE(deeds))]();
		else if (below(4))
			switch_space();
		else
			change_mode();
		judge();
		broken = i % 64 ? NULL : shadow_audit(&shadow, NULL);
		if (broken)
			fail_msg("step %u: %s", i, broken);
	}
	test_memory_free(&mem);
}

static void a_long_life_with_a_small_pool(void **state)
{
	seed = 1;
	live(4, 100000);
	assert_true(shadow.counts.evictions > 1000);
	assert_true(shadow.counts.fills > 3000);
	assert_true(shadow.counts.true_faults > 10000);
}

static void a_long_life_with_room(void **state)
{
	seed = 2;
	live(16, 100000);
	assert_true(shadow.counts.fills > 3000);
#ifdef SHADOW_VTLB
	assert_int_equal(outlived, 0);
#else
	assert_in_range(outlived, 2 * switches, 100 * switches);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_life_with_a_small_pool),
		cmocka_unit_test(a_long_life_with_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
