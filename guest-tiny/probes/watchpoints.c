/*
 * Breakpoints 0 to 3 on code and data of all kinds, in the kernel and in a user program: where each
 * trap is, and what DR6 says (SDM 3B 17.2, 17.3.1; lib/steps.h says how to read a line).
 */
#include "page.h"
#include "probe/steps.h"

#define EXECUTE 0u
#define WRITE   1u
#define ACCESS  3u
#define BYTE    0u
#define WORD    1u
#define DWORD   3u

extern u32 watched[4];
u32 watched[4];

#define PLAIN(name, code) SNIPPET(name, VALUE code)

PLAIN(loop, "movl $3, %ecx; 1: incl %eax; decl %eax; loop 1b");
PLAIN(masks, "cli; incl %eax; sti; decl %eax; cli; pushfl; popfl");
PLAIN(flow,
	"call 1f; jmp 2f; 1: ret; 2: pushl $3f; ret; 3: pushl $2; pushl $8; pushl $4f; iret; 4: nop");
PLAIN(software, "int $0x40; nop; int3; nop; ud2; nop");
PLAIN(emulated, "movl %cr0, %ecx; movl %ecx, %cr0; pushl %ds; popl %es; nop");
PLAIN(stores,
	"movl %eax, watched; movb $1, watched + 3; movw $2, watched + 2; movl $3, watched + 4;"
	"incl watched; nop");
PLAIN(loads, "movl watched, %ecx; cmpb $0, watched + 1; testl %ecx, watched + 4; pushl watched;"
	     "popl %ecx; nop");
PLAIN(stack,
	"movl %esp, %edx; movl $watched + 4, %esp; pushl %eax; popl %ecx; call 1f; 1: popl %ecx;"
	"pushfl; popl %ecx; movl %edx, %esp; nop");
PLAIN(strings,
	"pushl %esi; pushl %edi; movl $watched, %esi; leal 8(%esi), %edi; movsl; cmpsb;"
	"movl $watched - 4, %edi; movl $3, %ecx; movb %al, %al; rep stosl; popl %edi; popl %esi; nop");

static void set(unsigned n, u32 address, u32 kind, u32 bytes)
{
	if (n == 0)
		dr0_set(address);
	else if (n == 1)
		dr1_set(address);
	else if (n == 2)
		dr2_set(address);
	else
		dr3_set(address);
	dr7_set((dr7_get() & ~(0xfu << (16 + 4 * n) | 3u << 2 * n)) | 2u << 2 * n |
		kind << (16 + 4 * n) | bytes << (18 + 4 * n));
}

static void show(const char *what, u32 (*code)(void))
{
	steps_show(what, code, code());
}

static void show_user(const char *what, u32 (*code)(void))
{
	steps_show(what, code, guard_user(code).value);
}

/* On each of three instructions, and all of them at once. */
static void try_code(const char *what, u32 (*code)(void), u32 first, u32 second, u32 third)
{
	print("%s\n", what);
	set(0, (u32)code + first, EXECUTE, BYTE);
	show(" one", code);
	set(1, (u32)code + second, EXECUTE, BYTE);
	set(2, (u32)code + third, EXECUTE, BYTE);
	show(" three", code);
	dr7_set(0);
	show(" none", code);
}

static void try_data(u32 kind, const char *what)
{
	static const struct {
		const char *name;
		u32 at, bytes;
	} place[] = {
		{" four bytes", 0, DWORD}, {" the last two", 2, WORD}, {" the second", 1, BYTE}};

	for (unsigned i = 0; i < ARRAY_SIZE(place); i++) {
		print("%s%s\n", what, place[i].name);
		set(3, (u32)watched + place[i].at, kind, place[i].bytes);
		show(" stores", stores);
		show(" loads", loads);
		show(" strings", strings);
		show_user(" user stores", stores);
		show_user(" user loads", loads);
		show_user(" user strings", strings);
		dr7_set(0);
	}
	set(3, (u32)watched, kind, DWORD);
	show_user("user stack", stack);
	dr7_set(0);
}

/* But not with steps or with a breakpoint on code: TCG says of a step what the last store has hit. */
static void try_together(void)
{
	set(0, (u32)watched, WRITE, DWORD);
	set(2, (u32)watched, ACCESS, WORD);
	show("two on one", stores);
	dr7_set(0);
	show("off", stores);
}

PROBE(watchpoints)
{
	steps_init();
	try_code("loop", loop, 5, 10, 12);
	try_code("masks", masks, 5, 6, 7);
	try_code("flow", flow, 5, 10, 12);
	/* None right behind an interrupt: TCG takes RF there along in the flags that it pushes. */
	try_code("software", software, 5, 8, 10);
	try_code("emulated", emulated, 5, 8, 11);
	set(1, (u32)loop + 10, EXECUTE, BYTE);
	show_user("user loop", loop);
	dr7_set(0);
	try_data(WRITE, "written,");
	try_data(ACCESS, "accessed,");
	try_together();
}
