/* What the processor says of itself, leaf by leaf; and the same to the kernel and to its programs. */
#include "probe.h"

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

	for (u32 leaf = 0; leaf < 16; leaf++)
		for (u32 subleaf = 0; subleaf < 6; subleaf++) {
			struct answer a = ask(leaf, subleaf);

			hash = (((hash * 31 + a.eax) * 31 + a.ebx) * 31 + a.ecx) * 31 + a.edx;
		}
	return hash;
}

PROBE(cpuid)
{
	for (u32 leaf = 0; leaf < 9; leaf++)
		show(leaf, 0);
	for (u32 i = 1; i < 5; i++)
		show(4, i);
	show(1, 1);
	show(7, 1);
	show(0x80000000, 0);
	show(0x80000001, 0);
	show(0xc0000000, 0);
	print("user as kernel: %u\n", guard_user(all_leaves).value == all_leaves());
}
