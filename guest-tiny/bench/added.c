/*
 * What single instructions of a kernel cost, for a translator that replaces them: each is run many
 * times in a row, less the loop around it. A line for each, in nanoseconds of the guest's clock:
 *
 *   added: NAME TIMES times NS ns
 */
#include "probe.h"

#include "page.h"

#define MAPPED   (8 * MIB)
#define TOUCHED  0x500000 /* a page whose entry is written again and again */
#define LOOPS    2000u
#define IN_A_ROW 16u
#define TRIP     0x81 /* the vector of INT in trips() */

/* Read and written by the code below. */
static u32 loops __attribute__((used)) = LOOPS;
static u32 *entry __attribute__((used)); /* of TOUCHED */

/* The page gets another frame; EAX holds its entry, EDX leads there. */
#define REMAP                                    \
	"xorl $0x1000, %eax; movl %eax, (%edx);" \
	"invlpg " TEXT_OF(TOUCHED) "; cmpl %eax, " TEXT_OF(TOUCHED)

/* A loop around so many copies of `body`; `first` and `last` are run once in each turn. */
#define LOOP(name, before, first, body, last)                    \
	SNIPPET(name, "movl loops, %ecx;" before "\n"            \
		      "1: " first "; .rept 16;" body "; .endr\n" \
		      "	" last "; decl %ecx; jnz 1b")

LOOP(empty, "", "", "", "");
LOOP(many_cli, "", "", "cli", "");
LOOP(many_sti, "", "", "sti", "");
LOOP(many_pushf, "", "", "pushf", "leal 64(%esp), %esp");
/* Below the stack lies what was pushed once: nothing else comes there. */
LOOP(many_popf, ".rept 16; pushf; .endr; leal 64(%esp), %esp", "leal -64(%esp), %esp", "popf", "");
LOOP(many_calls, "", "", "call only_ret", "");
LOOP(many_divides, "xorl %edx, %edx", "", "divl %edx", "");
LOOP(many_remaps, "movl entry, %edx; movl (%edx), %eax", "", REMAP, "");

SNIPPET(only_ret, "");
/* Over the DIV of two bytes: its address lies on top of the stack. */
SNIPPET(skip_divide, "addl $2, (%esp); iret");

/*
 * The way into the kernel and back, each by itself: RDTSC before and behind it. What RDTSC takes
 * itself is seen where two follow each other, in the kernel and in the program.
 */
static u32 trip_in __attribute__((used)), trip_back __attribute__((used));
static u32 clock_kernel __attribute__((used)), clock_user __attribute__((used));

SNIPPET(trip_gate, "rdtsc; movl %eax, %ecx; rdtsc; movl %eax, %edi; iret");
SNIPPET(trips, "pushal; movl loops, %esi\n"
	       "1:	rdtsc; movl %eax, %ebx; int $0x81\n"
	       "	rdtsc; movl %eax, %ebp; rdtsc\n"
	       "	subl %ebp, %eax; addl %eax, clock_user\n"
	       "	subl %edi, %ebp; addl %ebp, trip_back\n"
	       "	subl %ecx, %edi; addl %edi, clock_kernel\n"
	       "	subl %ebx, %ecx; addl %ecx, trip_in\n"
	       "	decl %esi; jnz 1b\n"
	       "	popal");

static u32 in_program(u32 (*code)(void))
{
	return guard_user(code).value;
}

static u32 in_kernel(u32 (*code)(void))
{
	return code();
}

static const struct probe {
	const char *name;
	u32 (*where)(u32 (*code)(void));
	u32 (*code)(void);
} probes[] = {
	{"CLI", in_kernel, many_cli},
	{"STI", in_kernel, many_sti},
	{"PUSHF", in_kernel, many_pushf},
	{"POPF", in_kernel, many_popf},
	{"CALL+RET", in_kernel, many_calls},
	{"divide-in-kernel", in_kernel, many_divides},
	{"divide-in-program", in_program, many_divides},
	{"remap+INVLPG+touch", in_kernel, many_remaps},
};

/* Once to warm up, once to count. */
static u32 time(const struct probe *p)
{
	u64 start;
	u32 ns;

	p->where(p->code);
	start = rdtsc();
	p->where(p->code);
	ns = rdtsc() - start;
	cli();
	return ns;
}

static void say(const char *name, u32 times, u32 ns)
{
	print("added: %s %u times %u ns\n", name, times, ns);
}

static void time_trips(void)
{
	u32 clock;

	guard_user(trips);
	trip_in = trip_back = clock_kernel = clock_user = 0;
	guard_user(trips);
	clock = (clock_kernel + clock_user) / 2;
	say("INT", LOOPS, trip_in - clock);
	say("IRET", LOOPS, trip_back - clock);
}

void guest_main(const struct multiboot_info *info)
{
	static const struct probe nothing = {"", in_kernel, empty};
	u32 *directory = page_alloc(), loop;

	page_identity(directory, MAPPED, PTE_W | PTE_U | PTE_A | PTE_D);
	entry = page_entry(directory, TOUCHED);
	page_on(directory);
	idt[VECTOR_DE] = gate_make(KERNEL_CODE, (u32)skip_divide, TYPE_INTERRUPT_GATE32, 0);
	idt[TRIP] = gate_make(KERNEL_CODE, (u32)trip_gate, TYPE_INTERRUPT_GATE32, 3);

	loop = time(&nothing);
	for (unsigned i = 0; i < ARRAY_SIZE(probes); i++)
		say(probes[i].name, LOOPS * IN_A_ROW, time(&probes[i]) - loop);
	time_trips();
	machine_end(0);
}
