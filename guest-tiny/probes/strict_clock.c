/*
 * What the manual says of a time-stamp counter that is written, and QEMU's TCG (7.2) does not do: it goes on
 * from there, for the kernel and its programs (SDM 3B 17.17.3).
 */
#include "probe.h"

#define MSR_TSC 0x10

SNIPPET(high_half, "rdtsc; movl %edx, %eax");

PROBE(strict_clock)
{
	asm volatile("wrmsr" ::"c"(MSR_TSC), "a"(0), "d"(0x1234));
	print("kernel: %x program: %x\n", high_half(), guard_user(high_half).value);
}
