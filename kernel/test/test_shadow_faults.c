/*
 * What a page fault enters into the shadow tables, whichever way they are kept: the guest's page with its
 * rights, or nothing, because it is a fault, a device, the monitor's window or watched.
 */
#include "test/shadow_tables.h"

static void a_read_maps_read_only_until_the_page_is_dirty(void **state)
{
	map(0, FRAMES | RW | U);
	assert_int_equal(fault(HERE + 0x123, ACCESS_READ, 0), SHADOW_FILLED);
	assert_int_equal(walk.gpa.v, FRAMES + 0x123);
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RO);
	assert_int_equal(gmem_read32(&mem, gpa(TABLE)), FRAMES | RW | U | PTE_A);

	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RW);
	assert_int_equal(gmem_read32(&mem, gpa(TABLE)), FRAMES | RW | U | PTE_A | PTE_D);

	/* A dirty page is writable at its first read. */
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), FRAMES | RW);
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
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RW);
	assert_int_equal(seen(ROOT_USER, HERE), 0);
}

static void without_wp_only_the_kernel_writes_read_only_pages(void **state)
{
	paging.wp = false;
	map(0, FRAMES | RO | U);
	assert_int_equal(fault(HERE, ACCESS_READ, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RO); /* still clean */
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RW);
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), FRAMES | RO); /* dirty, and not the user's */
	assert_int_equal(fault(HERE, ACCESS_WRITE, 3), SHADOW_FAULT);
	assert_null(shadow_audit(&shadow, &paging));

	/* The engine flushes when CR0.WP changes, or else: */
	paging.wp = true;
	assert_string_equal(shadow_audit(&shadow, &paging), "an entry allows what a walk does not");
	shadow_flush(&shadow, &paging);
	assert_int_equal(fault(HERE, ACCESS_READ, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RO);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FAULT);
}

static void without_paging_all_ram_is_mapped(void **state)
{
	paging.on = false;
	assert_int_equal(fault(0x1234, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, 0x1000), 0x1000 | RW);
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
	assert_int_equal(seen(ROOT_USER, HERE), 0xf1000 | RO);
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
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RO);
	assert_int_equal(fault(HERE, ACCESS_READ, 3), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_USER, HERE), FRAMES | RO);

	gmem_unwatch(&mem, FRAMES >> PAGE_SHIFT, WATCH_DESCRIPTORS);
	assert_int_equal(fault(HERE, ACCESS_WRITE, 0), SHADOW_FILLED);
	assert_int_equal(seen(ROOT_KERNEL, HERE), FRAMES | RW);
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
		assert_int_equal(seen(root, HERE), FRAMES | RO);
		assert_int_equal(seen(root, HERE + PAGE_SIZE), FRAMES | RO);
		assert_int_equal(seen(root, HERE + 2 * PAGE_SIZE), (FRAMES + PAGE_SIZE) | RW);
	}
	shadow_protect(&shadow, 0xfffff); /* no RAM, no harm */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shadow_test(a_read_maps_read_only_until_the_page_is_dirty),
		shadow_test(true_faults_carry_the_guests_error_code),
		shadow_test(the_user_root_never_holds_supervisor_pages),
		shadow_test(without_wp_only_the_kernel_writes_read_only_pages),
		shadow_test(without_paging_all_ram_is_mapped),
		shadow_test(rom_is_mapped_read_only),
		shadow_test(what_is_not_ram_is_a_device),
		shadow_test(the_window_is_the_monitors),
		shadow_test(watched_frames_are_read_only),
		shadow_test(a_new_watcher_takes_write_permission_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
