/*
 * A program that jumps between code segments of different bases, which traps the first time only, and then calls
 * its kernel: where it calls from is where the processor is, not where it was when it last trapped.
 */
#include "probe.h"

#define FAR_CODE 0x33
#define BASE     0x40000000u

SNIPPET(user_code,
	"movl $3, %edx\n"
	"1:	ljmp $0x33, $2f + 0xc0000000; 2: incl %ecx; ljmp $0x1b, $3f; 3: decl %edx; jnz 1b\n"
	"	ljmp $0x33, $4f + 0xc0000000; 4: movl $1, %eax; int $0x80\n"
	"	ljmp $0x1b, $5f; 5: movl $0x77, %eax");

static void on_call(struct frame *f)
{
	print("a call from %x, eip %s\n", f->cs,
		f->eip + BASE - (u32)user_code < 64 ? "within" : "astray");
}

PROBE(far_again)
{
	segment_set(FAR_CODE, BASE, ~0u, ATTR_USER_CODE);
	guard_set_syscall(on_call);
	try_user("user code", user_code);
}
