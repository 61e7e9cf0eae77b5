/*
 * Code that believes to be at 0xc0000000 + where it is: by the base of its segments, then by page
 * tables too, then by page tables alone (high_segments.c says why).
 */
#define HIGH		0xc0000000
#define V(symbol)	(symbol + HIGH)
#define CODE_BASED	0x30
#define DATA_BASED	0x38
#define KERNEL_CODE	0x08
#define KERNEL_DATA	0x10

/* One word more of what C prints. */
	.macro	note value
	movl	\value, %eax
	stosl
	.endm

	.text
	.global	high_run
	/* high_run(cr0): EDI walks through high_notes; if cr0 is not 0 it turns paging on on the way. */
high_run:
	pushal
	movl	36(%esp), %ebp
	movl	%esp, high_esp
	movl	$V(high_notes), %edi
	ljmp	$CODE_BASED, $V(1f)
1:	movl	$DATA_BASED, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %ss
	addl	$HIGH, %esp
	call	high_exercise
	testl	%ebp, %ebp
	jz	2f
	movl	%ebp, %cr0
	call	high_exercise
2:	movl	%cr0, %eax
	testl	%eax, %eax
	jns	3f
	movl	$KERNEL_DATA, %edx	/* flat, and as high as before */
	movl	%edx, %ds
	movl	%edx, %es
	movl	%edx, %fs
	movl	%edx, %ss
	ljmp	$KERNEL_CODE, $V(1f)
1:	movb	$KERNEL_CODE, V(high_gates)
	call	set_gates
	call	high_exercise
	movb	$CODE_BASED, V(high_gates)
	call	set_gates
	ljmp	$KERNEL_CODE, $4f	/* and low */
3:	ljmp	$KERNEL_CODE, $4f
4:	movl	$KERNEL_DATA, %edx
	movl	%edx, %ds
	movl	%edx, %es
	movl	%edx, %fs
	movl	%edx, %ss
	movl	high_esp, %esp
	popal
	ret

/* The selector of the three gates: of the code that runs now. */
set_gates:
	movzbl	V(high_gates), %eax
	movw	%ax, V(idt) + 0x41 * 8 + 2
	movw	%ax, V(idt) + 6 * 8 + 2
	movw	%ax, V(idt) + 0x20 * 8 + 2
	ret

/* Calls, stack, strings, indirect jumps, interrupts of all kinds; each leaves a note. */
	.global	high_exercise
high_exercise:
	call	1f
1:	popl	%eax			/* where it believes to be */
	stosl
	note	%esp
	pushl	$0x12345678
	note	V(high_esp)
	popl	%eax
	stosl
	movl	$V(2f), %ecx
	call	*%ecx
	jmp	*V(high_table)
2:	ret
	.global	high_back
high_back:
	pushl	%edi
	movl	$V(high_words), %esi
	movl	$V(high_words) + 16, %edi
	movl	$4, %ecx
	rep movsl
	popl	%edi
	note	V(high_words) + 24
	note	%fs:V(high_words) + 28
	xorl	%edx, %edx
	int	$0x41
	note	%edx
	ud2
	note	%edx
	inb	$0x21, %al
	movl	%cr3, %edx
	pushl	$0x2			/* to itself, as kernels do to serialize */
	pushl	V(high_gates)
	pushl	$V(3f)
	iret
3:	movb	$0x30, %al		/* channel 0 once, in 255 cycles */
	outb	%al, $0x43
	movb	$0xff, %al
	outb	%al, $0x40
	xorl	%eax, %eax
	outb	%al, $0x40
	movl	%eax, V(high_ticks)
	sti
4:	cmpl	$0, V(high_ticks)
	je	4b
	cli
	movl	V(high_gates), %eax
	movw	%ax, V(high_far) + 4
	pushl	$0x1111
	lcall	*V(high_far)
	popl	%eax
	movl	$0, V(high_ticks)
	movl	$0x5a5a5a5a, %eax
	stosl
	ret

/* The gates lead here, with the code segment that they name; SS and DS are as they were. */
	.global	high_int, high_ud, high_timer, high_leaf
high_int:
	movl	4(%esp), %edx		/* CS */
	iret
high_ud:
	movl	(%esp), %edx		/* EIP */
	addl	$2, (%esp)
	iret
high_timer:
	pushl	%eax
	movb	$0x60, %al
	outb	%al, $0x20
	incl	V(high_ticks)
	popl	%eax
	iret
high_leaf:
	note	8(%esp)			/* what was below the far return address */
	lret

	.data
	.align	4
	.global	high_notes, high_words, high_table, high_far
high_table:
	.long	V(high_back)
high_far:
	.long	V(high_leaf)
	.word	CODE_BASED, 0
high_words:
	.fill	8, 4, 0
high_notes:
	.fill	64, 4, 0
	.global	high_esp, high_ticks, high_gates
high_esp:	.long	0
high_ticks:	.long	0
high_gates:	.long	CODE_BASED
