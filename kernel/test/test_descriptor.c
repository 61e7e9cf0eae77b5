/*
 * Shadow descriptor tables. The test looks at them as ring 3 of the real processor does: what a load of a
 * selector would find there.
 */
#include "test/guest.h"

#include <stdlib.h>

#include "cpu/descriptor.h"

static struct shadow_tables tables;
static void *memory;
static unsigned writes; /* to watched frames */

static void on_write(struct gmem *m, gpa_t address, u32 bytes, unsigned watchers)
{
	writes += !!(watchers & WATCH_DESCRIPTORS);
}

static int set_up(void **state)
{
	guest_start(state);
	memory = calloc(1, SHADOW_TABLES_BYTES);
	descriptor_init(&tables, memory);
	mem.written = on_write;
	writes = 0;
	return 0;
}

static int tear_down(void **state)
{
	free(memory);
	return guest_stop(state);
}

#define shadow_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static struct descriptor shadow(enum table_level level, u16 selector)
{
	const struct shadow_table *table = selector & SELECTOR_TI ? &tables.ldt : &tables.gdt;

	return table->slot[level][DESCRIPTOR_INDEX(selector)];
}

static bool is_null(struct descriptor d)
{
	return !d.low && !d.high;
}

static u32 attr_of(enum table_level level, u16 selector)
{
	return descriptor_attr(shadow(level, selector));
}

static void rebuild(void)
{
	descriptor_rebuild(&tables, &v, false);
	descriptor_rebuild(&tables, &v, true);
}

static bool is_stand_in(u16 selector)
{
	return (selector & SELECTOR_INDEX) >= SELECTOR_STAND_IN;
}

/* Whether ring 3 may load a selector by itself: SDM 3A 5.5 to 5.8, at CPL 3. */
static bool loadable(enum table_level level, u16 selector, bool code)
{
	u32 attr = attr_of(level, selector), dpl;

	dpl = (attr & ATTR_DPL) >> ATTR_DPL_SHIFT;
	if (!(attr & ATTR_S) || !(attr & ATTR_P) || !(attr & ATTR_CODE) == code)
		return false;
	return dpl == 3 || (code && (attr & ATTR_CONFORM));
}

/* --- promotion -------------------------------------------------------------------------------- */

/* The table of descriptor.h, for every type, level, and state of P and A. */
static void every_descriptor_is_promoted_as_the_table_says(void **state)
{
	for (u32 bits = 0; bits < 256; bits++) {
		struct descriptor d =
			descriptor_make(0x12345678, 0xabcde, bits | ATTR_DB | ATTR_AVL);
		struct descriptor kernel = descriptor_promote(d, TABLE_KERNEL);
		struct descriptor user = descriptor_promote(d, TABLE_USER);
		bool code = bits & ATTR_CODE, accessed = bits & ATTR_ACCESSED;
		bool silent = !code || !(bits & (ATTR_DPL | ATTR_CONFORM));

		if (!(bits & ATTR_S)) {
			assert_true(is_null(kernel) && is_null(user));
			continue;
		}
		assert_int_equal(descriptor_base(kernel), 0x12345678);
		assert_int_equal(descriptor_limit(kernel), 0xabcde);
		assert_int_equal(descriptor_attr(kernel) & ~(ATTR_P | ATTR_DPL),
			(bits | ATTR_DB | ATTR_AVL) & ~(ATTR_P | ATTR_DPL));
		assert_int_equal(descriptor_attr(kernel) & ATTR_DPL, ATTR_DPL);
		assert_int_equal(!!(descriptor_attr(kernel) & ATTR_P),
			(bits & ATTR_P) && accessed && silent);

		if (!accessed)
			d.high &= ~(ATTR_P << 8);
		assert_memory_equal(&user, &d, sizeof d);
	}
}

static void the_kernel_reaches_its_own_the_user_its_own(void **state)
{
	enter_level(3);
	enter_level(0);                          /* all four are accessed now */
	poke(GDT, (u32[]){0xffff, 0xcf9300}, 8); /* number 0 is null, whatever stands there */
	rebuild();
	assert_true(loadable(TABLE_KERNEL, KERNEL_CS, true));
	assert_true(loadable(TABLE_KERNEL, KERNEL_DS, false));
	assert_true(loadable(TABLE_KERNEL, USER_DS, false));
	assert_false(loadable(TABLE_KERNEL, USER_CS, true)); /* IRET to it traps */
	assert_true(loadable(TABLE_USER, USER_CS, true));
	assert_true(loadable(TABLE_USER, USER_DS, false));
	assert_false(loadable(TABLE_USER, KERNEL_CS, true));
	assert_false(loadable(TABLE_USER, KERNEL_DS, false));
	for (unsigned level = 0; level < TABLE_COUNT; level++) {
		assert_true(is_null(shadow(level, 0)));
		assert_true(is_null(shadow(level, TSS_SEL)));
		assert_true(is_null(shadow(level, LDT_SEL)));
	}
}

/* IRET from kernel to user mode in a conforming segment would be silent: it is one level for the real CPU. */
static void conforming_code_is_no_way_out_of_the_kernel(void **state)
{
	put_descriptor(SPARE, 0, FLAT, ATTR_G | CODE_ATTR | ATTR_CONFORM | ATTR_ACCESSED);
	rebuild();
	assert_false(loadable(TABLE_KERNEL, SPARE, true));
	assert_true(loadable(TABLE_USER, SPARE, true));
}

static void an_unaccessed_descriptor_traps_until_it_is_marked(void **state)
{
	put_descriptor(SPARE, 0, FLAT, ATTR_G | DATA_ATTR);
	rebuild();
	assert_false(loadable(TABLE_KERNEL, SPARE, false));
	assert_done(segment_load(&v, DS, SPARE));
	assert_int_equal(writes, 1); /* the accessed bit: the engine hears of it */
	rebuild();
	assert_true(loadable(TABLE_KERNEL, SPARE, false));
	assert_int_equal(descriptor_select(&tables, &v, DS), SPARE);
}

/* --- selectors for the real registers --------------------------------------------------------- */

static void registers_get_their_own_selectors(void **state)
{
	rebuild();
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		u16 selector = descriptor_select(&tables, &v, i);

		assert_int_equal(selector, v.seg[i].selector | (i == CS || i == SS ? 3 : 0));
		assert_true(loadable(TABLE_KERNEL, selector, i == CS));
	}
	enter_level(3);
	rebuild();
	assert_int_equal(descriptor_select(&tables, &v, CS), USER_CS);
	assert_int_equal(descriptor_select(&tables, &v, SS), USER_DS);
	v.seg[GS] = (struct segment){.selector = 2};
	assert_int_equal(descriptor_select(&tables, &v, GS), 2);
}

static void assert_stands_for(enum table_level level, u16 selector, const struct segment *s)
{
	struct descriptor d = shadow(level, selector);

	assert_true(is_stand_in(selector));
	assert_int_equal(selector & SELECTOR_RPL, 3);
	assert_int_equal(descriptor_base(d), s->base);
	assert_int_equal(descriptor_limit(d), s->limit);
	assert_true(loadable(level, selector, segment_is_code(s)));
}

/* LGDT changes no segment register: what they hold may be in no table any more (SDM 2A LGDT). */
static void after_lgdt_old_registers_get_stand_ins(void **state)
{
	struct segment old = v.seg[DS];

	rebuild();
	v.gdtr.base = DATA;
	poke(DATA + KERNEL_CS, (u32[]){0xffff, 0xcf9b00, 0xffff, 0x409301}, 16);
	descriptor_rebuild(&tables, &v, false);
	assert_int_equal(descriptor_select(&tables, &v, CS), KERNEL_CS | 3); /* the same again */
	assert_stands_for(TABLE_KERNEL, descriptor_select(&tables, &v, DS), &old);
	assert_true(is_null(shadow(TABLE_KERNEL, KERNEL_DS))); /* so that a load of it traps */

	assert_done(segment_load(&v, DS, KERNEL_DS));
	assert_int_equal(v.seg[DS].base, 0x10000);
	assert_int_equal(descriptor_select(&tables, &v, DS), KERNEL_DS);
	assert_int_equal(descriptor_base(shadow(TABLE_KERNEL, KERNEL_DS)), 0x10000);
	assert_stands_for(TABLE_KERNEL, descriptor_select(&tables, &v, ES), &old);
}

static void a_change_in_memory_makes_a_register_stale(void **state)
{
	struct segment old;

	put_descriptor(SPARE, 0x1000, 0xfff, DATA_ATTR);
	assert_done(segment_load(&v, FS, SPARE));
	old = v.seg[FS];
	rebuild();
	assert_int_equal(descriptor_select(&tables, &v, FS), SPARE);
	writes = 0;
	put_descriptor(SPARE, 0x2000, 0xfff, DATA_ATTR | ATTR_ACCESSED);
	assert_int_equal(writes, 1);
	rebuild();
	assert_stands_for(TABLE_KERNEL, descriptor_select(&tables, &v, FS), &old);
}

static void each_register_has_a_stand_in_of_its_own(void **state)
{
	u16 seen[SREG_COUNT];

	rebuild();
	v.gdtr.limit = 0;
	descriptor_rebuild(&tables, &v, false);
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		v.seg[i].base = i << 16;
		seen[i] = descriptor_select(&tables, &v, i);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
	for (unsigned i = 0; i < SREG_COUNT; i++)
		assert_stands_for(TABLE_KERNEL, seen[i], &v.seg[i]);
}

/* A guest's table of 8192 descriptors does not reach the monitor's own slots. */
static void a_full_table_leaves_the_monitors_slots_alone(void **state)
{
	struct descriptor own = descriptor_make(0xe0000000, 0xfff, ATTR_P | TYPE_TSS32_BUSY);
	u32 full = 0x40000;

	for (u16 i = 0; i < GDT_ENTRIES; i++) {
		struct descriptor d = descriptor_make(i, 0xfff, DATA_ATTR | ATTR_ACCESSED);

		poke(full + i * 8u, &d, sizeof d);
	}
	for (unsigned i = DESCRIPTOR_INDEX(SELECTOR_MONITOR); i < GDT_ENTRIES; i++)
		tables.gdt.slot[TABLE_KERNEL][i] = own;
	v.gdtr = (struct table_register){0xffff, full};
	rebuild();
	assert_int_equal(descriptor_base(shadow(TABLE_KERNEL, SELECTOR_MONITOR - 8)),
		DESCRIPTOR_INDEX(SELECTOR_MONITOR) - 1);
	for (unsigned i = DESCRIPTOR_INDEX(SELECTOR_MONITOR); i < GDT_ENTRIES; i++)
		assert_memory_equal(&tables.gdt.slot[TABLE_KERNEL][i], &own, sizeof own);

	/* The guest's descriptor of such a number is loaded by emulation, and stood in for. */
	assert_done(segment_load(&v, DS, SELECTOR_MONITOR));
	assert_stands_for(TABLE_KERNEL, descriptor_select(&tables, &v, DS), &v.seg[DS]);
	assert_memory_equal(&tables.gdt.slot[TABLE_KERNEL][DESCRIPTOR_INDEX(SELECTOR_MONITOR)],
		&own, sizeof own);

	v.gdtr.limit = GDT_LIMIT; /* a smaller table: the rest is gone */
	rebuild();
	assert_true(is_null(shadow(TABLE_KERNEL, GDT_LIMIT + 1)));
	assert_true(is_null(shadow(TABLE_USER, SELECTOR_MONITOR - 8)));
}

/* --- the LDT ---------------------------------------------------------------------------------- */

static void the_ldt_has_shadows_too(void **state)
{
	put_descriptor(LOCAL, 0x100, 0xfff, DATA_ATTR | ATTR_ACCESSED); /* number 0 counts here */
	put_descriptor(LOCAL | 8, 0x100, 0xfff, DATA_ATTR | ATTR_ACCESSED);
	put_descriptor(LOCAL | 0x38, 0x200, 0xfff, DATA_ATTR | DPL(3) | ATTR_ACCESSED);
	rebuild();
	assert_true(loadable(TABLE_KERNEL, LOCAL, false));
	assert_true(loadable(TABLE_USER, LOCAL | 0x38, false));
	assert_false(loadable(TABLE_USER, LOCAL, false));
	assert_done(segment_load(&v, ES, LOCAL));
	assert_int_equal(descriptor_select(&tables, &v, ES), LOCAL);

	v.ldtr.limit = 0x37;
	rebuild();
	assert_true(is_null(shadow(TABLE_USER, LOCAL | 0x38)));
	v.ldtr.attr = 0; /* LLDT 0 */
	rebuild();
	assert_true(is_null(shadow(TABLE_KERNEL, LOCAL)));
	assert_true(is_null(shadow(TABLE_KERNEL, LOCAL | 8)));
	assert_stands_for(TABLE_KERNEL, descriptor_select(&tables, &v, ES), &v.seg[ES]);
}

/* --- frames ----------------------------------------------------------------------------------- */

static bool watched(u32 address)
{
	return gmem_watchers(&mem, address >> PAGE_SHIFT) & WATCH_DESCRIPTORS;
}

static void the_tables_frames_are_watched_while_they_hold_them(void **state)
{
	assert_true(descriptor_rebuild(&tables, &v, false));
	assert_true(descriptor_rebuild(&tables, &v, true));
	assert_true(watched(GDT) && watched(LDT));
	assert_false(watched(IDT) || watched(TSS));
	assert_true(descriptor_lies_in(&tables, GDT >> PAGE_SHIFT, false));
	assert_false(descriptor_lies_in(&tables, GDT >> PAGE_SHIFT, true));
	assert_true(descriptor_lies_in(&tables, LDT >> PAGE_SHIFT, true));
	assert_false(descriptor_rebuild(&tables, &v, false)); /* nothing new */

	/* Both in one frame: when one leaves, the other's is still watched. */
	v.gdtr.base = LDT + 0x800;
	assert_false(descriptor_located(&tables, &v, false));
	descriptor_rebuild(&tables, &v, false);
	assert_true(descriptor_located(&tables, &v, false));
	assert_false(watched(GDT));
	v.gdtr.base = GDT;
	assert_true(descriptor_rebuild(&tables, &v, false));
	assert_true(watched(GDT) && watched(LDT));
	v.ldtr = (struct segment){0};
	descriptor_rebuild(&tables, &v, true);
	assert_false(watched(LDT));
}

static void a_table_may_cross_pages_that_do_not_lie_together(void **state)
{
	struct descriptor d = descriptor_make(0x12345678, 0xabcde, DATA_ATTR | ATTR_ACCESSED);
	u32 base = 0x20000 - 0x44; /* SPARE begins 4 bytes before the page's end */

	paging_on();
	map_page(0x20000, 0x30000 | PTE_P);
	v.gdtr = (struct table_register){GDT_LIMIT, base};
	poke(base + SPARE, &d, 4);
	poke(0x30000, (u8 *)&d + 4, 4);
	poke(0x30000 + 4, &d, 8); /* the next descriptor, all in the second page */
	rebuild();
	assert_int_equal(descriptor_base(shadow(TABLE_KERNEL, SPARE)), 0x12345678);
	assert_int_equal(descriptor_base(shadow(TABLE_KERNEL, SPARE + 8)), 0x12345678);
	assert_true(watched(0x1f000) && watched(0x30000));
	assert_false(watched(0x20000));
	assert_int_equal(peek32(TABLE + 0x20 * 4) & PTE_A, 0); /* no trace in the guest's tables */

	/* Not there, or mapped elsewhere: loads of it trap, and the engine can tell. */
	map_page(0x20000, 0);
	assert_false(descriptor_located(&tables, &v, false));
	rebuild();
	assert_true(is_null(shadow(TABLE_KERNEL, SPARE)));
	assert_true(is_null(shadow(TABLE_KERNEL, SPARE + 8)));
	assert_false(watched(0x30000));
	map_page(0x20000, 0x31000 | PTE_P);
	assert_false(descriptor_located(&tables, &v, false));
}

/* Sixteen pages that begin in the middle of one: seventeen frames. */
static void the_longest_table_touches_seventeen_frames(void **state)
{
	v.gdtr = (struct table_register){0xffff, 0x40ffc};
	rebuild();
	assert_int_equal(tables.gdt.frames, 17);
	assert_true(watched(0x40000) && watched(0x50000));
	assert_false(watched(0x51000));
	v.gdtr = (struct table_register){0xffff, 0x40000};
	rebuild();
	assert_int_equal(tables.gdt.frames, 16);
	v.gdtr = (struct table_register){6, GDT}; /* not one descriptor */
	rebuild();
	assert_int_equal(tables.gdt.frames, 0);
	v.gdtr = (struct table_register){
		0xffff, 0xfffff000}; /* round the end of memory: no RAM there */
	rebuild();
	assert_true(is_null(shadow(TABLE_KERNEL, KERNEL_CS)));
}

/* --- loads without a trap --------------------------------------------------------------------- */

static void the_vcpu_follows_silent_loads(void **state)
{
	put_descriptor(SPARE, 0x1000, 0xfff, DATA_ATTR | ATTR_ACCESSED);
	rebuild();
	descriptor_follow(&tables, &v, ES, SPARE | 1);
	assert_int_equal(v.seg[ES].selector, SPARE | 1);
	assert_int_equal(v.seg[ES].base, 0x1000);
	assert_int_equal(v.seg[ES].attr, DATA_ATTR | ATTR_ACCESSED);
	descriptor_follow(&tables, &v, ES, 3);
	assert_int_equal(v.seg[ES].selector, 3);
	assert_int_equal(v.seg[ES].attr, 0);
	/* The real RPL is 3, the guest's is its own. */
	descriptor_follow(&tables, &v, CS, KERNEL_CS | 3);
	assert_int_equal(v.seg[CS].selector, KERNEL_CS);
	enter_level(3);
	descriptor_follow(&tables, &v, SS, USER_DS);
	assert_int_equal(v.seg[SS].selector, USER_DS);
}

/* Nothing that the guest does to its memory may give a register what no processor would load. */
static void what_was_loaded_is_what_the_slot_held(void **state)
{
	put_descriptor(SPARE, 0x1000, 0xfff, DATA_ATTR | ATTR_ACCESSED);
	rebuild();
	put_descriptor(SPARE, 0x2000, 0xfff, ATTR_P | TYPE_TSS32); /* and nobody has told us */
	descriptor_follow(&tables, &v, ES, SPARE);
	assert_int_equal(v.seg[ES].base, 0x1000);
	assert_true(v.seg[ES].attr & ATTR_S);

	/* A stand-in's number, which the guest has a descriptor of its own for. */
	v.gdtr.limit = 0xffff;
	v.seg[DS] = (struct segment){SPARE + 8, DATA_ATTR | ATTR_ACCESSED, 0x3000, 0xfff};
	u16 stand_in = descriptor_select(&tables, &v, DS);
	assert_true(is_stand_in(stand_in));
	put_descriptor(stand_in & SELECTOR_INDEX, 0x2000, 0xfff, ATTR_P | TYPE_TSS32);
	descriptor_follow(&tables, &v, FS, stand_in);
	assert_int_equal(v.seg[FS].base, 0x3000);
	assert_true(v.seg[FS].attr & ATTR_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		shadow_test(every_descriptor_is_promoted_as_the_table_says),
		shadow_test(the_kernel_reaches_its_own_the_user_its_own),
		shadow_test(conforming_code_is_no_way_out_of_the_kernel),
		shadow_test(an_unaccessed_descriptor_traps_until_it_is_marked),
		shadow_test(registers_get_their_own_selectors),
		shadow_test(after_lgdt_old_registers_get_stand_ins),
		shadow_test(a_change_in_memory_makes_a_register_stale),
		shadow_test(each_register_has_a_stand_in_of_its_own),
		shadow_test(a_full_table_leaves_the_monitors_slots_alone),
		shadow_test(the_ldt_has_shadows_too),
		shadow_test(the_tables_frames_are_watched_while_they_hold_them),
		shadow_test(a_table_may_cross_pages_that_do_not_lie_together),
		shadow_test(the_longest_table_touches_seventeen_frames),
		shadow_test(the_vcpu_follows_silent_loads),
		shadow_test(what_was_loaded_is_what_the_slot_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
