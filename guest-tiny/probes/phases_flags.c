/*
 * Interrupts at every instruction of CALL, RET, PUSHF, POPF, CLI, STI and IRET, in all orders: what
 * a translator does with several instructions must look like one.
 *
 * verbose=1 says at how many different states the code was interrupted.
 */
#include "probe/phases.h"

PHASES(calls,
	"1: call 2f; pushfl; cli; addl %ecx, %eax; popfl; sti; loop 1b; jmp 3f;"
	"2: pushl %eax; pushfl; cli; xorl %ecx, %eax; popfl; adcl $0, %eax; popl %edx; ret; 3:");
PHASES(returns,
	"1: pushfl; pushl $8; pushl $2f; iret; 2: pushl $3f; ret; 3: ljmp $8, $4f; 4: pushl %ebx;"
	"pushl $5f; ret $4; 5: leal 1(%eax, %edx), %eax; lcall $8, $6f; jmp 7f; 6: lret;"
	"7: loop 1b");
PHASES(carries, "1: addl %eax, %eax; cli; adcl $7, %eax; sti; sbbl %edx, %eax; pushfl; popfl;"
		"rcll $1, %eax; cmpl %eax, %ebx; setc %dl; loop 1b");
PHASES(masks,
	"1: cli; pushfl; sti; addl %ecx, %eax; popfl; pushfl; orl $0x200, (%esp); popfl; sti; cli;"
	"sti; rorl $5, %eax; loop 1b");
PHASES(images, "1: pushfl; andl $0x3200, (%esp); popl %edx; addl %edx, %eax; cli; pushfl;"
	       "andl $0x3200, (%esp); popl %edx; subl %edx, %eax; sti; loop 1b");

PROBE(phases_flags)
{
	phases_init(probe_option(info, "verbose", 0));
	phases_try("calls", calls, false);
	phases_try("returns", returns, false);
	phases_try("carries", carries, false);
	phases_try("masks", masks, false);
	phases_try("images", images, false);
}
