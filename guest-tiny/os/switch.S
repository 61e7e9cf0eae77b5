/*
 * void switch_stack(u32 **save, u32 *load): from one kernel thread to another.
 *
 * 1. What a C function must keep is pushed, and the stack's address left in *save.
 * 2. The other thread's stack is taken; what it pushed in step 1, some time ago, is popped.
 * 3. RET goes to where that thread called from; for a new process, to trap_return (lib/entry.S).
 */
	.text
	.global	switch_stack
switch_stack:
	movl	4(%esp), %eax
	movl	8(%esp), %edx
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	%esp, (%eax)
	movl	%edx, %esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret
