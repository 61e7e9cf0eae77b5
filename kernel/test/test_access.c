/* How emulated instructions reach code, data and stack: through segments and the guest's own pages. */
#include "test/emulation.h"

static void fetch_crosses_pages(void **state)
{
	turn_paging_on();
	v.eip = 0x1ffd; /* MOV EAX, imm32: its last two bytes lie in the next page */
	assert_int_equal(RUN("\xb8\x11\x22\x33\x44"), STEP_DONE);
	assert_int_equal(v.gpr[EAX], 0x44332211);
	assert_int_equal(v.eip, 0x2002);

	v.eip = 0x1ffd;
	set_pte(0x2000, 0);
	expect_page_fault(cpu_fetch(&v, &e), 0x2000, 0);
	v.cpl = 3;
	set_pte(0x1000, 0x1000 | MAPPED | PTE_U);
	expect_page_fault(cpu_fetch(&v, &e), 0x2000, PF_USER);
	assert_int_equal(v.eip, 0x1ffd);
}

/* An instruction that ends with its page must not ask for the next one. */
static void fetch_stays_within_page(void **state)
{
	turn_paging_on();
	set_pte(0x2000, 0);
	v.eip = 0x1fff;
	assert_int_equal(RUN("\x40"), STEP_DONE);
	expect_page_fault(cpu_fetch(&v, &e), 0x2000, 0);
}

static void fetch_translates(void **state)
{
	turn_paging_on();
	set_pte(0x3000, 0x5000 | MAPPED);
	poke(0x5000, 0x40); /* INC EAX */
	v.eip = 0x2000;
	v.seg[CS].base = 0x1000;
	assert_int_equal(cpu_fetch(&v, &e), STEP_DONE);
	assert_int_equal(e.insn.opcode, 0x40);
	assert_true(pte(0x3000) & PTE_A);
	assert_false(pte(0x3000) & PTE_D);
}

/* The quick way reads the bytes where it is shown them, and takes the slow way at a page's end. */
static void fetch_from_mapped_code(void **state)
{
	static const u8 inc[] = {0x40}, mov[] = {0xb8, 0x11, 0x22, 0x33, 0x44};

	turn_paging_on();
	assert_int_equal(cpu_fetch_mapped(&v, &e, inc), STEP_DONE);
	assert_int_equal(e.insn.opcode, 0x40);
	assert_int_equal(pte(CODE) & PTE_A, 0);
	v.eip = 0x1ffd;
	poke(0x1ffd, 0x2211b8);
	poke(0x2000, 0x4433);
	assert_int_equal(cpu_fetch_mapped(&v, &e, mov), STEP_DONE);
	assert_int_equal(e.insn.imm, 0x44332211);
	set_pte(0x2000, 0);
	expect_page_fault(cpu_fetch_mapped(&v, &e, mov), 0x2000, 0);
	v.seg[CS].limit = 0x1fff;
	expect_fault(cpu_fetch_mapped(&v, &e, mov), VECTOR_GP, 0);
	v.eip = 0x1ff0; /* all bytes in the page, one beyond the limit */
	v.seg[CS].limit = 0x1ff3;
	poke(0x1ff0, 0x332211b8);
	expect_fault(cpu_fetch_mapped(&v, &e, mov), VECTOR_GP, 0);
	v.eip = 0x1ffd;
	v.seg[CS].limit = 0x1ffc;
	expect_fault(cpu_fetch_mapped(&v, &e, NULL), VECTOR_GP, 0);
}

static void fetch_refuses(void **state)
{
	expect_fault(RUN("\x0f\x0b"), VECTOR_UD, 0);             /* UD2 */
	expect_fault(RUN("\xf0\x89\x00"), VECTOR_UD, 0);         /* LOCK MOV */
	expect_fault(RUN("dddddddddddddddd\x90"), VECTOR_GP, 0); /* 16 prefixes (64: FS) */
	v.seg[CS].limit = CODE;                                  /* the second byte lies beyond */
	expect_fault(RUN("\x66\x90"), VECTOR_GP, 0);
	v.seg[CS].limit = CODE - 1;
	expect_fault(RUN("\x90"), VECTOR_GP, 0);
	v.seg[CS].limit = ~0u;
	v.eip = DEVICE; /* all ones: FF /7 */
	expect_fault(cpu_fetch(&v, &e), VECTOR_UD, 0);
}

/* A 16-bit code segment: operands and addresses of 16 bits unless a prefix says 32. */
static void code_of_16_bits(void **state)
{
	v.seg[CS].attr &= ~ATTR_DB;
	v.gpr[EAX] = 0xffffffff;
	assert_int_equal(RUN("\xb8\x34\x12"), STEP_DONE); /* MOV AX, 1234 */
	assert_int_equal(v.gpr[EAX], 0xffff1234);
	assert_int_equal(v.eip, CODE + 3);
	v.eip = 0xfff0;
	assert_int_equal(RUN("\xeb\x20"), STEP_DONE); /* JMP beyond 64 KiB: around */
	assert_int_equal(v.eip, 0x12);
	v.seg[CS].limit = 0x11;
	v.eip = 0x10;
	expect_fault(RUN("\xeb\x00"), VECTOR_GP, 0); /* JMP beyond the limit */
	v.gpr[EBX] = 2;
	v.gpr[EAX] = -64;
	poke(0xfffa, 0x0001);
	v.eip = 0;
	assert_int_equal(RUN("\x0f\xa3\x07"), STEP_DONE); /* BT [BX], AX: down, and around */
	assert_true(v.eflags & EFLAGS_CF);
}

static void data_crosses_pages(void **state)
{
	turn_paging_on();
	set_pte(0x5000, 0x9000 | MAPPED); /* not the frame after the first */
	v.gpr[EAX] = 0x44332211;
	assert_int_equal(RUN("\xa3\xfe\x4f\x00\x00"), STEP_DONE); /* MOV [4ffe], EAX */
	assert_int_equal(peek(0x4ffc), 0x22110000);
	assert_int_equal(peek(0x9000), 0x00004433);
	assert_true(pte(0x4000) & PTE_D);
	assert_true(pte(0x5000) & PTE_D);
	assert_int_equal(RUN("\x8b\x0d\xfe\x4f\x00\x00"), STEP_DONE); /* MOV ECX, [4ffe] */
	assert_int_equal(v.gpr[ECX], 0x44332211);
}

static void data_sets_accessed_and_dirty(void **state)
{
	turn_paging_on();
	assert_int_equal(RUN("\xa1\x00\x40\x00\x00"), STEP_DONE); /* MOV EAX, [4000] */
	assert_int_equal(pte(0x4000) & (PTE_A | PTE_D), PTE_A);
	assert_int_equal(RUN("\xfe\x05\x00\x40\x00\x00"), STEP_DONE); /* INC BYTE [4000] */
	assert_int_equal(pte(0x4000) & (PTE_A | PTE_D), PTE_A | PTE_D);
}

static void data_respects_privilege(void **state)
{
	turn_paging_on();
	v.cpl = 3;
	set_pte(CODE, CODE | MAPPED | PTE_U);
	expect_page_fault(RUN("\xa1\x00\x40\x00\x00"), 0x4000, PF_PRESENT | PF_USER);
	expect_page_fault(RUN("\xa3\x00\x40\x00\x00"), 0x4000, PF_PRESENT | PF_USER | PF_WRITE);
	set_pte(0x4000, 0x4000 | PTE_P | PTE_U);
	assert_int_equal(RUN("\xa1\x00\x40\x00\x00"), STEP_DONE);
	expect_page_fault(RUN("\xa3\x00\x40\x00\x00"), 0x4000, PF_PRESENT | PF_USER | PF_WRITE);
}

static void segments_have_bases(void **state)
{
	v.seg[ES].base = 0x2000;
	v.seg[SS].base = 0x3000;
	poke(0x4000, 0x11111111);
	poke(0x5000, 0x22222222);
	poke(0x6000, 0x33333333);
	v.gpr[EBX] = v.gpr[EBP] = 0x3000;
	assert_int_equal(RUN("\x8b\x93\x00\x10\x00\x00"), STEP_DONE); /* MOV EDX, [EBX+1000] */
	assert_int_equal(v.gpr[EDX], 0x11111111);
	assert_int_equal(RUN("\x26\x8b\x13"), STEP_DONE); /* MOV EDX, ES:[EBX] */
	assert_int_equal(v.gpr[EDX], 0x22222222);
	assert_int_equal(RUN("\x8b\x55\x00"), STEP_DONE); /* MOV EDX, [EBP]: in SS */
	assert_int_equal(v.gpr[EDX], 0x33333333);
}

static void segments_have_limits(void **state)
{
	v.seg[DS].limit = 0x4002;
	expect_fault(RUN("\xa1\x00\x40\x00\x00"), VECTOR_GP, 0);      /* MOV EAX, [4000] */
	assert_int_equal(RUN("\x66\xa1\x00\x40\x00\x00"), STEP_DONE); /* MOV AX, [4000] */
	expect_fault(RUN("\xa1\xfe\xff\xff\xff"), VECTOR_GP, 0);      /* wraps */
	v.seg[SS].limit = STACK - 5;
	expect_fault(RUN("\x50"), VECTOR_SS, 0);                     /* PUSH EAX */
	expect_fault(RUN("\x36\xa1\xff\x7f\x00\x00"), VECTOR_SS, 0); /* MOV EAX, SS:[7fff] */
	v.seg[DS].attr |= ATTR_EXPAND;
	assert_int_equal(RUN("\xa1\x03\x40\x00\x00"), STEP_DONE);
	expect_fault(RUN("\xa1\x02\x40\x00\x00"), VECTOR_GP, 0);
	v.seg[DS].attr &= ~ATTR_DB; /* now it ends at 64 KiB */
	assert_int_equal(RUN("\xa1\xfc\xff\x00\x00"), STEP_DONE);
	expect_fault(RUN("\xa1\xfd\xff\x00\x00"), VECTOR_GP, 0);
}

static void segments_have_types(void **state)
{
	assert_int_equal(RUN("\x2e\xa1\x00\x40\x00\x00"), STEP_DONE); /* MOV EAX, CS:[4000] */
	expect_fault(RUN("\x2e\xa3\x00\x40\x00\x00"), VECTOR_GP, 0);  /* MOV CS:[4000], EAX */
	v.seg[CS].attr &= ~ATTR_READABLE;
	expect_fault(RUN("\x2e\xa1\x00\x40\x00\x00"), VECTOR_GP, 0);
	v.seg[DS].attr &= ~ATTR_WRITABLE;
	expect_fault(RUN("\xa3\x00\x40\x00\x00"), VECTOR_GP, 0);
	v.seg[ES] = (struct segment){0}; /* a null selector */
	expect_fault(RUN("\x26\xa1\x00\x40\x00\x00"), VECTOR_GP, 0);
}

/* With SS.B clear only SP moves and addresses; the upper half of ESP stays. */
static void stack_of_16_bits(void **state)
{
	v.seg[SS].attr &= ~ATTR_DB;
	v.gpr[ESP] = 0x12340000;
	v.gpr[EAX] = 0xcafe;
	assert_int_equal(RUN("\x50"), STEP_DONE);
	assert_int_equal(v.gpr[ESP], 0x1234fffc);
	assert_int_equal(peek(0xfffc), 0xcafe);
	assert_int_equal(RUN("\x5b"), STEP_DONE);
	assert_int_equal(v.gpr[EBX], 0xcafe);
	assert_int_equal(v.gpr[ESP], 0x12340000);
}

static void selectors_are_read(void **state)
{
	v.seg[GS].selector = 0x5b;
	v.gpr[ECX] = ~0u;
	assert_int_equal(RUN("\x8c\xe9"), STEP_DONE); /* MOV ECX, GS */
	assert_int_equal(v.gpr[ECX], 0x5b);
	poke(0x4000, ~0u);
	assert_int_equal(RUN("\x8c\x2d\x00\x40\x00\x00"), STEP_DONE); /* MOV [4000], GS */
	assert_int_equal(peek(0x4000), 0xffff005b);
	assert_int_equal(RUN("\x0e"), STEP_DONE); /* PUSH CS */
	assert_int_equal(peek(STACK - 4), 0x08);
	assert_int_equal(v.gpr[ESP], STACK - 4);
}

/* Changes a page table as a guest does that does not tell its TLB yet. */
static void set_pte_unseen(u32 linear, u32 entry)
{
	poke(TABLE + 4 * pte_index(linear), entry);
}

/* MOV EAX, [4000] */
static u32 load_4000(void)
{
	assert_int_equal(RUN("\xa1\x00\x40\x00\x00"), STEP_DONE);
	return v.gpr[EAX];
}

static void translations_last_until_they_are_flushed(void **state)
{
	turn_paging_on();
	for (u32 i = 0; i < 4; i++)
		poke(0x9000 + i * PAGE_SIZE, i);
	set_pte(0x4000, 0x9000 | MAPPED);
	assert_int_equal(load_4000(), 0);
	set_pte_unseen(0x4000, 0xa000 | MAPPED);
	assert_int_equal(load_4000(), 0);                                 /* as a TLB may */
	assert_int_equal(RUN("\x0f\x01\x3d\x00\x40\x00\x00"), STEP_DONE); /* INVLPG [4000] */
	assert_int_equal(load_4000(), 1);

	set_pte_unseen(0x4000, 0xb000 | MAPPED);
	v.gpr[EAX] = DIRECTORY;
	assert_int_equal(RUN("\x0f\x22\xd8"), STEP_DONE); /* MOV CR3, EAX */
	assert_int_equal(load_4000(), 2);

	set_pte_unseen(0x4000, 0xc000 | MAPPED);
	v.gpr[EAX] = v.cr0 & ~CR0_WP;
	assert_int_equal(RUN("\x0f\x22\xc0"), STEP_DONE); /* MOV CR0, EAX */
	assert_int_equal(load_4000(), 3);
}

static void a_probe_leaves_no_translation(void **state)
{
	u32 value;

	turn_paging_on();
	assert_int_equal(access_probe_write(&v, &e, DS, 0x4000, 4), STEP_DONE);
	assert_int_equal(pte(0x4000) & (PTE_A | PTE_D), 0);
	assert_int_equal(access_write(&v, &e, DS, 0x4000, 4, 1), STEP_DONE);
	assert_int_equal(pte(0x4000) & (PTE_A | PTE_D), PTE_A | PTE_D);
	assert_int_equal(access_probe_read(&v, &e, DS, 0x5000, 4), STEP_DONE);
	assert_int_equal(access_read(&v, &e, DS, 0x5000, 4, &value), STEP_DONE);
	assert_int_equal(pte(0x5000) & (PTE_A | PTE_D), PTE_A);
}

static unsigned told;

static void tell(struct gmem *m, gpa_t address, u32 bytes, unsigned watchers)
{
	assert_int_equal(address.v, 0x4008);
	assert_int_equal(bytes, 4);
	told++;
}

static void each_write_that_changes_a_watched_frame_is_told(void **state)
{
	u32 value = 9;

	turn_paging_on();
	mem.written = tell;
	assert_true(gmem_watch(&mem, 4, WATCH_CODE));
	for (told = 0; told < 3;) {
		unsigned before = told;

		assert_int_equal(access_write(&v, &e, DS, 0x4008, 4, before + 1), STEP_DONE);
		assert_int_equal(told, before + 1);
		assert_int_equal(access_write(&v, &e, DS, 0x4008, 4, before + 1), STEP_DONE);
		assert_int_equal(told, before + 1);
	}
	assert_int_equal(access_linear(&v, gva(0x4008), &value, 4, ACCESS_WRITE, 0), STEP_DONE);
	assert_int_equal(told, 4);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(fetch_crosses_pages),
		TEST(fetch_stays_within_page),
		TEST(fetch_translates),
		TEST(fetch_from_mapped_code),
		TEST(fetch_refuses),
		TEST(code_of_16_bits),
		TEST(data_crosses_pages),
		TEST(data_sets_accessed_and_dirty),
		TEST(data_respects_privilege),
		TEST(segments_have_bases),
		TEST(segments_have_limits),
		TEST(segments_have_types),
		TEST(stack_of_16_bits),
		TEST(selectors_are_read),
		TEST(translations_last_until_they_are_flushed),
		TEST(a_probe_leaves_no_translation),
		TEST(each_write_that_changes_a_watched_frame_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
