/*
 * The world switch. There and back, in steps:
 *
 *   hw_enter(frame), its argument in EAX
 *     1. save what C expects to find again on the monitor's stack, and remember that stack;
 *     2. tell the TSS where the next trap's stack begins: at the end of the frame;
 *     3. make the frame the stack, pop everything from it, and IRET to ring 3.
 *   a trap from ring 3
 *     4. the processor takes SS0:ESP0, the end of the same frame, and pushes its part;
 *     5. the stub pushes the vector, the common part the other registers: the frame is full again;
 *     6. back to the remembered stack, and return to whoever called hw_enter().
 *   a trap from ring 0
 *     4'. no stack is switched: the frame lies on the monitor's own, without ESP and SS;
 *     6'. hw_monitor_trap(): an interrupt that ended the idle loop's sleep, else a panic; but
 *     7. a fault in step 3 is the guest's: the processor refuses its state. Back to C as in 6.
 */
#include "x86/selectors.h"

#define TSS_ESP0       4
#define EFLAGS_VM      0x20000
#define VECTOR_VM86    0x100	/* these three: hw/trap.h */
#define VECTOR_REFUSED 0x101
#define VECTOR_LIMIT   0x30

#define FRAME_SIZE     204	/* from the frame's start */
#define FRAME_GS       128
#define FRAME_VECTOR   176
#define EIP_FROM_GS    56	/* from where ESP is when all is pushed */
#define CS_FROM_GS     60
#define EFLAGS_FROM_GS 64

	.text
	.globl hw_enter
hw_enter:
	push	%ebp			/* 1 */
	push	%ebx
	push	%esi
	push	%edi
	mov	%esp, monitor_esp
	lea	FRAME_SIZE(%eax), %ecx	/* 2 */
	mov	%ecx, monitor_tss + TSS_ESP0
	lea	FRAME_GS(%eax), %esp	/* 3 */
enter_first:
	pop	%gs
	pop	%fs
	pop	%es
	pop	%ds
	popa
	add	$8, %esp
enter_last:
	iret

/* 5. Every frame has an error code: the processor's (vectors 8, 10-14, 17), or a 0. */
	.balign	16
	.globl trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	VECTOR_LIMIT
	.balign	16
	.if	!(0x27d00 >> vector & 1)
	push	$0
	.endif
	push	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

trap_common:
	pusha
	push	%ds
	push	%es
	push	%fs
	push	%gs
	mov	$SELECTOR_DATA, %ax
	mov	%eax, %ds
	mov	%eax, %es
	cld
	testl	$EFLAGS_VM, EFLAGS_FROM_GS(%esp)
	jnz	vm86_trap
	testb	$3, CS_FROM_GS(%esp)
	jz	monitor_trap
6:	mov	monitor_esp, %esp	/* 6 */
	pop	%edi
	pop	%esi
	pop	%ebx
	pop	%ebp
	ret

vm86_trap:				/* four words more: the frame lies 16 bytes too low */
	movl	$VECTOR_VM86, FRAME_VECTOR - FRAME_GS + 16(%esp)
	jmp	6b

monitor_trap:
	mov	EIP_FROM_GS(%esp), %eax
	cmp	$enter_first, %eax
	jb	own_trap
	cmp	$enter_last, %eax
	ja	own_trap
	mov	monitor_tss + TSS_ESP0, %eax	/* 7 */
	movl	$VECTOR_REFUSED, FRAME_VECTOR - FRAME_SIZE(%eax)
	jmp	6b

own_trap:				/* 6' */
	lea	-FRAME_GS(%esp), %eax
	call	hw_monitor_trap
	add	$8, %esp		/* GS and FS may not be loadable any more, and are a guest's */
	pop	%es
	pop	%ds
	popa
	add	$8, %esp
	iret

/* int hw_mark(struct hw_mark *): the registers that C keeps across calls, our return address. */
	.globl hw_mark
hw_mark:
	mov	(%esp), %ecx
	mov	%ebx, 0(%eax)
	mov	%esi, 4(%eax)
	mov	%edi, 8(%eax)
	mov	%ebp, 12(%eax)
	mov	%esp, 16(%eax)
	mov	%ecx, 20(%eax)
	xor	%eax, %eax
	ret

/* void hw_unwind(struct hw_mark *, int): returns from hw_mark() a second time. */
	.globl hw_unwind
hw_unwind:
	mov	0(%eax), %ebx
	mov	4(%eax), %esi
	mov	8(%eax), %edi
	mov	12(%eax), %ebp
	mov	16(%eax), %esp
	mov	20(%eax), %ecx
	mov	%ecx, (%esp)
	mov	%edx, %eax
	ret

	.bss
	.balign	4
monitor_esp:
	.long	0
