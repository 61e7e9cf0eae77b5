/* The programs, whole ELF files, and the table that names them (struct program in os.h). */

	.macro	program	name
	.pushsection .rodata
1:	.asciz	"\name"
	.balign	4
2:	.incbin	"\name\().elf"
	.popsection
	.long	1b, 2b
	.endm

	.section .rodata.table, "a"
	.balign	4
	.global	programs
programs:
	program	shell
	program	count
	program	primes
	program	fault
	program	spin
	.long	0, 0
