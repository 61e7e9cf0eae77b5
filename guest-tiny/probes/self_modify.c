/*
 * Code that is written while it is in use: by itself, the very next instruction, through another
 * linear address, by every kind of store, in a page where data lie too. A processor runs what memory
 * holds (SDM 3A 11.6; of what is written through another address it says so behind a jump).
 *
 *   0x00c00000  two pages for code, writable    0x00d00000  the same two, again
 */
#include "page.h"
#include "probe.h"

#include "base/string.h"

#define CODE  0x00c00000
#define ALIAS 0x00d00000
#define SKEW  (ALIAS - CODE)

/* Those of the image: they run where they are linked, in pages that hold other code too. */
SNIPPET(next_instruction, "notl 1f + 1; 1: movl $" SECRET_TEXT ", %eax");
SNIPPET(next_opcode, VALUE "xorb $8, 1f; 1: incl %eax");
SNIPPET(behind_a_jump, VALUE "notl 1f + 1; jmp 1f; nop; 1: addl $0x11111111, %eax");
SNIPPET(in_a_loop, "xorl %eax, %eax; movl $100, %ecx; 1: addl $1, %eax; addb $3, 1b + 2; loop 1b;"
		   "movb $1, 1b + 2");
SNIPPET(before_itself, "xorl %eax, %eax; movl $3, %ecx; 1: addl $5, %eax; movb $6, 1b + 2; loop 1b;"
		       "movb $5, 1b + 2");
SNIPPET(called,
	VALUE "call 1f; movb $9, 1f + 2; call 1f; movb $1, 1f + 2; jmp 2f; 1: addl $1, %eax;"
	      "ret; 2:");
/* REP MOVS over what is before it, itself (by the same bytes), and behind it. */
SNIPPET(by_string,
	VALUE "pushl %esi; pushl %edi; movl $1f, %esi; movl $2f, %edi; movl $3f - 2f, %ecx;"
	      "jmp 2f; 1: nop; rep movsb; incl %eax; incl %eax;"
	      "2: nop; rep movsb; decl %eax; decl %eax; 3: popl %edi; popl %esi");
SNIPPET(push_over, "movl %esp, %edx; movl $0x00c00005, %esp; pushl pushed; movl %edx, %esp");

extern u32 pushed;
u32 pushed;

static u32 *directory;
static u8 *frame[2];

typedef u32 (*code_at)(void);

/* MOV EAX, imm32; RET */
static void put_return(u8 *at, u32 value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

static void copy_string(void *to, const void *from, u32 count)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static void store_string(void *to, u32 value, u32 count)
{
	asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

static u32 run(u32 address)
{
	return ((code_at)address)();
}

static void show(const char *what, u32 value)
{
	print("%s: %08x\n", what, value);
}

static void try_image(void)
{
	for (unsigned i = 0; i < 3; i++) {
		show("next instruction", next_instruction());
		show("next opcode", next_opcode());
		show("behind a jump", behind_a_jump());
		show("in a loop", in_a_loop());
		show("before itself", before_itself());
		show("called", called());
	}
}

/* As an emulator, a debugger or a packet filter makes code: again and again in one place. */
static void try_generated(void)
{
	u32 sum = 0;

	for (unsigned i = 0; i < 300; i++) {
		put_return((u8 *)CODE + (i & 7) * 3, secret(i));
		sum += run(CODE + (i & 7) * 3);
	}
	show("generated", sum);
	for (unsigned i = sum = 0; i < 300; i++) {
		put_return((u8 *)ALIAS, secret(i));
		sum += run(CODE);
		put_return(frame[0], secret(i + 1));
		sum += run(ALIAS) + run(CODE);
	}
	show("generated elsewhere", sum);
}

/* An instruction that lies in two pages: each half, and the mapping of the second, changes alone. */
static void try_crossing(void)
{
	u8 *at = (u8 *)CODE + PAGE_SIZE - 3;

	put_return(at, secret(1));
	show("crossing", run((u32)at));
	at[1] ^= 0xff;
	show("first half", run((u32)at));
	at[4] ^= 0xff;
	show("second half", run((u32)at));
	at[SKEW + 3] ^= 0xff;
	show("by its other name", run((u32)at));
	memcpy(frame[0], frame[1], 16);
	frame[0][0] ^= 0x55;
	page_map(directory, CODE + PAGE_SIZE, (u32)frame[0], PTE_W | PTE_U);
	invlpg((void *)(CODE + PAGE_SIZE));
	show("second page, another", run((u32)at));
	page_map(directory, CODE + PAGE_SIZE, (u32)frame[1], PTE_W | PTE_U);
	invlpg((void *)(CODE + PAGE_SIZE));
	show("and back", run((u32)at));
}

/* Stores of all kinds to the immediate of the same instruction, at CODE + 1. */
static void try_stores(void)
{
	u64 old, new;
	u32 number = secret(6);

	put_return((u8 *)CODE, 0);
	asm volatile("movw $0x5151, %0" : "=m"(*(u16 *)(CODE + 1)));
	show("movw", run(CODE));
	asm volatile("lock incl %0" : "+m"(*(u32 *)(CODE + 1)));
	show("lock inc", run(CODE));
	asm volatile("xchgl %0, %1" : "+m"(*(u32 *)(CODE + 1)) : "r"(secret(3)));
	show("xchg", run(CODE));
	asm volatile("btcl $31, %0" : "+m"(*(u32 *)(CODE + 1)));
	show("btc", run(CODE));
	asm volatile("pushl %1; popl %0" : "=m"(*(u32 *)(CODE + 1)) : "r"(secret(4)));
	show("pop", run(CODE));
	old = new = *(u64 *)CODE;
	memcpy((u8 *)&new + 1, &number, 4);
	asm volatile("lock cmpxchg8b %0"
		     : "+m"(*(u64 *)CODE), "+A"(old)
		     : "b"((u32) new), "c"((u32)(new >> 32)));
	show("cmpxchg8b", run(CODE));
	number = secret(5);
	copy_string((void *)(CODE + 1), &number, 4);
	show("rep movsb", run(CODE));
	store_string((void *)(CODE + 1), 0x6b, 4);
	show("rep stosb", run(CODE));
	asm volatile("fildl %1; fistpl %0" : "=m"(*(u32 *)(CODE + 1)) : "m"(number));
	show("fistp", run(CODE));
	asm volatile("fnstcw %0" : "=m"(*(u16 *)(CODE + 1)));
	show("fnstcw", run(CODE));
	asm volatile("movd %1, %%mm0; movd %%mm0, %0; emms"
		     : "=m"(*(u32 *)(CODE + 1))
		     : "r"(number + 1));
	show("movd", run(CODE));
	pushed = secret(4);
	push_over();
	show("push", run(CODE));
}

/* Data beside code: stores that change no instruction, and a stack in the page. */
static void try_mixed_page(void)
{
	static const u8 counter[] = {
		0xff,
		0x05,
		0,
		0x01,
		0xc0,
		0, /* INCL CODE + 0x100 */
		0x51,
		0x59, /* PUSH ECX; POP ECX */
		0x49,
		0x75,
		0xf5, /* DEC ECX; JNZ the first */
		0xc3,
	};
	u32 esp;

	memcpy((void *)CODE, counter, sizeof counter);
	*(u32 *)(CODE + 0x100) = secret(7);
	asm volatile("movl %%esp, %0; movl %2, %%esp; call *%1; movl %0, %%esp"
		     : "=&b"(esp)
		     : "d"(CODE), "S"(CODE + 0x800), "c"(5000)
		     : "memory");
	show("data and stack beside it", *(u32 *)(CODE + 0x100) - secret(7));
}

static u32 breakpoints;

static void on_breakpoint(struct frame *f)
{
	breakpoints++;
	*(u8 *)(f->eip + SKEW - 1) = 0xb8;
	f->eip--;
}

/* INT3 over the first byte and back, as debuggers and kernels do. */
static void try_breakpoint(void)
{
	u32 sum = 0;

	trap_set(VECTOR_BP, on_breakpoint);
	put_return((u8 *)CODE, secret(8));
	for (unsigned i = 0; i < 50; i++) {
		if (i % 5 == 0)
			*(u8 *)ALIAS = 0xcc;
		sum += run(CODE);
	}
	print("breakpoints: %u sum %08x\n", breakpoints, sum);
}

/* User code: written by the kernel, run by the user; written by the user, run by the kernel. */
static u32 user_writes(void)
{
	put_return((u8 *)CODE, secret(9));
	return run(CODE);
}

static void try_users(void)
{
	u32 sum = 0;

	for (unsigned i = 0; i < 20; i++) {
		put_return((u8 *)CODE, secret(i));
		sum = sum * 31 + run(CODE) + guard_user((code_at)CODE).value;
		sum = sum * 31 + guard_user(user_writes).value + run(CODE);
	}
	show("users", sum);
}

PROBE(self_modify)
{
	directory = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	for (unsigned i = 0; i < 2; i++) {
		frame[i] = page_alloc();
		page_map(directory, CODE + i * PAGE_SIZE, (u32)frame[i], PTE_W | PTE_U);
		page_map(directory, ALIAS + i * PAGE_SIZE, (u32)frame[i], PTE_W | PTE_U);
	}
	clts();
	try_image();
	page_on(directory);
	try_image();
	show("by string", by_string());
	try_generated();
	try_crossing();
	try_stores();
	try_mixed_page();
	try_breakpoint();
	try_users();
}
