/*
 * The world switch. There and back, in steps:
 *
 *   hw_enter(frame, gpr), its arguments in EAX and EDX
 *     1. save what C expects to find again on the monitor's stack, and remember that stack;
 *     2. tell the TSS where the next trap's stack begins: at the end of the frame;
 *     3. take the general registers from the vcpu, the stack pointer by way of the frame;
 *     4. make the frame the stack, pop everything from it, and IRET to ring 3.
 *   a trap from ring 3
 *     5. the processor takes SS0:ESP0, the end of the same frame, and pushes its part;
 *     6. the stub pushes the vector, the common part the segment registers: the frame is full again;
 *     7. the general registers go back to where they came from;
 *     8. back to the remembered stack, and return to whoever called hw_enter().
 *   a trap from ring 0
 *     5'. no stack is switched: the frame lies on the monitor's own, without ESP and SS;
 *     8'. hw_monitor_trap(): an interrupt that ended the idle loop's sleep, else a panic; but
 *     9. a fault in step 4 is the guest's: the processor refuses its state. Back to C as in 8.
 */
#include "x86/selectors.h"

#define TSS_ESP0       4
#define EFLAGS_VM      0x20000
#define VECTOR_VM86    0x100	/* these three: hw/trap.h */
#define VECTOR_REFUSED 0x101
#define VECTOR_LIMIT   0x30

#define FRAME_SIZE     172	/* from the frame's start */
#define FRAME_GS       128
#define FRAME_VECTOR   144
#define FRAME_ESP      164

#define GPR_EAX        0	/* enum gpr, x86/regs.h */
#define GPR_ECX        4
#define GPR_EDX        8
#define GPR_EBX        12
#define GPR_ESP        16
#define GPR_EBP        20
#define GPR_ESI        24
#define GPR_EDI        28

	.text
	.globl hw_enter
hw_enter:
	push	%ebp			/* 1 */
	push	%ebx
	push	%esi
	push	%edi
	mov	%esp, monitor_esp
	mov	%edx, guest_gpr
	lea	FRAME_SIZE(%eax), %ecx	/* 2 */
	mov	%ecx, monitor_tss + TSS_ESP0
	mov	GPR_ESP(%edx), %ecx	/* 3 */
	mov	%ecx, FRAME_ESP(%eax)
	lea	FRAME_GS(%eax), %esp
	mov	GPR_EAX(%edx), %eax
	mov	GPR_ECX(%edx), %ecx
	mov	GPR_EBX(%edx), %ebx
	mov	GPR_EBP(%edx), %ebp
	mov	GPR_ESI(%edx), %esi
	mov	GPR_EDI(%edx), %edi
	mov	GPR_EDX(%edx), %edx
enter_first:				/* 4 */
	pop	%gs
	pop	%fs
	pop	%es
	pop	%ds
	add	$8, %esp
enter_last:
	iret

/* 6. Every frame has an error code: the processor's (vectors 8, 10-14, 17), or a 0. */
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

trap_common:				/* the stack: vector, error, EIP, CS, EFLAGS */
	testb	$3, 12(%esp)
	jz	monitor_trap
	testl	$EFLAGS_VM, 16(%esp)
	jnz	vm86_trap
	push	%ds
	push	%es
	push	%fs
	push	%gs
	push	%edx			/* into the room */
	mov	$SELECTOR_DATA, %dx
	mov	%edx, %ds
	mov	%edx, %es
	cld
	mov	guest_gpr, %edx		/* 7 */
	mov	%eax, GPR_EAX(%edx)
	mov	%ecx, GPR_ECX(%edx)
	mov	%ebx, GPR_EBX(%edx)
	mov	%ebp, GPR_EBP(%edx)
	mov	%esi, GPR_ESI(%edx)
	mov	%edi, GPR_EDI(%edx)
	pop	%eax
	mov	%eax, GPR_EDX(%edx)
	mov	FRAME_ESP - FRAME_GS(%esp), %eax
	mov	%eax, GPR_ESP(%edx)
8:	mov	monitor_esp, %esp	/* 8 */
	pop	%edi
	pop	%esi
	pop	%ebx
	pop	%ebp
	ret

vm86_trap:				/* nothing else of the guest's is valid */
	mov	$SELECTOR_DATA, %ax
	mov	%eax, %ds
	mov	%eax, %es
	cld
	mov	monitor_tss + TSS_ESP0, %eax
	movl	$VECTOR_VM86, FRAME_VECTOR - FRAME_SIZE(%eax)
	jmp	8b

monitor_trap:				/* 5' */
	pusha
	push	%ds
	push	%es
	mov	$SELECTOR_DATA, %ax
	mov	%eax, %ds
	mov	%eax, %es
	cld
	mov	48(%esp), %eax		/* EIP */
	cmp	$enter_first, %eax
	jb	own_trap
	cmp	$enter_last, %eax
	ja	own_trap
	mov	monitor_tss + TSS_ESP0, %eax	/* 9 */
	movl	$VECTOR_REFUSED, FRAME_VECTOR - FRAME_SIZE(%eax)
	jmp	8b

own_trap:				/* 8' */
	lea	8(%esp), %eax
	call	hw_monitor_trap
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
guest_gpr:			/* where the vcpu that runs keeps its general registers */
	.long	0
