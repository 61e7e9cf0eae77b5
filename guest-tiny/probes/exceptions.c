/*
 * The exceptions that a kernel can make for itself without paging: vector, error code, the EIP that
 * is pushed (of the instruction for a fault, of the next for a trap; SDM 3A 6.5).
 */
#include "probe.h"

#define NOT_PRESENT FREE_SELECTOR
#define BEYOND      0xfff8 /* the last selector there can be: the GDT is shorter */

SNIPPET(divide, VALUE "xorl %ecx, %ecx; divl %ecx");
SNIPPET(divide_overflow, VALUE "movl $1, %ecx; movl %ecx, %edx; divl %ecx");
SNIPPET(breakpoint, VALUE "int3");
SNIPPET(overflow, VALUE "movl $0x7fffffff, %ecx; incl %ecx; into");
SNIPPET(no_overflow, VALUE "xorl %ecx, %ecx; into");
SNIPPET(bound, VALUE "bound %eax, bounds");
SNIPPET(undefined, VALUE "ud2");
SNIPPET(lock_register, VALUE ".byte 0xf0, 0x40"); /* LOCK INC EAX */
SNIPPET(fpu_absent, VALUE "fnop");
SNIPPET(segment_absent, VALUE "movl $0x30, %ecx; movl %ecx, %fs");
SNIPPET(stack_absent, VALUE "movl $0x30, %ecx; movl %ecx, %ss");
SNIPPET(segment_beyond, VALUE "movl $0xfff8, %ecx; movl %ecx, %gs");
SNIPPET(stack_null, VALUE "xorl %ecx, %ecx; movl %ecx, %ss");
SNIPPET(too_long, VALUE ".fill 15, 1, 0x3e; nop");

/* IRET to itself with TF: the trap comes after the instruction that follows, in this case NOP. */
SNIPPET(step, VALUE "pushl $0x102; pushl $8; pushl $1f; iret; 1: nop; nop; nop");
/* With NT, IRET returns to the task that TSS.link names, and that is no task. */
SNIPPET(nested_task, VALUE "pushl $0x4002; pushl $8; pushl $1f; iret; 1: iret");

extern const s32 bounds[2];
const s32 bounds[2] = {0, 9};

static void in_user_mode(void)
{
	try_user("user divide", divide);
	try_user("user undefined", undefined);
	try_user("user int3, gate dpl 0", breakpoint);
	trap_gate(VECTOR_BP, TYPE_TRAP_GATE32, 3);
	try_user("user int3, gate dpl 3", breakpoint);
	try_user("user no overflow", no_overflow);
}

PROBE(exceptions)
{
	PROBE_STOP(1);
	try_kernel("divide by zero", divide);
	try_kernel("divide overflow", divide_overflow);
	try_kernel("int3", breakpoint);
	try_kernel("into", overflow);
	try_kernel("into without overflow", no_overflow);
	try_kernel("bound", bound);
	try_kernel("ud2", undefined);
	try_kernel("lock inc eax", lock_register);
	cr0_set(cr0_get() | CR0_TS);
	try_kernel("fnop with ts", fpu_absent);
	clts();
	segment_set(NOT_PRESENT, 0, ~0u, ATTR_KERNEL_DATA & ~ATTR_P);
	try_kernel("fs not present", segment_absent);
	try_kernel("ss not present", stack_absent);
	try_kernel("gs beyond gdt", segment_beyond);
	try_kernel("ss null", stack_null);
	try_kernel("too long", too_long);
	try_kernel("single step", step);
	print("dr6: %x\n", dr6_get() & DR6_BS);
	task.tss.link = KERNEL_DATA;
	try_kernel("iret with nt", nested_task);
	task.tss.link = 0;
	PROBE_STOP(2);
	in_user_mode();
}
