/*
 * The first and the commonest code of a guest.
 *
 * 1. The loader finds the Multiboot header and jumps to guest_entry in protected mode, paging off,
 *    interrupts masked, EAX a magic number, EBX the boot information (Multiboot 0.6.96, 3.2).
 * 2. A stack is set; guest_start() in machine.c does the rest and calls guest_main().
 * 3. From then on the processor comes here for every exception and interrupt: trap_stubs holds one
 *    short stub for each of the 256 vectors, and all of them lead to trap_common.
 */
#include "segment.h"

	.section .multiboot, "a"
	.align	4
	.long	0x1badb002
	.long	0x3		/* modules on pages, memory sizes wanted */
	.long	-(0x1badb002 + 0x3)

	.text
	.global	guest_entry
guest_entry:
	movl	$stack_top, %esp
	xorl	%ebp, %ebp
	pushl	%ebx
	pushl	%eax
	call	guest_start
	ud2

/*
 * The stack as struct frame in trap.h sees it, from high to low:
 *
 *   [SS, ESP, if from user mode] EFLAGS CS EIP | error code, or 0 | vector | DS ES | PUSHA
 */
trap_common:
	pushl	%ds
	pushl	%es
	pushal
	cld
	movl	$KERNEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	pushl	%esp
	call	trap_dispatch
	addl	$4, %esp
	/* A new thread of an operating system may begin here, on a frame made by hand. */
	.global	trap_return
trap_return:
	popal
	popl	%es
	popl	%ds
	addl	$8, %esp
	iret

/* Vectors 8, 10 to 14, 17 push an error code (SDM 3A table 6-1): the others get a 0 in its place. */
#define HAS_ERROR	0x00027d00

	.global	trap_stubs
	.align	16
trap_stubs:
	.set	vector, 0
	.rept	256
	.align	16
	.if	!((HAS_ERROR >> (vector & 31)) & 1 & (vector < 32))
	pushl	$0
	.endif
	pushl	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

	.section .stack, "aw", @nobits
	.align	4096
	.global	stack_bottom, stack_top
stack_bottom:
	.skip	16384
stack_top:
