/* Into a random program: its stack, a frame to return from, its registers. */
#include "segment.h"

/* Offsets into struct program in arena.h. */
#define PROGRAM_EIP	12
#define PROGRAM_EFLAGS	16
#define PROGRAM_GPR	20

	.text
	.global	fuzz_enter
fuzz_enter:
	movl	fuzz_program, %eax
	movl	PROGRAM_GPR + 16(%eax), %esp
	pushl	PROGRAM_EFLAGS(%eax)
	pushl	$KERNEL_CODE
	pushl	PROGRAM_EIP(%eax)
	movl	PROGRAM_GPR + 4(%eax), %ecx
	movl	PROGRAM_GPR + 8(%eax), %edx
	movl	PROGRAM_GPR + 12(%eax), %ebx
	movl	PROGRAM_GPR + 20(%eax), %ebp
	movl	PROGRAM_GPR + 24(%eax), %esi
	movl	PROGRAM_GPR + 28(%eax), %edi
	movl	PROGRAM_GPR(%eax), %eax
	iret
