/*
 * What the processor says of itself, leaf by leaf; and the same to the kernel and to its programs, but for
 * the number of leaves: the cave has two more for a kernel than ring 3 is told of (kernel/cpu/control.c).
 */
#include "probe.h"

#define LEAVES 7

struct answer {
	u32 eax, ebx, ecx, edx;
};

static struct answer ask(u32 leaf, u32 subleaf)
{
	struct answer a = {.eax = leaf, .ecx = subleaf};

	asm volatile("cpuid" : "+a"(a.eax), "=b"(a.ebx), "+c"(a.ecx), "=d"(a.edx));
	return a;
}

static void show(u32 leaf, u32 subleaf)
{
	struct answer a = ask(leaf, subleaf);

	print("leaf %x.%u: %08x %08x %08x %08x\n", leaf, subleaf, a.eax, a.ebx, a.ecx, a.edx);
}

/* All of it in a word. No function of the library may be called: user mode runs this too. */
static u32 all_leaves(void)
{
	u32 hash = SECRET;

	for (u32 leaf = 1; leaf <= LEAVES; leaf++)
		for (u32 subleaf = 0; subleaf < 6; subleaf++) {
			struct answer a = ask(leaf, subleaf);

			hash = (((hash * 31 + a.eax) * 31 + a.ebx) * 31 + a.ecx) * 31 + a.edx;
		}
	return hash;
}

PROBE(cpuid)
{
	struct answer first = ask(0, 0);

	print("vendor: %08x %08x %08x\n", first.ebx, first.edx, first.ecx);
	for (u32 leaf = 1; leaf <= LEAVES; leaf++)
		show(leaf, 0);
	for (u32 i = 1; i < 5; i++)
		show(4, i);
	show(1, 1);
	show(7, 1);
	print("extended leaves: %u\n", ask(0x80000000, 0).eax >> 31);
	print("user as kernel: %u\n", guard_user(all_leaves).value == all_leaves());
}
