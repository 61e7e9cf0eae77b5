/*
 * Ring 3 and back: a system call changes the stack by the TSS, and IRET returns to where it came
 * from.
 */
#include "probe.h"

#define CALL_SHOW 1
#define CALL_ADD  2
#define ROUNDS    100

static u32 calls, bad_stack;

/* A processor that enters the kernel pushes from TSS.esp0 downwards: the frame ends there. */
static u32 from_top(const struct frame *f)
{
	return task.tss.esp0 - (u32)(f + 1);
}

static void show(const struct frame *f)
{
	print("call: cs %x ss %x ds %x flags %x esp %d eip after int %d\n", f->cs, f->ss, f->ds,
		f->eflags & FLAGS_SHOWN, (s32)(f->esp - (u32)user_stack - PAGE_SIZE),
		*(u16 *)(f->eip - 2) == 0x80cd);
	print("registers: %08x %08x %08x %08x\n", f->ebx, f->ecx, f->edx, f->esi);
	print("kernel stack: %u from the top\n", from_top(f));
}

static void on_call(struct frame *f)
{
	calls++;
	bad_stack += from_top(f) != 0;
	if (f->eax == CALL_SHOW)
		show(f);
	f->eax = f->ebx + f->ecx;
}

static inline u32 user_call(u32 number, u32 a, u32 b)
{
	u32 result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(a), "c"(b), "d"(0xdddd), "S"(0x5151)
		     : "memory");
	return result;
}

/* The functions whose names begin with user_ run in user mode. */
static u32 user_rounds(void)
{
	u32 sum = user_call(CALL_SHOW, SECRET, 1);

	PROBE_STOP(1);
	for (u32 n = 0; n < ROUNDS; n++)
		sum = user_call(CALL_ADD, sum, n);
	return sum;
}

/* INT 0x80 leaves everything but EAX as it is: registers, stack and flags. */
SNIPPET(user_keeps,
	"pushl %ebx; pushl %esi; pushl %edi; pushl %ebp;"
	"movl $0x11, %ebx; movl $0x22, %ecx; movl $0x33, %edx; movl $0x44, %esi;"
	"movl $0x55, %edi; movl %esp, %ebp; pushl $" SECRET_TEXT ";"
	"movl $2, %eax; stc; int $0x80; sbbl %eax, %eax; popl %eax;"
	"addl %ebx, %eax; addl %ecx, %eax; addl %edx, %eax; addl %esi, %eax; addl %edi, %eax;"
	"subl %ebp, %eax; addl %esp, %eax;"
	"popl %ebp; popl %edi; popl %esi; popl %ebx");
SNIPPET(user_carry, "pushl %ebx; movl $2, %eax; stc; int $0x80; sbbl %eax, %eax; popl %ebx");
SNIPPET(user_kernel_call, VALUE "int $0x81");

PROBE(syscall)
{
	struct outcome o;

	guard_set_syscall(on_call);
	o = guard_user(user_rounds);
	print("rounds: trapped %u value %08x calls %u bad stacks %u\n", o.trapped, o.value, calls,
		bad_stack);
	PROBE_STOP(2);
	try_user("keeps", user_keeps);
	try_user("carry", user_carry);
	guard_user_eflags |= EFLAGS_IF;
	guard_user(user_rounds);
	try_user("a gate for the kernel", user_kernel_call);
}
