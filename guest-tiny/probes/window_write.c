/*
 * A guest that uses the linear addresses where a monitor may sit, 0xe0000000 to 0xe3ffffff: what it
 * maps there is its own memory, by whatever instruction it comes; what it does not map is #PF.
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define PAGES     4
#define NEW_STACK 0xe0401000

/* The window's first page, two next to each other, and its last. */
static const u32 place[PAGES] = {0xe0000000, 0xe0400000, 0xe0401000, 0xe3fff000};
static u32 *page[PAGES];

extern u32 target;
u32 target;

SNIPPET(write, VALUE "movl target, %ecx; movl %eax, (%ecx)");
SNIPPET(read, VALUE "movl target, %ecx; addl (%ecx), %eax");
SNIPPET(modify, VALUE
	"movl target, %ecx; addl %eax, (%ecx); incl 4(%ecx); notb 8(%ecx); xchgl %eax, 12(%ecx)");
SNIPPET(compare,
	VALUE "movl target, %ecx; lock cmpxchgl %ecx, 16(%ecx); btsl $7, 20(%ecx); sete %al");
SNIPPET(fill, VALUE "pushl %edi; movl target, %edi; movl $1000, %ecx; rep stosl; popl %edi");
SNIPPET(copy, VALUE "pushl %esi; pushl %edi; movl target, %esi; leal 8(%esi), %edi; "
		    "movl $300, %ecx; rep movsl; popl %edi; popl %esi");
SNIPPET(scan, VALUE
	"pushl %edi; movl target, %edi; movl $2000, %ecx; repe scasl; movl %ecx, %eax; popl %edi");
SNIPPET(bytes, "movl target, %ecx; movb $0x5a, 1(%ecx); movw $0x1234, 2(%ecx); "
	       "movzbl 1(%ecx), %eax; movswl 2(%ecx), %edx; addl %edx, %eax");
SNIPPET(stack, VALUE "movl %esp, %edx; movl $0xe0401000, %esp; pushl %eax; pushl $7; pushal; "
		     "popal; popl %ecx; popl %eax; addl %ecx, %eax; movl %edx, %esp");
SNIPPET(call, "movl %esp, %edx; movl $0xe0401000, %esp; call 1f; jmp 2f; "
	      "1: movl (%esp), %eax; subl $call, %eax; ret; 2: movl %edx, %esp");
SNIPPET(state, "clts; movl target, %ecx; fninit; fld1; fxsave (%ecx); fninit; "
	       "fxrstor (%ecx); fistpl target_value; movl target_value, %eax");

extern u32 target_value;
u32 target_value;

static u32 sum(const u32 *words)
{
	u32 s = 0;

	for (unsigned i = 0; i < PT_ENTRIES; i++)
		s = s * 31 + words[i];
	return s;
}

static void show(const char *what, u32 (*code)(void))
{
	try_kernel(what, code);
	print(" sums %08x %08x %08x %08x\n", sum(page[0]), sum(page[1]), sum(page[2]),
		sum(page[3]));
}

static void try_everything(u32 address)
{
	target = address;
	print("at %08x\n", address);
	show("write", write);
	show("read", read);
	show("modify", modify);
	show("compare", compare);
	show("bytes", bytes);
	try_user("user write", write);
	try_user("user read", read);
}

/* The processor's own accesses: descriptor tables, TSS and interrupt frames there. */
static void try_tables(void)
{
	struct table_register here = {sizeof gdt - 1, (u32)gdt}, there = {2047, place[1]};
	struct table_register idt_here = {2047, (u32)idt}, idt_there = {2047, place[2]};

	memcpy(page[1], gdt, 2048);
	memcpy(page[2], idt, 2048);
	lgdt(&there);
	lidt(&idt_there);
	try_kernel("tables there", modify);
	try_user("user, tables there", write);
	asm volatile("int3" : : : "memory");
	lgdt(&here);
	lidt(&idt_here);
}

static void on_breakpoint(struct frame *f)
{
	print("breakpoint: cs %x\n", f->cs);
}

PROBE(window_write)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	for (unsigned i = 0; i < PAGES; i++) {
		page[i] = page_alloc();
		page_map(directory, place[i], (u32)page[i], PTE_W | PTE_U);
		for (unsigned k = 0; k < PT_ENTRIES; k++)
			page[i][k] = secret(i * PT_ENTRIES + k);
	}
	cr4_set(cr4_get() | CR4_OSFXSR);
	trap_set(VECTOR_BP, on_breakpoint);
	page_on(directory);
	PROBE_STOP(1);
	for (unsigned i = 0; i < PAGES; i++)
		try_everything(place[i] + (SECRET & 0xf00));
	try_everything(place[2] - 2); /* across two pages */
	target = place[1];
	show("fill", fill);
	show("copy", copy);
	show("scan", scan);
	show("stack", stack);
	show("call", call);
	target = place[3];
	try_kernel(
		"fpu state", state); /* its image also holds CS, which is not the same in ring 3 */
	try_tables();
	target = place[0] + PAGE_SIZE;
	try_kernel("not mapped: read", read);
	try_kernel("not mapped: write", write);
	try_user("not mapped: user write", write);
	target = place[3] + PAGE_SIZE - 2;
	try_kernel("out of the window: write", write);
}
