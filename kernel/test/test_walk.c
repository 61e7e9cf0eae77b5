/*
 * The walk, against the manual's rules written a second time and in another way: tables of what
 * each kind of page allows whom, in the place of the walker's bit operations. Every combination of
 * the bits that matter is tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mmu/walk.h"
#include "test/support.h"
#include "x86/paging.h"
#include "x86/vector.h"

#define SIZE      (2 * MIB)
#define DIRECTORY 0x00110000u
#define TABLE     0x00121000u
#define PAGE      0x00134000u
#define LINEAR    0xc0583abcu /* directory entry 0x301, page entry 0x183, offset 0xabc */
#define PDE_AT    (DIRECTORY + 4 * 0x301)
#define PTE_AT    (TABLE + 4 * 0x183)
/* Caching and software bits, in CR3 and in every entry: kept as they are. */
#define IGNORED 0xe18u

static struct gmem mem;

static int set_up(void **state)
{
	test_memory(&mem, SIZE);
	return 0;
}

static int tear_down(void **state)
{
	test_memory_free(&mem);
	return 0;
}

/*
 * SDM 3A 4.6.1 as a table. A page's address is a user-mode address if U is set in both levels, and
 * read-only unless W is set in both. Letters: r may read and fetch, w may write, - neither.
 */
static const struct {
	bool user_address, writable;
	const char *supervisor_wp0, *supervisor_wp1, *user;
} rules[] = {
	{false, false, "rw", "r-", "--"},
	{false, true, "rw", "rw", "--"},
	{true, false, "rw", "r-", "r-"},
	{true, true, "rw", "rw", "rw"},
};

static bool rule_allows(bool user_address, bool writable, bool wp, unsigned cpl, enum access access)
{
	unsigned i = 2 * user_address + writable;
	const char *may = rules[i].supervisor_wp1;

	assert_int_equal(rules[i].user_address, user_address);
	assert_int_equal(rules[i].writable, writable);
	if (cpl == 3)
		may = rules[i].user;
	else if (!wp)
		may = rules[i].supervisor_wp0;
	return access == ACCESS_WRITE ? may[1] == 'w' : may[0] == 'r';
}

struct question {
	struct paging paging;
	u32 pde, pte;
	enum access access;
	unsigned cpl;
	bool set_ad;
};

struct answer {
	struct walk walk;
	u32 pde, pte; /* as they are afterwards */
};

static u32 expected_error(const struct question *q, bool present, bool reserved)
{
	u32 error = 0;

	if (present)
		error += 1;
	if (q->access == ACCESS_WRITE)
		error += 2;
	if (q->cpl == 3)
		error += 4;
	if (reserved)
		error += 8;
	return error;
}

/* SDM 3A 4.3: the page's frame, or the fault that stops the walk before there is one. */
static bool expected_page(const struct question *q, struct answer *a)
{
	bool large = q->paging.pse && q->pde & 0x80;

	a->walk.large = large;
	if (!(q->pde & 1)) {
		a->walk.error = expected_error(q, false, false);
		return false;
	}
	if (large && q->pde & 0x3fe000) {
		a->walk.error = expected_error(q, true, true);
		return false;
	}
	if (!large && !(q->pte & 1)) {
		a->walk.error = expected_error(q, false, false);
		return false;
	}
	a->walk.gpa.v = large ? q->pde / 0x400000 * 0x400000 + LINEAR % 0x400000
			      : q->pte / 0x1000 * 0x1000 + LINEAR % 0x1000;
	return true;
}

static struct answer expected(const struct question *q)
{
	struct answer a = {.pde = q->pde, .pte = q->pte};
	u32 *leaf;

	if (!expected_page(q, &a))
		return a;
	leaf = a.walk.large ? &a.pde : &a.pte;
	a.walk.user = q->pde & 4 && (a.walk.large || q->pte & 4);
	a.walk.writable = q->pde & 2 && (a.walk.large || q->pte & 2);
	if (!rule_allows(a.walk.user, a.walk.writable, q->paging.wp, q->cpl, q->access)) {
		a.walk.error = expected_error(q, true, false);
		return a;
	}
	a.walk.ok = true;
	if (q->set_ad) {
		a.pde |= 0x20;
		*leaf |= q->access == ACCESS_WRITE ? 0x60 : 0x20;
	}
	a.walk.dirty = *leaf & 0x40;
	a.walk.global = q->paging.pge && *leaf & 0x100;
	return a;
}

static struct answer ask(const struct question *q)
{
	struct answer a;

	gmem_write32(&mem, gpa(PDE_AT), q->pde);
	gmem_write32(&mem, gpa(PTE_AT), q->pte);
	a.walk = mmu_walk(&mem, &q->paging, gva(LINEAR), q->access, q->cpl, q->set_ad);
	a.pde = gmem_read32(&mem, gpa(PDE_AT));
	a.pte = gmem_read32(&mem, gpa(PTE_AT));
	return a;
}

static bool same(const struct answer *a, const struct answer *b)
{
	const struct walk *v = &a->walk, *w = &b->walk;

	if (a->pde != b->pde || a->pte != b->pte || v->ok != w->ok)
		return false;
	if (!v->ok)
		return v->error == w->error;
	return v->gpa.v == w->gpa.v && v->user == w->user && v->writable == w->writable &&
	       v->dirty == w->dirty && v->global == w->global && v->large == w->large;
}

static void try_question(const struct question *q)
{
	struct answer want = expected(q), got = ask(q);

	if (same(&want, &got))
		return;
	fail_msg("pde %#x pte %#x wp %d pse %d pge %d access %d cpl %u set_ad %d:\n"
		 "expected ok %d gpa %#x error %#x pde %#x pte %#x\n"
		 "     got ok %d gpa %#x error %#x pde %#x pte %#x",
		q->pde, q->pte, q->paging.wp, q->paging.pse, q->paging.pge, q->access, q->cpl,
		q->set_ad, want.walk.ok, want.walk.gpa.v, want.walk.error, want.pde, want.pte,
		got.walk.ok, got.walk.gpa.v, got.walk.error, got.pde, got.pte);
}

/* Every access in every mode to one pair of entries. */
static void try_entries(u32 pde, u32 pte)
{
	for (unsigned i = 0; i < 3 * 4 * 16; i++) {
		unsigned mode = i / 12;
		struct question q = {
			.pde = pde | IGNORED,
			.pte = pte | IGNORED,
			.access = i % 3,
			.cpl = i / 3 % 4,
			.set_ad = mode & 1,
			.paging = {.on = true,
				.wp = mode & 2,
				.pse = mode & 4,
				.pge = mode & 8,
				.cr3 = DIRECTORY | IGNORED},
		};

		/* Without PSE the entry leads to a table, and only TABLE is one. */
		if (q.paging.pse || (pde & PTE_FRAME) == TABLE)
			try_question(&q);
	}
}

/* The flags of an entry that matter: P W U A D PS G (SDM 3A tables 4-4 to 4-6). */
static u32 flags(unsigned i)
{
	return (i & 7) | (i >> 3 & 3) << 5 | (i >> 5 & 1) << 7 | (i >> 6 & 1) << 8;
}

static void every_combination_of_a_small_page(void **state)
{
	for (unsigned i = 0; i < 128; i++)
		for (unsigned j = 0; j < 128; j++)
			try_entries(TABLE | flags(i), PAGE | flags(j));
}

/*
 * The table is never looked at: it holds nothing that would do. Bit 12 is the PAT bit, not
 * reserved.
 */
static void every_combination_of_a_large_page(void **state)
{
	for (unsigned i = 0; i < 128; i++) {
		try_entries(0x00000000 | PTE_PS | flags(i), 0);
		try_entries(0x40000000 | PTE_PS | flags(i), 0);
		try_entries(0xffc01000 | PTE_PS | flags(i), 0);
		for (unsigned bit = 13; bit <= 21; bit++)
			try_entries(0x40000000 | PTE_PS | flags(i) | 1u << bit, 0);
	}
}

static void without_paging_addresses_are_physical(void **state)
{
	struct paging off = {.on = false, .cr3 = DIRECTORY};
	const u32 addresses[] = {0, 0x9ffff, 0xb8000, 0x123456, 0xfffffff0};

	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++)
		for (unsigned access = 0; access < 3; access++)
			for (unsigned cpl = 0; cpl < 4; cpl++) {
				struct walk w =
					mmu_walk(&mem, &off, gva(addresses[i]), access, cpl, true);

				assert_true(w.ok && w.user && w.writable && w.dirty);
				assert_false(w.global || w.large);
				assert_int_equal(w.gpa.v, addresses[i]);
			}
}

/* A directory that maps itself is its own table: the entry takes both parts. */
static void a_directory_may_map_itself(void **state)
{
	struct paging on = {.on = true, .wp = true, .cr3 = DIRECTORY};
	gpa_t self = gpa(DIRECTORY + 4 * 1023);
	struct walk w;

	gmem_write32(&mem, self, DIRECTORY | PTE_P | PTE_W);
	w = mmu_walk(&mem, &on, gva(0xfffff123), ACCESS_WRITE, 0, true);
	assert_true(w.ok && w.dirty);
	assert_int_equal(w.gpa.v, DIRECTORY + 0x123);
	assert_int_equal(gmem_read32(&mem, self), DIRECTORY | PTE_P | PTE_W | PTE_A | PTE_D);
}

static void tables_outside_ram_read_as_ones(void **state)
{
	struct paging on = {.on = true, .wp = true, .pse = true, .cr3 = 0xfffff000};
	struct walk w = mmu_walk(&mem, &on, gva(LINEAR), ACCESS_WRITE, 3, true);

	/*
	 * A directory of ones: large pages with reserved bits set; without PSE, pages at FFFFF000.
	 */
	assert_false(w.ok);
	assert_int_equal(w.error, PF_PRESENT | PF_RESERVED | PF_WRITE | PF_USER);
	on.pse = false;
	w = mmu_walk(&mem, &on, gva(LINEAR), ACCESS_WRITE, 3, true);
	assert_true(w.ok);
	assert_int_equal(w.gpa.v, 0xfffff000 | (LINEAR & PAGE_MASK));

	/* A table in the hole. */
	on.cr3 = DIRECTORY;
	gmem_write32(&mem, gpa(PDE_AT), 0xb8000 | PTE_P | PTE_W | PTE_U);
	w = mmu_walk(&mem, &on, gva(LINEAR), ACCESS_READ, 3, true);
	assert_true(w.ok);
	assert_false(gmem_is_ram(&mem, w.gpa, 1));
}

static unsigned writes;

static void count_write(struct gmem *m, gpa_t address, u32 bytes, unsigned watchers)
{
	writes++;
}

/* What is set already is not written again: a write would cost a guest's watcher a visit. */
static void bits_that_are_set_are_not_written(void **state)
{
	struct question q = {
		.paging = {.on = true, .cr3 = DIRECTORY},
		.pde = TABLE | PTE_P | PTE_W,
		.pte = PAGE | PTE_P | PTE_W,
		.set_ad = true,
	};

	ask(&q);
	gmem_watch(&mem, DIRECTORY >> PAGE_SHIFT, WATCH_CODE);
	gmem_watch(&mem, TABLE >> PAGE_SHIFT, WATCH_CODE);
	mem.written = count_write;
	writes = 0;
	mmu_walk(&mem, &q.paging, gva(LINEAR), ACCESS_READ, 0, true);
	assert_int_equal(writes, 0);
	mmu_walk(&mem, &q.paging, gva(LINEAR), ACCESS_WRITE, 0, true);
	assert_int_equal(writes, 1);
	mmu_walk(&mem, &q.paging, gva(LINEAR), ACCESS_WRITE, 0, true);
	assert_int_equal(writes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_of_a_small_page),
		cmocka_unit_test(every_combination_of_a_large_page),
		cmocka_unit_test(without_paging_addresses_are_physical),
		cmocka_unit_test(a_directory_may_map_itself),
		cmocka_unit_test(tables_outside_ram_read_as_ones),
		cmocka_unit_test(bits_that_are_set_are_not_written),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
