/*
 * Two places where tools/bench.py stops the machine and looks at its clock from outside. They have
 * a page to themselves: QEMU runs the whole page of a breakpoint one instruction at a time.
 */
	.text
	.balign	4096
	.global	bench_begin, bench_end
bench_begin:
	nop
	ret
bench_end:
	nop
	ret
	.balign	4096
