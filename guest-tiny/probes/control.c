/* The control registers: what is written reads back, what the architecture forbids faults. */
#include "probe.h"

extern u32 snippet_value;
u32 snippet_value; /* for the assembly below */

SNIPPET(load_cr0, "movl snippet_value, %eax; movl %eax, %cr0; movl %cr0, %eax");
SNIPPET(load_cr4, "movl snippet_value, %eax; movl %eax, %cr4; movl %cr4, %eax");
SNIPPET(load_cr1, VALUE "movl %eax, %cr1");
SNIPPET(read_cr1, VALUE "movl %cr1, %eax");
SNIPPET(read_cr7, VALUE "movl %cr7, %eax");
SNIPPET(lmsw, "movl snippet_value, %eax; lmsw %ax; movl %cr0, %eax");
SNIPPET(clts_read, "clts; movl %cr0, %eax");

static void try_value(const char *what, u32 (*code)(void), u32 value)
{
	snippet_value = value;
	try_kernel(what, code);
}

static void try_cr0(void)
{
	u32 plain = cr0_get();

	print("cr0: %08x\n", plain);
	try_value("ts", load_cr0, plain | CR0_TS);
	try_kernel("clts", clts_read);
	try_value("em mp", load_cr0, plain | CR0_EM | CR0_MP);
	try_value("ne wp am", load_cr0, plain | CR0_NE | CR0_WP | CR0_AM);
	try_value("no cache", load_cr0, plain | CR0_CD | CR0_NW);
	try_value("plain", load_cr0, plain);
	try_value("lmsw sets ts", lmsw, CR0_PE | CR0_TS);
	try_value("lmsw keeps pe", lmsw, 0);
	try_value("plain", load_cr0, plain);
}

PROBE(control)
{
	u32 plain;

	PROBE_STOP(1);
	try_cr0();
	cr2_set(secret(1));
	print("cr2: %d\n", cr2_get() == secret(1));
	cr3_set(secret(2) & ~PAGE_MASK);
	print("cr3: %08x\n", cr3_get());
	cr3_set((secret(3) & ~PAGE_MASK) | CR3_PWT | CR3_PCD);
	print("cr3: %08x\n", cr3_get());
	plain = cr4_get();
	print("cr4: %08x\n", plain);
	try_value("pse", load_cr4, plain | CR4_PSE);
	try_value("pge de tsd", load_cr4, plain | CR4_PGE | CR4_DE | CR4_TSD);
	print("cr4: %08x\n", cr4_get());
	cr4_set(plain);
	try_kernel("cr1", load_cr1);
	try_kernel("read cr1", read_cr1);
	try_kernel("read cr7", read_cr7);
}
