/*
 * Blocks of translated code: what is found, linked and traced back to the guest's instruction. What the
 * code does when it runs is test_xlate_unicorn.c's.
 */
#include "test/code_cache.h"

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

#define unit(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {unit(a_block_is_found),
		unit(every_host_address_has_a_place), unit(sti_covers_the_next),
		unit(blocks_of_one_instruction), unit(nothing_is_made_of_no_instruction),
		unit(an_invalid_instruction_ends_a_block),
		unit(the_last_instruction_may_cross_a_page), unit(exits_are_linked_and_unlinked),
		unit(a_block_may_lead_to_itself)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
