/*
 * The time-stamp counter: it ascends whoever reads it, goes at the rate that CPUID tells, and reading it
 * leaves the flags alone (SDM 2B RDTSC; 3B 17.17).
 */
#include "probe.h"

#define ROUNDS    200u
#define ALL_FLAGS 0x8d5u /* OF SF ZF AF PF CF */
#define PIT_TICKS 11932u /* 10 ms */

/* Read by the code below. */
static u32 flags __attribute__((used));

SNIPPET(kept_flags, "pushl flags; popfl; rdtsc; pushfl; popl %eax; andl $0x8d5, %eax");
SNIPPET(low_half, "rdtsc");

static unsigned wrong_flags(void)
{
	unsigned wrong = 0;

	for (flags = 0; flags <= ALL_FLAGS; flags++)
		if (!(flags & ~ALL_FLAGS))
			wrong += kept_flags() != flags;
	return wrong;
}

/* The kernel's and a program's readings in turn: a reading that is not later than the one before. */
static unsigned steps_back(void)
{
	u32 last = low_half(), now;
	unsigned back = 0;

	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		now = i & 1 ? guard_user(low_half).value : low_half();
		back += (s32)(now - last) <= 0;
		last = now;
	}
	return back;
}

/* Milliseconds of the counter, at the rate of 10^9 a second, while the 8254 counts ten. */
static u32 ten_ms(void)
{
	u64 start;

	out8(0x61, (in8(0x61) & ~3u) | 1);
	out8(0x43, 0xb0);
	out8(0x42, PIT_TICKS & 0xff);
	out8(0x42, PIT_TICKS >> 8);
	start = rdtsc();
	while (!(in8(0x61) & 0x20))
		;
	return ((u32)(rdtsc() - start) + 500000) / 1000000;
}

PROBE(clock)
{
	print("flags: %u wrong\n", wrong_flags());
	print("steps back: %u\n", steps_back());
	print("10 ms: %u\n", ten_ms());
}
