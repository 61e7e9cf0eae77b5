/*
 * Calls that can be left from any depth, as setjmp and longjmp do, and one that goes to user mode.
 *
 * guard_top holds the stack pointer of the innermost call; below it lie what the caller wants kept:
 *
 *   return address | EBP EBX ESI EDI | guard_top of the call around this one     <- guard_top
 */
#include "segment.h"

	.macro	enter_guard
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	pushl	guard_top
	movl	%esp, guard_top
	.endm

	.text
	.global	guard_call
guard_call:
	enter_guard
	call	*24(%esp)
	jmp	leave_guard

/* guard_call_user(code, esp, eflags) */
	.global	guard_call_user
guard_call_user:
	enter_guard
	movl	24(%esp), %eax
	movl	28(%esp), %edx
	movl	32(%esp), %ecx
	movl	%esp, task + 4		/* TSS.esp0: where the next trap from user mode starts */
	subl	$4, %edx
	movl	$user_return, (%edx)	/* where the code returns to */
	movl	$USER_DATA, %ebx
	movl	%ebx, %ds
	movl	%ebx, %es
	pushl	%ebx
	pushl	%edx
	pushl	%ecx
	pushl	$USER_CODE
	pushl	%eax
	iret

/* In user mode: system call 0 takes the value home. */
user_return:
	movl	%eax, %ebx
	xorl	%eax, %eax
	int	$0x80

	.global	guard_unwind
guard_unwind:
	movl	4(%esp), %eax
leave_guard:
	movl	guard_top, %esp
	popl	guard_top
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret

	.bss
	.align	4
guard_top:
	.skip	4
