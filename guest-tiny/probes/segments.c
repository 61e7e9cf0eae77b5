/*
 * Loads of segment registers: which selectors do, and which fault with what (SDM 3A 5.7, 5.8.1; SDM
 * 2B, MOV).
 */
#include "probe.h"

#define SLOT     FREE_SELECTOR
#define LOAD(to) VALUE "movl segment, %ecx; movl %ecx, %" to /* faults at +11 */

extern u32 segment, segment_value, shown;
u32 segment, segment_value;
u32 shown; /* to the grader, from outside */

SNIPPET(load_ds, "pushl %ds; " LOAD("ds") "; popl %ds");
SNIPPET(load_es, LOAD("es"));
SNIPPET(load_fs, LOAD("fs") "; movl %fs, %ecx; addl %ecx, %eax");
SNIPPET(load_ss, LOAD("ss") "; movl $0x10, %ecx; movl %ecx, %ss");
SNIPPET(pop_fs, VALUE "pushl segment; popl %fs");
SNIPPET(pop_ss, VALUE "pushl segment; popl %ss; movl $0x10, %ecx; movl %ecx, %ss");
SNIPPET(load_lfs, VALUE "lfs far_pointer, %ecx; addl %ecx, %eax");
SNIPPET(load_lss,
	VALUE "movl %esp, far_pointer; lss far_pointer, %esp; movl $0x10, %ecx; movl %ecx, %ss");
SNIPPET(read_fs, "movl %fs:0, %eax");
SNIPPET(write_fs, VALUE "movl %eax, %fs:0");
SNIPPET(push_fs, "pushl %fs; popl %eax");
SNIPPET(user_nothing, "xorl %eax, %eax");
SNIPPET(user_fs, "movl %fs, %eax");
SNIPPET(user_gs, "movl %gs, %eax");

extern struct {
	u32 offset;
	u16 selector;
} __attribute__((packed)) far_pointer;
typeof(far_pointer) far_pointer;

/* Makes the entry SLOT, and tries it with a selector of that RPL. */
static void try_entry(const char *what, u32 attr, unsigned rpl)
{
	segment = SLOT | rpl;
	segment_set(SLOT, 0, ~0u, attr);
	print("%s, rpl %u\n", what, rpl);
	try_kernel(" ds", load_ds);
	try_kernel(" fs", load_fs);
	try_kernel(" ss", load_ss);
}

static void try_user_entry(const char *what, u32 attr, unsigned rpl)
{
	segment = SLOT | rpl;
	segment_set(SLOT, 0, ~0u, attr);
	print("user %s, rpl %u\n", what, rpl);
	try_user(" es", load_es);
	try_user(" fs", load_fs);
	try_user(" ss", load_ss);
}

/* Not in FS, which would be read back: there it has a stand-in (kernel/cpu/descriptor.h). */
static void try_conforming(void)
{
	segment = SLOT;
	segment_set(SLOT, 0, ~0u, ATTR_KERNEL_CODE | ATTR_CONFORM);
	print("conforming code, rpl 0\n");
	try_kernel(" ds", load_ds);
	try_kernel(" ss", load_ss);
}

static void try_kinds(void)
{
	u32 read_only = ATTR_FLAT, execute_only = ATTR_FLAT | ATTR_CODE;

	try_entry("data", ATTR_KERNEL_DATA, 0);
	try_entry("user data", ATTR_USER_DATA, 0);
	try_entry("read-only data", read_only, 0);
	try_entry("readable code", ATTR_KERNEL_CODE, 0);
	try_entry("execute-only code", execute_only, 0);
	try_conforming();
	try_entry("not present", ATTR_KERNEL_DATA & ~ATTR_P, 0);
	try_entry("system", ATTR_P | TYPE_LDT, 0);
	segment = 0;
	print("null\n");
	try_kernel(" ds", load_ds);
	try_kernel(" fs", load_fs);
	segment = 0xfff8;
	print("beyond\n");
	try_kernel(" ds", load_ds);
	try_kernel(" ss", load_ss);
}

static void try_forms(void)
{
	segment = SLOT;
	segment_set(SLOT, 0, ~0u, ATTR_KERNEL_DATA & ~ATTR_P);
	try_kernel("pop fs", pop_fs);
	try_kernel("pop ss", pop_ss);
	far_pointer.offset = 1;
	far_pointer.selector = SLOT;
	try_kernel("lfs", load_lfs);
	segment_set(SLOT, 0, ~0u, ATTR_KERNEL_DATA);
	try_kernel("pop fs", pop_fs);
	try_kernel("pop ss", pop_ss);
	try_kernel("lfs", load_lfs);
	try_kernel("push fs", push_fs);
	try_kernel("lss", load_lss);
}

/* A base of its own, changed under the register: what is loaded stays (SDM 3A 3.4.3). */
static void try_bases(void)
{
	static u32 here[2];

	here[0] = secret(1);
	here[1] = secret(2);
	segment = SLOT;
	segment_set(SLOT, (u32)&here[0], 7, ATTR_KERNEL_DATA & ~ATTR_G);
	try_kernel("base", load_fs);
	try_kernel("first", read_fs);
	segment_set(SLOT, (u32)&here[1], 3, ATTR_KERNEL_DATA & ~ATTR_G);
	try_kernel("still the first", read_fs);
	print("accessed: %u", descriptor_attr(gdt[SLOT / 8]) & ATTR_ACCESSED);
	try_kernel("\nloaded again", load_fs);
	print("accessed: %u\n", descriptor_attr(gdt[SLOT / 8]) & ATTR_ACCESSED);
	try_kernel("second", read_fs);
	guard_kernel(write_fs);
	print("written: %08x\n", here[1]);
}

/*
 * SDM 2A, IRET: a return to user mode empties the registers that hold what user mode may not, and
 * marks the segments that it loads (SDM 3A 3.4.5.1). The mark is not printed, since QEMU's own IRET
 * sets none; the grader reads it at stop_2.
 */
static void try_return(void)
{
	segment_set(USER_CODE, 0, ~0u, ATTR_USER_CODE);
	guard_user(user_nothing);
	shown = descriptor_attr(gdt[USER_CODE / 8]) & ATTR_ACCESSED;
	PROBE_STOP(2);
	asm volatile("movl %0, %%fs; movl %1, %%gs" : : "r"(KERNEL_DATA), "r"(USER_DATA));
	try_user("fs after a return to user mode", user_fs);
	try_user("gs after a return to user mode", user_gs);
}

PROBE(segments)
{
	PROBE_STOP(1);
	try_kinds();
	try_forms();
	try_bases();
	try_user_entry("kernel data", ATTR_KERNEL_DATA, 0);
	try_user_entry("kernel data", ATTR_KERNEL_DATA, 3);
	try_user_entry("data", ATTR_USER_DATA, 3);
	try_user_entry("conforming code", ATTR_KERNEL_CODE | ATTR_CONFORM, 3);
	segment = 0;
	try_user("user null ss", load_ss);
	try_return();
}
