/*
 * The code cache as it changes: what is forgotten when code is written or mapped elsewhere, gates that are opened,
 * and a cache that is full.
 */
#include "test/code_cache.h"

/* Only what was made from the bytes dies; a page that is written again and again dies as a whole. */
static void writes_to_code(void **state)
{
	struct xlate_block *a, *b;

	PUT(AT, "\x40\xc3");
	PUT(AT + 0x40, "\x40\xc3");
	a = translate(AT);
	b = translate(AT + 0x40);
	assert_true(xlate_written(x, FRAME, 2, 0x3e)); /* between them */
	assert_true(xlate_written(x, FRAME + 7, 0, 4) == false);
	assert_false(a->dead || b->dead);
	assert_true(xlate_written(x, FRAME, 1, 1));
	assert_true(a->dead);
	assert_false(b->dead);
	for (unsigned n = 0; n < 16 && !b->dead; n++)
		xlate_written(x, FRAME, 0x80, 4);
	assert_true(b->dead);
	assert_false(xlate_written(x, FRAME, 0x80, 4)); /* nobody is left */
}

static void an_alias_dies_too(void **state)
{
	struct xlate_source from = source(AT);
	struct xlate_block *a = translate(AT), *b;

	from.eip = from.linear = 0x5000;
	b = xlate_translate(x, &from);
	xlate_written(x, FRAME, 0, 4);
	assert_true(a->dead && b->dead);
}

static void a_page_that_is_mapped_elsewhere(void **state)
{
	struct xlate_source from = source(AT);
	struct xlate_block *a = translate(AT), *b;

	xlate_drop_page(x, xlate_find_page(x, AT >> PAGE_SHIFT));
	assert_true(a->dead);
	assert_null(xlate_find(x, AT));
	from.gfn[0] = 0x234;
	b = xlate_translate(x, &from);
	assert_int_equal(b->page[0]->gfn, 0x234);
	assert_false(xlate_written(x, FRAME, 0, 4));
	assert_false(b->dead);
	/* And without being dropped first: what was made from the old frame may not stay. */
	from.eip = from.linear = AT + 1;
	from.gfn[0] = FRAME;
	xlate_translate(x, &from);
	assert_true(b->dead);
}

static unsigned count_pages(void)
{
	struct xlate_page *page = NULL;
	unsigned count = 0;

	while ((page = xlate_next_page(x, page)))
		count++;
	return count;
}

static unsigned count_locals(void)
{
	struct xlate_page *page = NULL;
	unsigned count = 0;

	while ((page = xlate_next_local(x, page)))
		count++;
	return count;
}

static void pages_are_listed(void **state)
{
	struct xlate_source from = source(AT);

	xlate_translate(x, &from);
	for (unsigned n = 1; n < 6; n++) {
		from.eip = from.linear = AT + n * PAGE_SIZE;
		from.gfn[0] = FRAME + n;
		from.global[0] = n & 1;
		xlate_translate(x, &from);
	}
	assert_int_equal(count_pages(), 6);
	assert_int_equal(count_locals(), 3);

	/* One becomes global, of one nothing is left, and both come back. */
	xlate_set_global(x, xlate_find_page(x, (AT >> PAGE_SHIFT) + 2), true);
	xlate_written(x, FRAME + 4, 0, PAGE_SIZE);
	assert_int_equal(count_pages(), 6);
	assert_int_equal(count_locals(), 1);
	xlate_set_global(x, xlate_find_page(x, (AT >> PAGE_SHIFT) + 2), false);
	from.eip = from.linear = AT + 4 * PAGE_SIZE;
	from.gfn[0] = FRAME + 4;
	from.global[0] = false;
	xlate_translate(x, &from);
	assert_int_equal(count_locals(), 3);
}

static void a_gate_is_checked_and_goes(void **state)
{
	struct xlate_source from = source(AT);
	struct xlate_block *b;
	u32 miss = memory.state->slot[AT % XLATE_SLOTS];

	from.indirect = true;
	b = xlate_translate(x, &from);
	assert_int_equal(memory.state->slot[AT % XLATE_SLOTS], b->gate);
	assert_null(xlate_audit(x));
	xlate_written(x, FRAME, 0, 1);
	assert_int_equal(memory.state->slot[AT % XLATE_SLOTS], miss);
	b = translate(AT);
	xlate_open_gate(x, b);
	assert_int_equal(memory.state->slot[AT % XLATE_SLOTS], b->gate);
	memory.state->target = 0x1234;
	expect_place(b->gate, XLATE_INSIDE, 0x1234);
	expect_place(miss, memory.code[miss - HOST] == HLT ? XLATE_INDIRECT : XLATE_INSIDE, 0x1234);
}

/* It never fails: everything goes, and the block at hand is the first of the next filling. */
static void a_full_cache_begins_anew(void **state)
{
	struct xlate_source from = source(AT);

	memset(code, 0x9c, sizeof code); /* PUSHF becomes long */
	for (unsigned n = 0; n < 3000; n++) {
		struct xlate_block *b;

		from.eip = from.linear = AT + n * PAGE_SIZE;
		from.gfn[0] = FRAME + n;
		from.indirect = n & 1;
		b = xlate_translate(x, &from);
		assert_ptr_equal(xlate_find(x, from.eip), b);
		assert_in_range(xlate_used(x), 1, memory.code_bytes);
		assert_true(b->end <= HOST + memory.code_bytes);
		if (n % 50 == 0)
			assert_null(xlate_audit(x));
	}
	assert_in_range(xlate_counts(x)->flushes, 10, 3000);
	assert_int_equal(xlate_counts(x)->blocks, 3000);
	xlate_flush(x);
	assert_null(xlate_find(x, from.eip));
	assert_int_equal(count_pages(), 0);
}

/* Where a gate sends on what it does not let in. */
static u32 behind(u32 gate)
{
	return leads_to(&(struct xlate_exit){.patch = gate + GATE_ELSE});
}

static void gates_that_share_a_slot_are_tried_in_turn(void **state)
{
	const u32 *slot = &memory.state->slot[AT % XLATE_SLOTS];
	struct xlate_source far = source(AT);
	struct xlate_block *a, *b;
	u32 miss = *slot;

	PUT(AT, "\xf4");
	far.eip = far.linear = AT + XLATE_SLOTS;
	a = xlate_open_gate(x, translate(AT));
	b = xlate_open_gate(x, xlate_translate(x, &far));
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(*slot, b->gate);
		assert_int_equal(behind(b->gate), a->gate);
		assert_int_equal(behind(a->gate), miss);
		xlate_open_gate(x, a); /* it is open: nothing changes, and no ring is made */
	}
	xlate_drop_page(x, b->page[0]);
	assert_int_equal(*slot, miss);
	xlate_open_gate(x, a);
	assert_int_equal(*slot, a->gate);
	assert_int_equal(behind(a->gate), miss);
}

/* Short blocks, then long ones for as long as they fit: there is room for half of the gates. */
static void a_gate_without_room_empties_the_cache(void **state)
{
	const struct xlate_block *b = NULL;
	u32 n;

	for (n = 0; n < 500; n++) {
		struct xlate_source from = source(AT + n);

		from.most = 1;
		xlate_translate(x, &from);
	}
	memset(code + PAGE_SIZE, 0x9c, PAGE_SIZE);
	for (n = 0; xlate_used(x) < memory.code_bytes - 3 * PAGE_SIZE; n += 64)
		translate(AT + PAGE_SIZE + n);
	for (n = 0; n < 500; n++) {
		assert_int_equal(xlate_counts(x)->flushes, 0);
		b = xlate_open_gate(x, xlate_find(x, AT + n));
		if (!b)
			break;
		assert_int_equal(memory.state->slot[b->eip % XLATE_SLOTS], b->gate);
	}
	assert_null(b);
	assert_int_equal(xlate_counts(x)->flushes, 1);
	assert_null(xlate_find(x, AT));
	assert_null(xlate_audit(x));
}

#define unit(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {unit(writes_to_code), unit(an_alias_dies_too),
		unit(a_page_that_is_mapped_elsewhere), unit(pages_are_listed),
		unit(a_gate_is_checked_and_goes), unit(gates_that_share_a_slot_are_tried_in_turn),
		unit(a_full_cache_begins_anew),
		cmocka_unit_test_setup_teardown(
			a_gate_without_room_empties_the_cache, start_larger, stop)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
