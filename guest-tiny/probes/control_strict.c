/*
 * What the manual forbids and QEMU's TCG allows: the bare machine is no reference here, so the
 * expected lines stand in the test, from the SDM.
 */
#include "probe.h"

extern u32 snippet_value;
u32 snippet_value; /* for the assembly below */

SNIPPET(load_cr0, "movl snippet_value, %eax; movl %eax, %cr0");
SNIPPET(load_cr4, "movl snippet_value, %eax; movl %eax, %cr4");
SNIPPET(ltr_null, "xorl %eax, %eax; ltr %ax");

static void try_value(const char *what, u32 (*code)(void), u32 value)
{
	snippet_value = value;
	print("%s: ", what);
	print("vector %u\n", guard_kernel(code).frame.vector);
}

PROBE(control_strict)
{
	u32 plain = cr0_get();

	try_value("pg without pe", load_cr0, (plain | CR0_PG) & ~CR0_PE);
	try_value("nw without cd", load_cr0, plain | CR0_NW);
	try_value("cr4 reserved", load_cr4, cr4_get() | 1u << 31);
	try_value("ltr null", ltr_null, 0);
	print("unchanged: %d\n", cr0_get() == plain);
}
