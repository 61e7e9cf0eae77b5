/*
 * What the manual says of IRET's stack and QEMU's TCG does not check: the frame must lie within the limit of SS,
 * also where one came through with another stack before (SDM 2A IRET; 3A 5.3).
 */
#include "probe.h"

#define SHORT "0x30" /* a stack that ends at LIMIT */
#define LIMIT 0x7103
#define FRAME "0x7108" /* where three words below are not all within it */
#define TIMES 3

/* Read and written by the code below. */
static u32 saved __attribute__((used)), back __attribute__((used)), result __attribute__((used));
static u32 stack __attribute__((used));

SNIPPET(return_by_stack,
	"pushl %ebx; movl %esp, saved; movl $2f, back; movl $1, result\n"
	"	movl $" FRAME ", %esp; pushfl; pushl $8; pushl $1f\n"
	"	movl stack, %eax; movl %esp, %ebx; movl %eax, %ss; movl %ebx, %esp; iret\n"
	"1:	movl $0x10, %eax; movl %eax, %ss; movl saved, %esp\n"
	"2:	movl result, %eax; popl %ebx");
SNIPPET(on_stack_fault, "popl %eax; orl $0x10000, %eax; movl %eax, result\n"
			"	movl $0x10, %eax; movl %eax, %ss; movl saved, %esp; jmp *back");

static void try_stack(const char *what, u32 selector)
{
	stack = selector;
	print("%s:", what);
	for (unsigned i = 0; i < TIMES; i++)
		print(" %x", return_by_stack());
	print("\n");
}

PROBE(strict_iret)
{
	segment_set(0x30, 0, LIMIT, ATTR_KERNEL_DATA & ~ATTR_G);
	idt[VECTOR_SS] = gate_make(KERNEL_CODE, (u32)on_stack_fault, TYPE_INTERRUPT_GATE32, 0);
	try_stack("short", 0x30);
	try_stack("flat", KERNEL_DATA);
	try_stack("short again", 0x30);
}
