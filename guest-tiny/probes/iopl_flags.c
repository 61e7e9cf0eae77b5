/*
 * EFLAGS.IF and IOPL as user programs with I/O privilege read and write them, and a kernel whose IOPL
 * is not 0: PUSHF shows them, POPF and IRET change IF as far as CPL <= IOPL (SDM 2B POPF, table 4-16).
 */
#include "probe.h"

#define FLAGS "pushfl; popl %eax; andl $0x3200, %eax"
SNIPPET(flags, FLAGS);
SNIPPET(cli_flags, "cli; " FLAGS);
SNIPPET(sti_flags, "cli; sti; nop; " FLAGS);
SNIPPET(popf_flags, "pushl $0x202; popfl; " FLAGS);
SNIPPET(popf_clears, "pushl $0x3002; popfl; " FLAGS);
SNIPPET(popf_sets, "cli; pushl $0x3202; popfl; " FLAGS);
SNIPPET(iret_sets, "cli; pushl $0x3202; pushl %cs; pushl $1f; iret; 1: " FLAGS);
SNIPPET(int_keeps, "cli; movl $1, %eax; int $0x80; " FLAGS);
SNIPPET(iret_clears, "pushl $0x2; pushl $0x1b; pushl $1f; iret; 1: " FLAGS);

/* From where no device is. */
SNIPPET(in_16, "movl $0x2f0, %edx; inw %dx, %ax; movzwl %ax, %eax");

static u32 seen;

static void on_call(struct frame *f)
{
	seen = f->eflags & (EFLAGS_IF | EFLAGS_IOPL);
}

static void try_flags(const char *what, u32 user_flags)
{
	print("%s\n", what);
	guard_user_eflags = EFLAGS_FIXED | user_flags;
	try_user(" flags", flags);
	try_user(" cli", cli_flags);
	try_user(" sti", sti_flags);
	try_user(" popf", popf_flags);
	try_user(" popf clears", popf_clears);
	try_user(" popf sets", popf_sets);
	try_user(" iret sets", iret_sets);
	try_user(" iret clears", iret_clears);
	try_user(" int", int_keeps);
	print(" in its frame: %x\n", seen);
}

/* Whatever its IOPL is, the kernel may; and what it pushes and pops is its own. */
static void try_kernel_iopl(void)
{
	asm volatile("pushl $0x3002; popfl");
	try_kernel("kernel, iopl 3: flags", flags);
	try_kernel("kernel, iopl 3: cli", cli_flags);
	try_kernel("kernel, iopl 3: in", in_16);
	try_kernel("kernel, iopl 3: sti", sti_flags);
	asm volatile("cli; pushl $0x1002; popfl");
	try_kernel("kernel, iopl 1: sti", sti_flags);
	try_kernel("kernel, iopl 1: popf", popf_clears);
	asm volatile("pushl $0x0002; popfl");
	try_kernel("kernel, iopl 0: popf", popf_flags);
	asm volatile("pushl $0x0002; popfl");
}

PROBE(iopl_flags)
{
	guard_set_syscall(on_call);
	try_flags("iopl 0", EFLAGS_IF);
	try_flags("iopl 1", EFLAGS_IF | 1 << EFLAGS_IOPL_SHIFT);
	try_flags("iopl 3, masked", EFLAGS_IOPL);
	try_flags("iopl 3", EFLAGS_IF | EFLAGS_IOPL);
	guard_user_eflags = EFLAGS_FIXED;
	try_kernel_iopl();
}
