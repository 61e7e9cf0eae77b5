/*
 * Memory that is no RAM: the text screen at 0xb8000, by every kind of instruction, and what lies
 * beyond the end of memory. The bare machine of the tests has no screen; this is for the cave.
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define SCREEN 0xb8000
#define BEYOND 0x10000000 /* 256 MiB: more than a machine has */
#define WINDOW 0x00c00000 /* where the screen is mapped, with paging */
#define AT     VALUE "movl mmio_target, %edx; "

extern u32 mmio_target;
u32 mmio_target;

SNIPPET(move_32, AT "movl %eax, (%edx); movl (%edx), %eax");
SNIPPET(move_16, AT "movw %ax, 4(%edx); movzwl 4(%edx), %eax");
SNIPPET(move_8, AT "movb %ah, 6(%edx); movsbl 6(%edx), %eax");
SNIPPET(move_imm, AT
	"movl $0x01020304, 8(%edx); movw $0x0506, 8(%edx); movb $7, 8(%edx); movl 8(%edx), %eax");
SNIPPET(move_unaligned, AT "movl %eax, 13(%edx); movl 13(%edx), %eax");
SNIPPET(alu, AT "movl %eax, (%edx); addl $5, (%edx); xorl %eax, (%edx); "
		"orl (%edx), %eax; subb $1, 1(%edx); adcl (%edx), %eax");
SNIPPET(unary, AT "movl %eax, (%edx); incl (%edx); notl (%edx); negl (%edx); "
		  "shll $3, (%edx); decb (%edx); movl (%edx), %eax");
SNIPPET(bits, AT "movl %eax, (%edx); btsl $8, (%edx); btrl $2, (%edx); setc 3(%edx); "
		 "bsfl (%edx), %ecx; movl (%edx), %eax; addl %ecx, %eax");
SNIPPET(exchange,
	AT "movl $9, (%edx); xchgl %eax, (%edx); lock xaddl %eax, (%edx); addl (%edx), %eax");
SNIPPET(compare, AT "movl %eax, (%edx); movl $3, %ecx; cmpxchgl %ecx, (%edx); "
		    "testl $2, (%edx); setnz %al; cmpl $3, (%edx); sete %ah");
SNIPPET(multiply, AT "movl $7, (%edx); imull (%edx), %eax");
SNIPPET(stack, AT "pushl %eax; popl (%edx); pushl (%edx); popl %eax; incl %eax");
SNIPPET(store_string, AT "pushl %edi; movl %edx, %edi; movl $20, %ecx; rep stosw; "
			 "movl %edi, %eax; subl %edx, %eax; popl %edi");
SNIPPET(scroll, AT "pushl %esi; pushl %edi; leal 160(%edx), %esi; movl %edx, %edi; "
		   "movl $40, %ecx; rep movsl; popl %edi; popl %esi; movl (%edx), %eax");
SNIPPET(scan_string, AT "pushl %edi; movl %edx, %edi; movl $40, %ecx; movl $0x07, %eax; "
			"repne scasb; movl %ecx, %eax; popl %edi");
SNIPPET(load_string, AT
	"pushl %esi; movl %edx, %esi; lodsl; movl %eax, %ecx; lodsb; addl %ecx, %eax; popl %esi");
SNIPPET(read_beyond, "movl 0x10000000, %eax");
SNIPPET(write_beyond, VALUE "movl %eax, 0x10000000; movl 0x10000000, %eax");
SNIPPET(modify_beyond, VALUE "incl 0x10000000; movzbl 0x10000003, %eax");

static const struct {
	const char *name;
	u32 (*code)(void);
} forms[] = {
	{"mov 32", move_32},
	{"mov 16", move_16},
	{"mov 8", move_8},
	{"mov imm", move_imm},
	{"unaligned", move_unaligned},
	{"alu", alu},
	{"unary", unary},
	{"bits", bits},
	{"exchange", exchange},
	{"compare", compare},
	{"multiply", multiply},
	{"stack", stack},
	{"stos", store_string},
	{"movs", scroll},
	{"scas", scan_string},
	{"lods", load_string},
};

static u32 sum(const volatile u8 *bytes)
{
	u32 s = 0;

	for (unsigned i = 0; i < 320; i++)
		s = s * 31 + bytes[i];
	return s;
}

/* The same instructions on ordinary memory are the reference: the screen must end up the same. */
static void try_forms(u32 address)
{
	static u8 reference[320] __attribute__((aligned(4)));
	volatile u8 *screen = (volatile u8 *)address;
	unsigned good = 0;

	for (unsigned i = 0; i < sizeof reference; i++)
		screen[i] = reference[i] = secret(i);
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		u32 got, want;

		mmio_target = (u32)reference;
		want = forms[i].code();
		mmio_target = address;
		got = forms[i].code();
		if (got == want && sum(screen) == sum(reference))
			good++;
		else
			print("%s: %08x not %08x\n", forms[i].name, got, want);
	}
	print("as memory: %u of %u\n", good, ARRAY_SIZE(forms));
}

static void with_paging(void)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W);
	page_map(directory, WINDOW, SCREEN, PTE_W);
	page_map(directory, BEYOND, BEYOND, PTE_W);
	page_on(directory);
	try_forms(WINDOW);
	print("accessed %u dirty %u\n", !!(*page_entry(directory, WINDOW) & PTE_A),
		!!(*page_entry(directory, WINDOW) & PTE_D));
}

static void try_beyond(void)
{
	try_kernel("read beyond memory", read_beyond);
	try_kernel("write beyond memory", write_beyond);
	try_kernel("modify beyond memory", modify_beyond);
}

PROBE(mmio)
{
	PROBE_STOP(1);
	try_forms(SCREEN);
	try_forms(SCREEN + 160 * 20);
	try_beyond();
	with_paging();
	try_beyond();
}
