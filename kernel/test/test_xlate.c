/*
 * The code cache: what is found, linked, traced back and forgotten. What translated code does when it
 * runs is test_xlate_unicorn.c's.
 */
#include "test/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xlate/cache.h"

#define AT    0xc0100000u /* where the guest's code is linked, frame 0x100 */
#define HOST  0x70000000u
#define HLT   0xf4
#define FRAME 0x100u

static u8 code[2 * PAGE_SIZE]; /* two pages of the guest's, next to each other */
static struct xlate_memory memory;
static struct xlate *x;

/* The host address of guest instruction EIP in the block, or 0 if none begins there. */
static u32 host_of(const struct xlate_block *b, u32 eip)
{
	u32 host = b->host, at = b->eip;

	for (unsigned i = 0; i < b->count; i++) {
		if (at == eip)
			return host;
		at += b->map[i].guest & ~XLATE_COVERED;
		host += b->map[i].host;
	}
	return 0;
}

static int start_with(u32 code_bytes)
{
	memset(code, 0x90, sizeof code);
	memory = (struct xlate_memory){
		.code = calloc(1, code_bytes),
		.code_address = HOST,
		.code_bytes = code_bytes,
		.state = calloc(1, sizeof *memory.state),
		.records = calloc(1, xlate_record_bytes(code_bytes)),
	};
	x = xlate_init(&memory);
	return 0;
}

static int start(void **state)
{
	return start_with(XLATE_CODE_MIN);
}

static int start_larger(void **state)
{
	return start_with(4 * XLATE_CODE_MIN);
}

static int stop(void **state)
{
	assert_null(xlate_audit(x));
	free(memory.code);
	free(memory.state);
	free(memory.records);
	return 0;
}

static struct xlate_source source(u32 eip)
{
	u32 offset = eip - AT, rest = PAGE_SIZE - offset % PAGE_SIZE;
	struct xlate_source from = {
		.eip = eip,
		.linear = eip,
		.limit = ~0u,
		.code = code + offset,
		.bytes = rest,
		.gfn = {FRAME + offset / PAGE_SIZE, FRAME + offset / PAGE_SIZE + 1},
	};

	if (offset < PAGE_SIZE) {
		from.next_bytes = sizeof from.next;
		memcpy(from.next, code + PAGE_SIZE, sizeof from.next);
	}
	return from;
}

static struct xlate_block *translate(u32 eip)
{
	struct xlate_source from = source(eip);

	return xlate_translate(x, &from);
}

static void put(u32 eip, const char *bytes, unsigned count)
{
	memcpy(code + (eip - AT), bytes, count);
}

#define PUT(eip, bytes) put(eip, bytes, sizeof(bytes) - 1)

/* Where the jump of an exit leads now. */
static u32 leads_to(const struct xlate_exit *exit)
{
	s32 displacement;

	memcpy(&displacement, memory.code + (exit->patch - HOST), 4);
	return exit->patch + 4 + displacement;
}

static void expect_place(u32 host, enum xlate_place place, u32 eip)
{
	struct xlate_where w = *xlate_where(x, host);

	assert_int_equal(w.place, place);
	assert_int_equal(w.eip, eip);
}

static void a_block_is_found(void **state)
{
	struct xlate_block *b;

	PUT(AT, "\x40\x43\xeb\x10"); /* inc %eax; inc %ebx; jmp +16 */
	assert_null(xlate_find(x, AT));
	b = translate(AT);
	assert_ptr_equal(xlate_find(x, AT), b);
	assert_null(xlate_find(x, AT + 1));
	assert_int_equal(b->count, 3);
	assert_int_equal(b->guest_bytes, 4);
	assert_int_equal(b->exits, 1);
	assert_int_equal(b->exit->target, AT + 0x14);
	assert_int_equal(memory.code[b->exit->halt - HOST], HLT);
	assert_int_equal(leads_to(b->exit), b->exit->halt);
	assert_ptr_equal(b->page[0], xlate_find_page(x, AT >> PAGE_SHIFT));
	assert_int_equal(b->page[0]->gfn, FRAME);
	assert_null(b->page[1]);
}

/* Each byte of host code belongs to one place; each instruction has one clean address. */
static void every_host_address_has_a_place(void **state)
{
	struct xlate_block *b;
	unsigned clean = 0, exits = 0;
	u32 last = AT;

	PUT(AT, "\x9c\xfa\xa1\x00\x10\x00\x00\x9d\x74\x05"); /* pushf cli mov popf je */
	b = translate(AT);
	for (u32 host = b->host; host < b->end; host++) {
		struct xlate_where w = *xlate_where(x, host);

		assert_ptr_equal(w.block, b);
		clean += w.place == XLATE_CLEAN;
		exits += w.place == XLATE_EXIT;
		if (w.place == XLATE_CLEAN) {
			assert_true(w.eip >= last);
			assert_int_equal(host_of(b, w.eip), host);
			last = w.eip;
		}
		if (w.place == XLATE_EXIT)
			assert_int_equal(w.exit->halt, host);
	}
	assert_int_equal(clean, b->count);
	assert_int_equal(exits, 2);
	assert_int_equal(host_of(b, AT + 3), 0); /* in the middle of the MOV */
	expect_place(HOST + memory.code_bytes, XLATE_NOWHERE, 0);
	expect_place(HOST - 1, XLATE_NOWHERE, 0);
}

static void sti_covers_the_next(void **state)
{
	struct xlate_block *b;
	struct xlate_source from;

	PUT(AT, "\xfb\x40\x43\xc3"); /* sti; inc %eax; inc %ebx; ret */
	b = translate(AT);
	expect_place(host_of(b, AT), XLATE_CLEAN, AT);
	expect_place(host_of(b, AT + 1), XLATE_COVERS, AT + 1);
	expect_place(host_of(b, AT + 2), XLATE_CLEAN, AT + 2);
	/* Where a block ends with STI the next one would not know: it traps. */
	xlate_flush(x);
	from = source(AT);
	from.most = 1;
	b = xlate_translate(x, &from);
	assert_int_equal(b->count, 1);
	assert_int_equal(memory.code[b->host - HOST], HLT);
}

static void blocks_of_one_instruction(void **state)
{
	struct xlate_source from = source(AT);
	struct xlate_block *b;

	from.most = 1;
	b = xlate_translate(x, &from);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->guest_bytes, 1);
	assert_int_equal(b->exits, 1);
	assert_int_equal(b->exit->target, AT + 1);
}

static void nothing_is_made_of_no_instruction(void **state)
{
	struct xlate_source from;

	PUT(AT, "\x0f\x0c"); /* no instruction has this opcode */
	assert_null(translate(AT));
	PUT(AT, "\x0f\xff");
	from = source(AT);
	from.limit = AT - 1;
	assert_null(xlate_translate(x, &from));
	/* A page that ends in the middle of one, and the next that cannot be fetched. */
	PUT(AT + PAGE_SIZE - 2, "\xb8\x01");
	from = source(AT + PAGE_SIZE - 2);
	from.next_bytes = 0;
	assert_null(xlate_translate(x, &from));
	assert_null(xlate_find(x, AT + PAGE_SIZE - 2));
}

/* The block before it ends in front of it: it may still be skipped, and fault when it is reached. */
static void an_invalid_instruction_ends_a_block(void **state)
{
	struct xlate_block *b;

	PUT(AT, "\x40\x0f\x0c");
	b = translate(AT);
	assert_int_equal(b->guest_bytes, 1);
	assert_int_equal(b->exit[b->exits - 1].target, AT + 1);
}

static void the_last_instruction_may_cross_a_page(void **state)
{
	u32 at = AT + PAGE_SIZE - 3;
	struct xlate_block *b;

	PUT(at, "\x40\xb8\x01\x02\x03\x04\x43"); /* inc; mov $0x04030201, %eax; inc */
	b = translate(at);
	assert_int_equal(b->guest_bytes, 6);
	assert_int_equal(b->page[1]->gfn, FRAME + 1);
	/* It dies by a write to its part of the second page, not by one behind it. */
	assert_true(xlate_written(x, FRAME + 1, 3, 1));
	assert_false(b->dead);
	xlate_written(x, FRAME + 1, 2, 1);
	assert_true(b->dead);
	assert_null(xlate_find(x, at));
	assert_null(xlate_audit(x));
}

static void exits_are_linked_and_unlinked(void **state)
{
	struct xlate_block *a, *b;

	PUT(AT, "\xeb\x0e");        /* jmp AT + 0x10 */
	PUT(AT + 0x10, "\xeb\xee"); /* jmp AT */
	a = translate(AT);
	b = translate(AT + 0x10);
	xlate_link(x, a->exit, b);
	xlate_link(x, b->exit, a);
	assert_int_equal(leads_to(a->exit), b->host);
	assert_int_equal(xlate_counts(x)->links, 2);
	assert_null(xlate_audit(x));

	xlate_written(x, FRAME, 0x10, 1);
	assert_true(b->dead);
	assert_false(a->dead);
	assert_int_equal(leads_to(a->exit), a->exit->halt); /* traps again */
	assert_int_equal(leads_to(b->exit), b->exit->halt); /* who is inside comes out */
	assert_null(xlate_audit(x));
	b = translate(AT + 0x10);
	xlate_link(x, a->exit, b);
	assert_int_equal(leads_to(a->exit), b->host);
}

static void a_block_may_lead_to_itself(void **state)
{
	struct xlate_block *a;

	PUT(AT, "\xeb\xfe");
	a = translate(AT);
	xlate_link(x, a->exit, a);
	assert_null(xlate_audit(x));
	xlate_written(x, FRAME, 0, PAGE_SIZE);
	assert_int_equal(leads_to(a->exit), a->exit->halt);
}

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
	const struct CMUnitTest tests[] = {unit(a_block_is_found),
		unit(every_host_address_has_a_place), unit(sti_covers_the_next),
		unit(blocks_of_one_instruction), unit(nothing_is_made_of_no_instruction),
		unit(an_invalid_instruction_ends_a_block),
		unit(the_last_instruction_may_cross_a_page), unit(exits_are_linked_and_unlinked),
		unit(a_block_may_lead_to_itself), unit(writes_to_code), unit(an_alias_dies_too),
		unit(a_page_that_is_mapped_elsewhere), unit(pages_are_listed),
		unit(a_gate_is_checked_and_goes), unit(gates_that_share_a_slot_are_tried_in_turn),
		unit(a_full_cache_begins_anew),
		cmocka_unit_test_setup_teardown(
			a_gate_without_room_empties_the_cache, start_larger, stop)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
