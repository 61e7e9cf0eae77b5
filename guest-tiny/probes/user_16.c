/*
 * A program of 16-bit code calls its kernel: that goes no slower for it, in a page that is touched for the first time,
 * than for a program of 32-bit code.
 */
#include "probe.h"

#define VECTOR    0x41
#define CODE_16   0x33
#define UNTOUCHED 0x800000u
#define WORK      20000

static u32 page = UNTOUCHED, calls, longest[2];

extern u8 code_16[];
SNIPPET(user_32, "int $0x41; int $0x41; int $0x41");
SNIPPET(user_16, "ljmp $0x33, $0; .code16; .global code_16\n"
		 "code_16: int $0x41; int $0x41; int $0x41; xorl %eax, %eax; int $0x80; .code32");

static void on_call(struct frame *f)
{
	u32 start = rdtsc(), *most = &longest[(f->cs & ~3) == (CODE_16 & ~3)];

	(void)*(volatile u32 *)page;
	page += 4 * MIB / 8;
	for (volatile u32 n = 0; n < WORK; n++)
		;
	*most = MAX(*most, (u32)rdtsc() - start);
	calls++;
}

PROBE(user_16)
{
	segment_set(CODE_16, (u32)code_16, 0xffff, ATTR_USER_CODE & ~(ATTR_G | ATTR_DB));
	trap_set(VECTOR, on_call);
	trap_gate(VECTOR, TYPE_INTERRUPT_GATE32, 3);
	guard_user(user_32);
	guard_user(user_16);
	print("%u calls, as fast: %u\n", calls, longest[1] < 2 * longest[0]);
}
