/*
 * String instructions that meet a hole when they are half done: ECX, ESI and EDI count what is done,
 * so that the rest can follow (SDM 1 7.3.9.1). Then with a handler that puts a page into the hole,
 * as kernels do who give memory when it is touched first: what faulted is begun again, and nothing
 * is done twice.
 *
 *   0x009ff000  nothing    0x00a00000  a page    0x00a01000  nothing; or the other page, in either
 */
#include "page.h"
#include "probe/known.h"

#define PAGE   0x00a00000
#define BEFORE (PAGE - PAGE_SIZE)
#define BEHIND (PAGE + PAGE_SIZE)

KNOWN(move, "movl $0xa00ffa, %edi; rep movsl");
KNOWN(move_from, "movl $0xa00ffa, %esi; rep movsl");
KNOWN(move_back, "movl $0xa00001, %edi; std; rep movsb");
KNOWN(move_bytes, "movl $0xa00ffe, %edi; rep movsb");
KNOWN(store, "movl $0xa00ff9, %edi; rep stosw; nop");
KNOWN(store_first, "movl $0xa01000, %edi; rep stosl");
KNOWN(store_none, "movl $0xa01000, %edi; movl $0, %ecx; rep stosl");
KNOWN(load, "movl $0xa00ff8, %esi; rep lodsl");
KNOWN(compare, "movl $0xa00ffe, %edi; repe cmpsb");
KNOWN(scan, "movl $0xa00ff8, %edi; repne scasl");
KNOWN(out, "movl $0xa00ffe, %esi; rep outsb");
KNOWN(in, "movl $0xa00ffe, %edi; rep insb");

/* What a handler may mend, in the middle of an instruction, or of its last bytes. */
KNOWN(modify, "movl $0xa00ffe, %ebx; addl %eax, (%ebx)");
KNOWN(exchange, "movl $0xa00ffe, %ebx; lock xaddl %eax, (%ebx)");
KNOWN(exchange_8, "movl $0xa00ffc, %ebx; cmpxchg8b (%ebx)");
KNOWN(pop, "movl $0xa00ffe, %ebx; pushl %eax; popl (%ebx)");
KNOWN(push, "movl $0xa00ffe, %ebx; pushl (%ebx); popl %ecx");
KNOWN(load_far, "movl $0xa00ffc, %ebx; lfs (%ebx), %ecx; pushl %fs; popl %edx");
KNOWN(store_fpu, "movl $0xa00ff0, %ebx; fnsave (%ebx)");
KNOWN(bit, "movl $0xa01000, %ebx; btsl %edx, -124(%ebx)");

static u32 *directory, *page, *other;
static u32 faults;

static u32 sum_of(const u32 *words)
{
	u32 sum = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++)
		sum = (sum << 1 | sum >> 31) ^ words[i];
	return sum;
}

static void start_again(void)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		page[i] = i * 0x01010101 + 3;
		other[i] = 0;
	}
	*page_entry(directory, BEHIND) = *page_entry(directory, BEFORE) = 0;
	invlpg((void *)BEHIND);
	invlpg((void *)BEFORE);
	faults = 0;
}

/* Puts the page there. */
static void on_page_fault(struct frame *f)
{
	page_map(directory, cr2_get() & PTE_FRAME, (u32)other, PTE_W | PTE_U);
	faults++;
}

static const struct {
	const char *name;
	u32 (*code)(void);
} all[] = {
	{"move", move},
	{"move from", move_from},
	{"move back", move_back},
	{"move bytes", move_bytes},
	{"store", store},
	{"store first", store_first},
	{"store none", store_none},
	{"load", load},
	{"compare", compare},
	{"scan", scan},
	{"modify", modify},
	{"exchange", exchange},
	{"exchange 8", exchange_8},
	{"pop", pop},
	{"push", push},
	{"store fpu", store_fpu},
	{"bit", bit},
	/* From here on, for the kernel alone. */
	{"out", out},
	{"in", in},
	{"load far", load_far},
};

#define FOR_USERS (ARRAY_SIZE(all) - 3)

static void try_all(const char *what, bool user)
{
	print("%s\n", what);
	for (unsigned i = 0; i < (user ? FOR_USERS : ARRAY_SIZE(all)); i++) {
		start_again();
		known_pointer = (u32)page + 8; /* what the other end of a string is */
		(user ? known_user : known_kernel)(all[i].name, all[i].code);
		print("  faults mended %u, memory %08x %08x\n", faults, sum_of(page),
			sum_of(other));
	}
}

PROBE(string_faults)
{
	directory = page_alloc();
	page = page_alloc();
	other = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_map(directory, PAGE, (u32)page, PTE_W | PTE_U);
	page_map(directory, BEFORE, 0, 0); /* to be taken away at once: there is a table for it */
	known_init();
	clts();
	page_on(directory);
	try_all("kernel", false);
	try_all("user", true);
	trap_set(VECTOR_PF, on_page_fault);
	try_all("kernel, mended", false);
	try_all("user, mended", true);
}
