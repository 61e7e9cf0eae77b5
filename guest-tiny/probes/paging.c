/*
 * Paging: translation, rights and error codes, accessed and dirty bits, and the TLB's rules.
 *
 *   0x00000000 - 0x003fffff  the image and its pages, mapped to themselves, for user mode too
 *   0x00c00000               the page that is mapped in all ways
 *   0x01000000               4 MiB pages
 */
#include "probe.h"

#include "page.h"

#define PAGE   0x00c00000
#define BEHIND (PAGE + PAGE_SIZE)
#define LARGE  0x01000000
#define OFFSET (SECRET & 0xffc) /* where in the page */

extern u32 target;
u32 target; /* the address that the snippets touch */

SNIPPET(read, VALUE "movl target, %ecx; movl (%ecx), %eax");
SNIPPET(write, VALUE "movl target, %ecx; movl %eax, (%ecx)");
SNIPPET(modify, VALUE "movl target, %ecx; incl (%ecx)");

static u32 *directory, *page_a, *page_b;
static volatile u32 *entry;

static volatile u32 *at(u32 linear)
{
	return (volatile u32 *)linear;
}

static void set_entry(u32 *page, u32 flags)
{
	*entry = page ? (u32)page | flags : 0;
	invlpg((void *)PAGE);
}

static void show_bits(const char *what)
{
	print("%s: accessed %u dirty %u\n", what, !!(*entry & PTE_A), !!(*entry & PTE_D));
}

/* Every combination of rights, by every kind of access: SDM 3A 4.6 and 4.7. */
static void try_rights(const char *what)
{
	for (u32 bits = 0; bits < 8; bits++) {
		u32 flags =
			(bits & 1 ? PTE_W : 0) | (bits & 2 ? PTE_U : 0) | (bits & 4 ? PTE_P : 0);

		print("%s, entry %u\n", what, flags);
		set_entry(page_a, flags);
		try_kernel(" read", read);
		try_kernel(" write", write);
		try_user(" user read", read);
		try_user(" user write", write);
	}
}

/* The directory's entry takes rights away that the table's gives. */
static void try_directory(void)
{
	u32 *pde = &directory[pde_index(PAGE)], all = *pde;

	set_entry(page_a, PTE_P | PTE_W | PTE_U);
	for (u32 bits = 0; bits < 4; bits++) {
		*pde = (all & ~(PTE_W | PTE_U)) | bits << 1;
		invlpg((void *)PAGE);
		print("directory %u\n", bits << 1);
		try_kernel(" write", write);
		try_user(" user read", read);
		try_user(" user write", write);
	}
	*pde = 0;
	invlpg((void *)PAGE);
	try_kernel("no directory entry", read);
	*pde = all;
	invlpg((void *)PAGE);
}

/*
 * SDM 3A 4.8: A when it is used, D when it is written, both in memory at once, and never without
 * need.
 */
static void try_bits(void)
{
	set_entry(page_a, PTE_P | PTE_W);
	show_bits("fresh");
	guard_kernel(read);
	show_bits("read");
	guard_kernel(write);
	show_bits("written");
	*entry &= ~PTE_D;
	invlpg((void *)PAGE);
	guard_kernel(read);
	show_bits("cleaned and read");
	guard_kernel(modify);
	show_bits("modified");
	*entry &= ~(PTE_A | PTE_D);
	cr3_set(cr3_get());
	show_bits("both cleared");
	guard_kernel(write);
	show_bits("written");
	set_entry(page_a, PTE_P);
	guard_kernel(write);
	print("refused: dirty %u\n", !!(*entry & PTE_D));
	print("directory: accessed %u\n", !!(directory[pde_index(PAGE)] & PTE_A));
}

/* What a new entry says holds after INVLPG or a load of CR3. */
static void try_remapping(void)
{
	page_a[OFFSET / 4] = secret(1);
	page_b[OFFSET / 4] = secret(2);
	set_entry(page_a, PTE_P | PTE_W);
	print("a: %08x", *at(target));
	set_entry(page_b, PTE_P | PTE_W);
	print(" b: %08x", *at(target));
	*at(target) = secret(3);
	*entry = (u32)page_a | PTE_P | PTE_W;
	cr3_set(cr3_get());
	print(" a: %08x b: %08x\n", *at(target), page_b[OFFSET / 4]);
	cr4_set(cr4_get() | CR4_PGE);
	set_entry(page_a, PTE_P | PTE_W | PTE_G);
	print("global a: %08x", *at(target));
	set_entry(page_b, PTE_P | PTE_W | PTE_G);
	print(" b: %08x", *at(target));
	*entry = (u32)page_a | PTE_P | PTE_W | PTE_G;
	cr4_set(cr4_get() & ~CR4_PGE);
	print(" a: %08x\n", *at(target));
}

/* Two address spaces that differ in one page, taken in turn. */
static void try_spaces(void)
{
	u32 *other = page_alloc(), sum = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++)
		other[i] = directory[i];
	other[pde_index(PAGE)] = 0;
	page_map(other, PAGE, (u32)page_b, PTE_W);
	set_entry(page_a, PTE_P | PTE_W);
	for (unsigned n = 0; n < 20; n++) {
		cr3_set((u32)(n & 1 ? other : directory));
		*at(target) += secret(n);
		sum = sum * 31 + *at(target);
	}
	cr3_set((u32)directory);
	print("spaces: %08x %08x %08x\n", sum, page_a[OFFSET / 4], page_b[OFFSET / 4]);
}

/*
 * An access that begins in one page and ends in the next, which is not there: nothing is written.
 */
static void try_crossing(void)
{
	page_a[PT_ENTRIES - 1] = secret(4);
	set_entry(page_a, PTE_P | PTE_W);
	target = BEHIND - 2;
	try_kernel("crossing read", read);
	try_kernel("crossing write", write);
	print("first page: %08x\n", page_a[PT_ENTRIES - 1]);
	page_map(directory, BEHIND, (u32)page_b, PTE_W);
	invlpg((void *)BEHIND);
	guard_kernel(write);
	print("crossed: %08x %04x\n", page_a[PT_ENTRIES - 1], page_b[0] & 0xffff);
}

static void try_large(void)
{
	volatile u32 *pde = &directory[pde_index(LARGE)];
	volatile u32 *alias = at(LARGE + (u32)page_a + OFFSET);
	u32 value;

	cr4_set(cr4_get() | CR4_PSE);
	page_map_large(directory, LARGE, 0, PTE_W);
	page_a[OFFSET / 4] = secret(5);
	value = *alias;
	print("large: %08x accessed %u dirty %u\n", value, !!(*pde & PTE_A), !!(*pde & PTE_D));
	*alias = secret(6);
	print("large: %08x dirty %u\n", page_a[OFFSET / 4], !!(*pde & PTE_D));
	target = (u32)alias;
	try_user("user read", read);
	*pde = PTE_P | PTE_PS;
	invlpg((void *)LARGE);
	try_kernel("large, read-only", write);
	*pde = 0;
	invlpg((void *)LARGE);
	try_kernel("large, gone", read);
}

PROBE(paging)
{
	directory = page_alloc();
	page_a = page_alloc();
	page_b = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_map(directory, PAGE, (u32)page_a, PTE_W);
	entry = page_entry(directory, PAGE);
	target = PAGE + OFFSET;
	page_on(directory);
	PROBE_STOP(1);
	try_rights("wp");
	cr0_set(cr0_get() & ~CR0_WP);
	try_rights("no wp");
	cr0_set(cr0_get() | CR0_WP);
	try_directory();
	try_bits();
	try_remapping();
	try_spaces();
	try_crossing();
	try_large();
	PROBE_STOP(2);
}
