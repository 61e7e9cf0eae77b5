/*
 * Hostile: IRET with EFLAGS.VM in user mode. A processor ignores the bit there (SDM 2A, IRET) and
 * returns; QEMU's TCG enters virtual-8086 mode, in which even the shape of a trap's frame is another.
 */
#include "probe.h"

SNIPPET(enter_vm86, "pushl $0; pushl $0; pushl $0; pushl $0; pushl $0x23; pushl $0x1000;"
		    "pushl $0x20202; pushl $0x1b; pushl $1f; iret; 1: addl $24, %esp");

PROBE(user_vm86)
{
	print("before: %08x\n", secret(1));
	print("returned: %u\n", !guard_user(enter_vm86).trapped);
}
