/*
 * From the boot loader to C. Multiboot starts us in protected mode with paging off, EAX the magic
 * number and EBX the address of its information (specification 3.2), at our physical address:
 *
 *   1. fill a page directory: every address maps to itself by 4 MiB pages, but the window maps to
 *      physical 0;
 *   2. turn paging on and jump to where we are linked;
 *   3. take a stack and ask C where the window is to be: boot_choose_window();
 *   4. if the command line asks for another window, add the difference to every word that the
 *      linker noted as an address (Elf32_Rel: offset, type), and jump there;
 *   5. go on in C, which never returns.
 *
 * C takes its arguments in EAX, EDX and ECX (Makefile, -mregparm=3).
 */
#include "x86/multiboot.h"

#define WINDOW       0xe0000000
#define WINDOW_PDES  16
#define PHYSICAL(x)  ((x) - WINDOW)
#define PDE_LARGE    0x83 /* present, writable, 4 MiB */

	.section .multiboot, "ax"
	.balign 4
	.long MULTIBOOT_HEADER_MAGIC
	.long MULTIBOOT_ALIGN | MULTIBOOT_MEMORY
	.long -(MULTIBOOT_HEADER_MAGIC + (MULTIBOOT_ALIGN | MULTIBOOT_MEMORY))

	.text
	.globl boot
boot:
	cli
	cld
	mov	%eax, %esi		/* kept for C */

	/* 1: identity first, the window over it */
	mov	$PHYSICAL(boot_directory), %edi
	mov	$PDE_LARGE, %eax
	xor	%ecx, %ecx
1:	mov	%eax, (%edi, %ecx, 4)
	add	$0x400000, %eax
	inc	%ecx
	cmp	$1024, %ecx
	jne	1b
	mov	$PDE_LARGE, %eax
	mov	$(WINDOW >> 22), %ecx
2:	mov	%eax, (%edi, %ecx, 4)
	add	$0x400000, %eax
	inc	%ecx
	cmp	$(WINDOW >> 22) + WINDOW_PDES, %ecx
	jne	2b

	/* 2: CR4.PSE, CR0.WP and CR0.PG (SDM 3A 4.1.2) */
	mov	%cr4, %eax
	or	$0x10, %eax
	mov	%eax, %cr4
	mov	%edi, %cr3
	mov	%cr0, %eax
	or	$0x80010000, %eax
	mov	%eax, %cr0
	mov	$3f, %eax
	jmp	*%eax

	/* 3 */
3:	mov	$boot_stack_end, %esp
	xor	%ebp, %ebp		/* the end of every backtrace */
	mov	%ebx, %eax
	call	boot_choose_window
	test	%eax, %eax
	jz	6f

	/* 4: both windows are mapped now, to the same memory */
	mov	$relocations, %ecx
	mov	$relocations_end, %edx
4:	cmp	%edx, %ecx
	jae	5f
	mov	(%ecx), %edi
	add	%eax, (%edi)
	add	$8, %ecx
	jmp	4b
5:	mov	$6f, %eax		/* this very word has been moved as well */
	jmp	*%eax

	/* 5 */
6:	mov	$boot_stack_end, %esp
	mov	%esi, %eax
	mov	%ebx, %edx
	call	hw_boot

	.bss
	.balign 4096
	.globl boot_directory
boot_directory:
	.skip	4096
	.balign 16
boot_stack:
	.skip	16384
	.globl boot_stack_end
boot_stack_end:
