/*
 * What ring compression cannot hide: a kernel that runs in ring 3 may load what only ring 3 may.
 * These loads are #GP on the bare machine, and silent in direct execution.
 */
#include "probe.h"

SNIPPET(kernel_data_rpl_3, VALUE "movl $0x13, %ecx; movl %ecx, %fs");
SNIPPET(user_stack_in_kernel,
	VALUE "movl $0x23, %ecx; movl %ecx, %fs; movl %ecx, %ss; movl $0x10, %ecx; movl %ecx, %ss");
SNIPPET(kernel_code_rpl_3, VALUE "ljmp $0x0b, $1f; 1: ljmp $0x08, $1f; 1: nop");

PROBE(ring_leak)
{
	try_kernel("kernel data, rpl 3", kernel_data_rpl_3);
	try_kernel("user data as stack", user_stack_in_kernel);
	try_kernel("kernel code, rpl 3", kernel_code_rpl_3);
}
