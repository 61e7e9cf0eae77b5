/*
 * Code whose linear address comes to mean another page: after INVLPG, a load of CR3, a change of
 * CR4.PGE for global pages, by the directory's entry, and in other address spaces. What runs must be
 * what the tables say then, also where one page jumps into the next (SDM 3A 4.10.4).
 *
 *   0x00c00000  first: calls and jumps into the second    0x00c01000  second    0x00c02000  third
 *   0x01000000  a large page
 */
#include "page.h"
#include "probe.h"

#define FIRST  0x00c00000
#define SECOND 0x00c01000
#define THIRD  0x00c02000
#define LARGE  0x01000000
#define FRAMES 6

typedef u32 (*code_at)(void);

static u32 *directory, *other_directory;
static u8 *frame[FRAMES];

/* Each frame: at 0 a function that returns secret(n); at 16 one that jumps to `next` with n in EDX. */
static void put_code(unsigned n, u32 from, u32 next)
{
	u8 *to = frame[n];

	to[0] = 0xb8; /* MOV EAX, imm32; RET */
	*(u32 *)(to + 1) = secret(n);
	to[5] = 0xc3;
	to[16] = 0xb8; /* MOV EAX, imm32; ADD EAX, n; JMP rel32 */
	*(u32 *)(to + 17) = secret(n);
	to[21] = 0x05;
	*(u32 *)(to + 22) = n;
	to[26] = 0xe9;
	*(u32 *)(to + 27) = next - (from + 31);
	to[32] = 0xe8; /* CALL rel32; INC EAX; CALL rel32; RET */
	*(u32 *)(to + 33) = next - (from + 37);
	to[37] = 0x40;
	to[38] = 0xe8;
	*(u32 *)(to + 39) = next - (from + 43);
	to[43] = 0xc3;
}

static void map(u32 linear, unsigned n, u32 flags)
{
	page_map(directory, linear, (u32)frame[n], PTE_U | flags);
}

static u32 run(u32 address)
{
	return ((code_at)address)();
}

static u32 run_user(u32 address)
{
	return guard_user((code_at)address).value;
}

/* Through all ways into the code, many times, so that they are well worn. */
static void show(const char *what)
{
	u32 sum = 0;

	for (unsigned i = 0; i < 20; i++)
		sum += run(FIRST + 16) + run(FIRST + 32) + run(SECOND);
	print("%s: %08x %08x %08x user %08x\n", what, run(FIRST), run(SECOND), run(FIRST + 32),
		run_user(SECOND));
	print("  sum %08x\n", sum);
}

static void by_invlpg(void)
{
	show("as mapped");
	map(SECOND, 2, 0);
	invlpg((void *)SECOND);
	show("second, invlpg");
	map(SECOND, 1, 0);
	invlpg((void *)(SECOND + 0x123));
	show("and back");
	map(FIRST, 3, 0);
	invlpg((void *)FIRST);
	show("first, invlpg");
	map(FIRST, 0, 0);
	invlpg((void *)FIRST);
}

static void by_cr3(void)
{
	map(SECOND, 2, 0);
	cr3_set(cr3_get());
	show("second, cr3");
	map(FIRST, 3, 0);
	map(SECOND, 1, 0);
	cr3_set(cr3_get());
	show("both, cr3");
	map(FIRST, 0, 0);
	cr3_set(cr3_get());
}

/* Global pages stay across CR3 loads: only a guest that changed nothing may rely on that. */
static void by_pge(void)
{
	cr4_set(cr4_get() | CR4_PGE);
	map(FIRST, 0, PTE_G);
	map(SECOND, 1, PTE_G);
	invlpg((void *)FIRST);
	invlpg((void *)SECOND);
	show("global");
	cr3_set(cr3_get());
	show("global, cr3");
	map(SECOND, 2, PTE_G);
	cr4_set(cr4_get() & ~CR4_PGE);
	cr4_set(cr4_get() | CR4_PGE);
	show("global, pge off and on");
	map(SECOND, 1, PTE_G);
	invlpg((void *)SECOND);
	show("global, invlpg");
	map(FIRST, 0, 0);
	map(SECOND, 1, 0);
	cr4_set(cr4_get() & ~CR4_PGE);
	show("no more global");
}

/* The whole table changes by one entry of the directory. */
static void by_directory(void)
{
	u32 mine = directory[pde_index(FIRST)];
	u32 *table = page_alloc();

	table[pte_index(FIRST)] = (u32)frame[3] | PTE_P | PTE_U;
	table[pte_index(SECOND)] = (u32)frame[2] | PTE_P | PTE_U;
	table[pte_index(THIRD)] = (u32)frame[4] | PTE_P | PTE_U;
	directory[pde_index(FIRST)] = (u32)table | PTE_P | PTE_U;
	cr3_set(cr3_get());
	show("directory");
	directory[pde_index(FIRST)] = mine;
	cr3_set(cr3_get());
	show("directory, back");
}

/* The same addresses, in turn. */
static void by_space(void)
{
	u32 sum = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++)
		other_directory[i] = directory[i];
	other_directory[pde_index(FIRST)] = 0;
	page_map(other_directory, FIRST, (u32)frame[0], PTE_U);
	page_map(other_directory, SECOND, (u32)frame[2], PTE_U);
	page_map(other_directory, THIRD, (u32)frame[4], PTE_U);
	for (unsigned i = 0; i < 30; i++) {
		cr3_set((u32)(i & 1 ? other_directory : directory));
		sum = sum * 31 + run(SECOND) + run(FIRST + 16);
		sum = sum * 31 + run_user(SECOND);
	}
	print("spaces: %08x\n", sum);
	cr3_set((u32)other_directory);
	show("other space");
	cr3_set((u32)directory);
	show("own space");
}

/* One frame at two addresses: code that asks where it is must be told the truth. */
static void by_two_names(void)
{
	static const u8 where[] = {0xe8, 0, 0, 0, 0, 0x58, 0xc3}; /* CALL next; POP EAX; RET */

	for (unsigned i = 0; i < sizeof where; i++)
		frame[4][0x80 + i] = where[i];
	map(SECOND, 4, 0);
	map(THIRD, 4, 0);
	invlpg((void *)SECOND);
	invlpg((void *)THIRD);
	print("where: %08x %08x %08x %08x\n", run(SECOND + 0x80), run(THIRD + 0x80),
		run(SECOND + 0x80), run_user(THIRD + 0x80));
	map(SECOND, 1, 0);
	invlpg((void *)SECOND);
}

/* Not there any more, or not for everybody. */
static void by_rights(void)
{
	*page_entry(directory, SECOND) = 0;
	invlpg((void *)SECOND);
	try_kernel("gone", (code_at)SECOND);
	try_kernel("gone, by the first", (code_at)(FIRST + 16));
	try_user("gone, user", (code_at)SECOND);
	page_map(directory, SECOND, (u32)frame[1], 0);
	try_user("kernel's", (code_at)SECOND);
	print("accessed: %u\n", !!(*page_entry(directory, SECOND) & PTE_A));
	try_kernel("kernel's", (code_at)SECOND);
	print("accessed: %u\n", !!(*page_entry(directory, SECOND) & PTE_A));
	map(SECOND, 1, 0);
	invlpg((void *)SECOND);
	show("there again");
}

/*
 * The page that runs takes another frame under itself: MOV [entry], EAX; INVLPG; and what follows is
 * the other frame's.
 */
static void under_itself(void)
{
	extern const u8 swap_code[], swap_end[];
	u32 entry = (u32)frame[5] | PTE_P | PTE_U;

	asm volatile("jmp 1f; .global swap_code, swap_end; swap_code: movl %%edx, (%%ecx);"
		     "invlpg (%%ebx); movl $0x11111111, %%eax; ret; swap_end: 1:" ::
			     : "memory");
	for (const u8 *c = swap_code; c < swap_end; c++)
		frame[4][c - swap_code] = frame[5][c - swap_code] = *c;
	frame[5][6] = 0x22; /* of MOV EAX, imm32 */
	for (unsigned i = 0; i < 2; i++) {
		u32 value;

		map(THIRD, 4, 0);
		invlpg((void *)THIRD);
		asm volatile("call *%1"
			     : "=a"(value)
			     : "b"(THIRD), "c"(page_entry(directory, THIRD)), "d"(entry)
			     : "memory");
		print("under itself: %08x\n", value);
	}
}

/* A large page over the same addresses, then another frame for all of it. */
static void by_large_page(void)
{
	u32 offset = (u32)frame[1], large = LARGE + offset;

	cr4_set(cr4_get() | CR4_PSE);
	page_map_large(directory, LARGE, 0, PTE_U);
	print("large: %08x %08x", run(large), run_user(large));
	directory[pde_index(LARGE)] = 0;
	page_map(directory, large & PTE_FRAME, (u32)frame[2], PTE_U);
	cr3_set(cr3_get());
	print(" small: %08x\n", run(large));
}

PROBE(remap_code)
{
	directory = page_alloc();
	other_directory = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	for (unsigned i = 0; i < FRAMES; i++)
		frame[i] = page_alloc();
	put_code(0, FIRST, SECOND);
	put_code(1, SECOND, THIRD);
	put_code(2, SECOND, THIRD);
	put_code(3, FIRST, SECOND + 16);
	put_code(4, THIRD, THIRD);
	map(FIRST, 0, 0);
	map(SECOND, 1, 0);
	map(THIRD, 4, 0);
	page_on(directory);
	by_invlpg();
	by_cr3();
	by_pge();
	by_directory();
	by_space();
	by_two_names();
	by_rights();
	under_itself();
	by_large_page();
}
