/*
 * Single steps and breakpoints: TF across all kinds of instructions, DR0 to DR3, DR6 and DR7 (SDM
 * 3B 17.2, 17.3).
 */
#include "probe.h"

#define DR7_EXECUTE 0x0
#define DR7_WRITE   0x1
#define DR7_ACCESS  0x3
#define DR7_4_BYTES 0x3

static u32 stop_at[48], stop_dr6[48], stops;
static bool resume_flag;

extern u32 watched, step_byte[4];
u32 watched, step_byte[4];

static void on_debug(struct frame *f)
{
	if (stops < ARRAY_SIZE(stop_at)) {
		stop_dr6[stops] = dr6_get() & 0xe00f;
		stop_at[stops++] = f->eip;
	}
	dr6_set(0);
	if (resume_flag)
		f->eflags |= EFLAGS_RF;
}

static void show(const char *what, u32 (*code)(void), u32 value)
{
	print("%s: %08x", what, value);
	for (u32 i = 0; i < stops; i++)
		print(" +%u/%x", stop_at[i] - (u32)code, stop_dr6[i]);
	print("\n");
	stops = 0;
}

#define STEP_ON  "pushl $0x102; pushl $8; pushl $1f; iret; 1: "
#define STEP_OFF "pushl $0x002; pushl $8; pushl $9f; iret; 9: "

SNIPPET(plain_steps,
	VALUE STEP_ON "nop; incl %eax; movl %eax, %ecx; jmp 2f; nop; 2: decl %eax; " STEP_OFF);
SNIPPET(emulated_steps,
	VALUE STEP_ON "cli; movl %cr0, %ecx; inb $0x21, %al; movl %cr3, %ecx; movl %ecx, %cr3;"
		      "clts; rdtsc; movl $3, %eax; " STEP_OFF);
SNIPPET(string_steps, VALUE STEP_ON
	"pushl %edi; movl $step_byte, %edi; movl $3, %ecx; rep stosb; popl %edi;" STEP_OFF);
/*
 * INT clears TF for its handler, and IRET restores it: the next trap is after the instruction
 * behind INT.
 */
SNIPPET(int_steps, VALUE STEP_ON "nop; int $0x40; nop; nop; " STEP_OFF);
SNIPPET(far_steps, VALUE STEP_ON
	"ljmp $0x08, $2f; nop; 2: movl $0x10, %ecx; movl %ecx, %fs; incl %eax; " STEP_OFF);

SNIPPET(two_points, VALUE "incl %eax; incl %eax; cli; incl %eax; movl %cr0, %ecx; incl %eax");
SNIPPET(touch, VALUE "movl watched, %ecx; movl %eax, watched; addl $1, watched; "
		     "movb $5, watched + 3; xorl %ecx, %ecx");
SNIPPET(touch_by_string,
	VALUE "pushl %edi; movl $watched - 4, %edi; movl $3, %ecx; rep stosl; popl %edi");
SNIPPET(user_touch, VALUE "movl %eax, watched; incl %eax");
SNIPPET(dr4, VALUE "movl %dr4, %eax");

static void watch(unsigned n, u32 address, u32 kind, u32 length)
{
	u32 dr7 = dr7_get() & ~(0xfu << (16 + 4 * n));

	if (n)
		dr1_set(address);
	else
		dr0_set(address);
	dr7_set(dr7 | 2u << 2 * n | kind << (16 + 4 * n) | length << (18 + 4 * n));
}

static void on_call(struct frame *f)
{
	f->eax++;
}

static void try_steps(void)
{
	show("plain", plain_steps, plain_steps());
	out8(PIC_MASTER + 1, 0xff);
	show("emulated", emulated_steps, emulated_steps());
	show("string", string_steps, string_steps());
	trap_set(0x40, on_call);
	show("int", int_steps, int_steps());
	show("far", far_steps, far_steps());
}

static void try_registers(void)
{
	print("dr6: %08x dr7: %08x\n", dr6_get(), dr7_get());
	dr0_set(secret(0));
	dr1_set(secret(1));
	dr2_set(secret(2));
	dr3_set(secret(3));
	print("dr0-3: %08x %08x %08x %08x\n", dr0_get(), dr1_get(), dr2_get(), dr3_get());
	dr7_set(0x300);
	print("dr7: %08x", dr7_get());
	dr7_set(0);
	print(" %08x\n", dr7_get());
	cr4_set(cr4_get() | CR4_DE);
	try_kernel("dr4 with de", dr4);
	cr4_set(cr4_get() & ~CR4_DE);
}

static void try_breakpoints(void)
{
	resume_flag = true; /* an instruction breakpoint is a fault: RF lets the instruction run */
	watch(0, (u32)two_points + 6, DR7_EXECUTE, 0);
	watch(1, (u32)two_points + 7, DR7_EXECUTE, 0);
	show("breakpoints", two_points, two_points());
	dr7_set(0);
	resume_flag = false;
	watch(0, (u32)&watched, DR7_WRITE, DR7_4_BYTES);
	show("writes", touch, touch());
	show("string", touch_by_string, touch_by_string());
	watch(0, (u32)&watched, DR7_ACCESS, DR7_4_BYTES);
	show("accesses", touch, touch());
	show("user", user_touch, guard_user(user_touch).value);
	dr7_set(0);
	show("off", touch, touch());
	/* On the bytes of an instruction that the monitor reads: fetching is no access. */
	watch(0, (u32)two_points + 7, DR7_ACCESS, 0);
	show("code", two_points, two_points());
	dr7_set(0);
}

PROBE(debug_regs)
{
	PROBE_STOP(1);
	try_registers();
	trap_set(VECTOR_DB, on_debug);
	try_steps();
	try_breakpoints();
}
