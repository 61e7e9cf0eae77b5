/*
 * Shadow tables, one behaviour at a time, whichever way they are kept. The test looks at them as the real MMU does: from a root,
 * through directory and table, by host-physical addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mmu/shadow.h"
#ifdef SHADOW_VTLB
#include "mmu/vtlb.h"
#endif
#include "test/support.h"
#include "x86/paging.h"
#include "x86/vector.h"

#define SIZE      (2 * MIB)
#define POOL_HPA  0x20000000u
#define PAGES     64
#define DIRECTORY 0x00110000u
#define TABLE     0x00120000u /* maps [4 MiB, 8 MiB) */
#define FRAMES    0x00130000u /* the frames that tests map lie here */
#define HERE      0x00400000u /* the first page of TABLE */
#define WINDOW    0xe0000000u

#define RW (PTE_P | PTE_W)
#define RO PTE_P
#define U  PTE_U

static struct gmem mem;
static struct shadow shadow;
static struct paging paging;
static struct walk walk;
static u32 pool[PAGES][PT_ENTRIES] __attribute__((aligned(4096)));
static const u32 window[2] = {0x30000000 | PTE_P | PTE_W | PTE_A, 0x30001000 | PTE_P};

/* Guest entries: page `i` of TABLE. */
static void map(unsigned i, u32 entry)
{
	gmem_write32(&mem, gpa(TABLE + 4 * i), entry);
}

static void map_directory(u32 linear, u32 entry)
{
	gmem_write32(&mem, gpa(DIRECTORY + 4 * pde_index(linear)), entry);
}

static int set_up(void **state)
{
	test_memory(&mem, SIZE);
	shadow_init(&shadow, &mem, pool, hpa(POOL_HPA), PAGES);
	shadow_set_window(
		&shadow, WINDOW >> 22, ARRAY_SIZE(window), (const u32 *const[]){window, window});
	paging = (struct paging){.on = true, .wp = true, .pse = true, .cr3 = DIRECTORY};
	map_directory(HERE, TABLE | RW | U);
	return 0;
}

static int tear_down(void **state)
{
	assert_null(shadow_audit(&shadow, NULL));
	test_memory_free(&mem);
	return 0;
}

static enum shadow_result fault(u32 address, enum access access, unsigned cpl)
{
	return shadow_fault(&shadow, &paging, gva(address), access, cpl, &walk);
}

/* The pool's table at a host-physical address, as the real MMU finds it. */
static u32 *table_at(u32 address)
{
	assert_in_range(address, POOL_HPA, POOL_HPA + (shadow.tables - 1) * PAGE_SIZE);
	return pool[(address - POOL_HPA) / PAGE_SIZE];
}

/* What the real MMU finds for an access in ring 3: 0, PTE_P or PTE_P | PTE_W, with the frame. */
static u32 seen(enum shadow_root root, u32 address)
{
	u32 directory_entry = table_at(shadow_root(&shadow, root).v)[address >> 22];
	u32 entry;

	if (!(directory_entry & PTE_P) || !(directory_entry & PTE_U))
		return 0;
	assert_false(directory_entry & PTE_PS);
	entry = table_at(directory_entry & PTE_FRAME)[address >> 12 & 0x3ff];
	if (!(entry & PTE_P) || !(entry & PTE_U))
		return 0;
	return entry & (PTE_FRAME | PTE_P | (directory_entry & PTE_W));
}

/* The real frame of a guest frame, with the rights expected. */
static u32 real(u32 frame, u32 rights)
{
	return (u32)mem.base.v + frame + rights;
}

static void a_read_maps_read_only_until_the_page_is_dirty(void **state)
{
	map(0, FRAMES | RW | U);
	assert_int_equal(fault(HERE + 0x123, ACCESS_READ, 0), SHADOW_FILLED);
	assert_int_equal(walk.gpa.v, FRAMES + 0x123);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RO));
	assert_int_equal(gmem_read32(&mem, gpa(TABLE)), FRAMES | RW | U | PTE_A);

	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RW));
	assert_int_equal(gmem_read32(&mem, gpa(TABLE)), FRAMES | RW | U | PTE_A | PTE_D);

	/* A dirty page is writable at its first read. */
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), real(FRAMES, RW));
	assert_int_equal(shadow.counts.fills, 3);
	assert_null(shadow_audit(&shadow, &paging));
}

static void true_faults_carry_the_guests_error_code(void **state)
{
	map(1, FRAMES | RO | U);
	map(2, FRAMES | RW);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FAULT);
	assert_int_equal(walk.error, PF_WRITE);
	assert_int_equal(fault(HERE + PAGE_SIZE, ACCESS_WRITE, 3), SHADOW_FAULT);
	assert_int_equal(walk.error, PF_PRESENT | PF_WRITE | PF_USER);
	assert_int_equal(fault(HERE + 2 * PAGE_SIZE, ACCESS_READ, 3), SHADOW_FAULT);
	assert_int_equal(walk.error, PF_PRESENT | PF_USER);
	assert_int_equal(shadow.counts.true_faults, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(seen(ROOT_KERNEL, HERE + i * PAGE_SIZE), 0);
}

static void the_user_root_never_holds_supervisor_pages(void **state)
{
	map(0, FRAMES | RW);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FAULT);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RW));
	assert_int_equal(seen(ROOT_USER, HERE), 0);
}

static void without_wp_only_the_kernel_writes_read_only_pages(void **state)
{
	paging.wp = false;
	map(0, FRAMES | RO | U);
	assert_int_equal(fault(HERE, ACCESS_READ, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RO)); /* still clean */
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RW));
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), real(FRAMES, RO)); /* dirty, and not the user's */
	assert_int_equal(fault(HERE, ACCESS_WRITE, 3), SHADOW_FAULT);
	assert_null(shadow_audit(&shadow, &paging));

	/* The engine flushes when CR0.WP changes, or else: */
	paging.wp = true;
	assert_string_equal(shadow_audit(&shadow, &paging), "an entry allows what a walk does not");
	shadow_flush(&shadow, &paging);
	assert_int_equal(fault(HERE, ACCESS_READ, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RO));
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FAULT);
}

static void without_paging_all_ram_is_mapped(void **state)
{
	paging.on = false;
	assert_int_equal(fault(0x1234, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, 0x1000), real(0x1000, RW));
	assert_int_equal(fault(SIZE, ACCESS_READ, 0), SHADOW_DEVICE);
	assert_int_equal(fault(0xb8000, ACCESS_WRITE, 0), SHADOW_DEVICE);
	assert_int_equal(seen(ROOT_KERNEL, 0xb8000), 0);
}

/* Read without an exit, and never written, whatever the guest's own tables allow. */
static void rom_is_mapped_read_only(void **state)
{
	gmem_make_rom(&mem);
	map(0, 0xf1000 | RW | U | PTE_A | PTE_D);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 3), SHADOW_DEVICE);
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), real(0xf1000, RO));
	assert_int_equal(fault(HERE, ACCESS_WRITE, 3), SHADOW_DEVICE);
	assert_null(shadow_audit(&shadow, &paging));
	map(0, 0xbf000 | RW | U | PTE_A | PTE_D);
	shadow_flush(&shadow, &paging);
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_DEVICE);
}

static void what_is_not_ram_is_a_device(void **state)
{
	map(0, 0xb8000 | RW | U);
	map(1, 0xfffff000 | RW);
	assert_int_equal(fault(HERE + 4, ACCESS_WRITE, 3), SHADOW_DEVICE);
	assert_int_equal(walk.gpa.v, 0xb8004);
	assert_int_equal(fault(HERE + PAGE_SIZE, ACCESS_READ, 0), SHADOW_DEVICE);
	assert_int_equal(fault(HERE + PAGE_SIZE, ACCESS_READ, 3), SHADOW_FAULT);
	assert_int_equal(seen(ROOT_KERNEL, HERE), 0);
	assert_int_equal(seen(ROOT_USER, HERE), 0);
	assert_int_equal(seen(ROOT_KERNEL, HERE + PAGE_SIZE), 0);
}

static void the_window_is_the_monitors(void **state)
{
	for (u32 at = WINDOW; at < WINDOW + 3 * LARGE_PAGE_SIZE; at += LARGE_PAGE_SIZE)
		map_directory(at, PTE_PS | RW | U);
	map_directory(WINDOW - 1, PTE_PS | RW | U);
	assert_int_equal(fault(WINDOW, ACCESS_WRITE, 3), SHADOW_WINDOW);
	assert_int_equal(walk.gpa.v, 0);
	assert_int_equal(fault(WINDOW + 2 * LARGE_PAGE_SIZE - 1, ACCESS_READ, 0), SHADOW_WINDOW);
	assert_int_equal(fault(WINDOW - LARGE_PAGE_SIZE, ACCESS_READ, 0), SHADOW_FILLED);
	assert_int_equal(fault(WINDOW + 2 * LARGE_PAGE_SIZE, ACCESS_READ, 0), SHADOW_FILLED);

	/* A guest that maps nothing there faults as it would without a monitor. */
	map_directory(WINDOW, 0);
	assert_int_equal(fault(WINDOW, ACCESS_READ, 0), SHADOW_FAULT);

	shadow_invlpg(&shadow, &paging, gva(WINDOW));
	shadow_flush(&shadow, &paging);
	for (unsigned root = 0; root < ROOT_COUNT; root++)
		for (unsigned i = 0; i < ARRAY_SIZE(window); i++)
			assert_int_equal(pool[root][(WINDOW >> 22) + i], window[i]);
}

static void watched_frames_are_read_only(void **state)
{
	map(0, FRAMES | RW | U);
	assert_true(gmem_watch(&mem, FRAMES >> PAGE_SHIFT, WATCH_DESCRIPTORS));
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_WATCHED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RO));
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), real(FRAMES, RO));

	gmem_unwatch(&mem, FRAMES >> PAGE_SHIFT, WATCH_DESCRIPTORS);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RW));
}

static void a_new_watcher_takes_write_permission_away(void **state)
{
	map(0, FRAMES | RW | U);
	map(1, FRAMES | RW | U); /* the same frame twice */
	map(2, (FRAMES + PAGE_SIZE) | RW | U);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(fault(HERE + i * PAGE_SIZE, ACCESS_WRITE, 0), SHADOW_FILLED);
		assert_int_equal(fault(HERE + i * PAGE_SIZE, ACCESS_WRITE, 3), SHADOW_FILLED);
	}
	assert_true(gmem_watch(&mem, FRAMES >> PAGE_SHIFT, WATCH_CODE));
	assert_string_equal(shadow_audit(&shadow, NULL), "a watched frame is writable");

	shadow.stale = false;
	shadow_protect(&shadow, FRAMES >> PAGE_SHIFT);
	assert_true(shadow.stale);
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		assert_int_equal(seen(root, HERE), real(FRAMES, RO));
		assert_int_equal(seen(root, HERE + PAGE_SIZE), real(FRAMES, RO));
		assert_int_equal(seen(root, HERE + 2 * PAGE_SIZE), real(FRAMES + PAGE_SIZE, RW));
	}
	shadow_protect(&shadow, 0xfffff); /* no RAM, no harm */
}

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
				seen(root, HERE + i * PAGE_SIZE), real(FRAMES + i * PAGE_SIZE, RW));
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
	assert_int_equal(seen(ROOT_USER, HERE), real(FRAMES + PAGE_SIZE, RW));
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
		assert_int_equal(seen(root, HERE + PAGE_SIZE), real(FRAMES + PAGE_SIZE, RW));
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
	assert_int_equal(seen(ROOT_KERNEL, HERE + 0x150000), real(0x150000, RW));

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
	assert_int_equal(seen(ROOT_KERNEL, HERE), real(FRAMES, RW));
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
		assert_int_equal(seen(ROOT_USER, at), real(FRAMES + i % 6 * PAGE_SIZE, RO));
		if (before & ~regions_seen(6))
			assert_true(shadow.stale);
		assert_null(shadow_audit(&shadow, &paging));
	}
	assert_in_range(shadow.counts.evictions, 25, 58);
	assert_int_equal(shadow.counts.flushes, 0);
}

/* Breaks one rule, hears its name, and mends it. */
static void broken(u32 *place, u32 value, const char *rule)
{
	u32 good = *place;

	*place = value;
	assert_string_equal(shadow_audit(&shadow, &paging), rule);
	*place = good;
	assert_null(shadow_audit(&shadow, &paging));
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

#ifdef SHADOW_VTLB
/* --- the log of the virtual TLB --------------------------------------------------------------- */

static void a_full_log_evicts(void **state)
{
	const u32 pages = GMEM_HOLE_START / PAGE_SIZE; /* mapped by each of 32 large pages */

	for (u32 i = 0; i < 32; i++)
		map_directory(i << 22, PTE_PS | RW | U);
	for (u32 i = 0; i < 32 * pages; i++) {
		u32 at = i / pages << 22 | i % pages << 12;

		assert_int_equal(fault(at, ACCESS_READ, 0), SHADOW_FILLED);
		assert_int_equal(seen(ROOT_KERNEL, at), real(i % pages * PAGE_SIZE, RO));
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
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_read_maps_read_only_until_the_page_is_dirty),
		TEST(true_faults_carry_the_guests_error_code),
		TEST(the_user_root_never_holds_supervisor_pages),
		TEST(without_wp_only_the_kernel_writes_read_only_pages),
		TEST(without_paging_all_ram_is_mapped),
		TEST(rom_is_mapped_read_only),
		TEST(what_is_not_ram_is_a_device),
		TEST(the_window_is_the_monitors),
		TEST(watched_frames_are_read_only),
		TEST(a_new_watcher_takes_write_permission_away),
		TEST(after_a_flush_nothing_is_left_that_changed),
		TEST(after_a_switch_only_the_new_space_is_seen),
		TEST(invlpg_drops_one_page_from_both_roots),
		TEST(invlpg_drops_the_whole_of_a_large_page),
		TEST(a_pool_that_is_too_small_evicts),
		TEST(the_audit_names_what_is_broken),
#ifdef SHADOW_VTLB
		TEST(a_full_log_evicts),
		TEST(the_audit_looks_at_the_log),
#endif
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
