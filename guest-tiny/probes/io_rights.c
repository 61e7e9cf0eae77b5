/*
 * Who may use ports and the interrupt flag: IOPL, and the bitmap of the TSS (SDM 1 19.5). User
 * programs with IOPL 3, 1 and 0; a bitmap, words across its end, and one beyond the limit of the TSS.
 */
#include "probe.h"

#define NOBODY 0x350 /* no device: reads as all ones */
#define LAST   0x357 /* its bit is the last of a byte */

extern u32 io_port;
u32 io_port;

#define PORT "movl io_port, %edx; "
SNIPPET(in_8, "xorl %eax, %eax; " PORT "inb %dx, %al");
SNIPPET(in_16, PORT "inw %dx, %ax; " VALUE); /* what is read at an odd port differs */
SNIPPET(in_32, PORT "inl %dx, %eax; " VALUE);
SNIPPET(out_8, VALUE PORT "outb %al, %dx");
SNIPPET(out_16, VALUE PORT "outw %ax, %dx");
SNIPPET(out_32, VALUE PORT "outl %eax, %dx");
SNIPPET(ins,
	VALUE PORT "pushl %edi; leal -64(%esp), %edi; movl $3, %ecx; rep insb; movl %ecx, %eax;"
		   "popl %edi");
SNIPPET(outs,
	VALUE PORT "pushl %esi; leal -64(%esp), %esi; movl $2, %ecx; rep outsw; movl %ecx, %eax;"
		   "popl %esi");

/* INT says what IF is at the end. */
SNIPPET(clears, "cli; movl $1, %eax; int $0x80");
SNIPPET(sets, "cli; sti; nop; movl $1, %eax; int $0x80");
SNIPPET(halts, VALUE "hlt");

static u32 seen;

static void on_call(struct frame *f)
{
	seen = f->eflags & (EFLAGS_IF | EFLAGS_IOPL);
}

static void try_flags(const char *what, u32 user_flags)
{
	print("%s\n", what);
	guard_user_eflags = EFLAGS_FIXED | user_flags;
	seen = 0;
	try_user(" cli", clears);
	print(" then %x\n", seen);
	try_user(" sti", sets);
	print(" then %x\n", seen);
	try_user(" hlt", halts);
}

static void try_ports(const char *what, u32 port)
{
	print("%s\n", what);
	io_port = port;
	try_user(" in 8", in_8);
	try_user(" in 16", in_16);
	try_user(" in 32", in_32);
	try_user(" out 8", out_8);
	try_user(" out 16", out_16);
	try_user(" out 32", out_32);
	try_user(" ins", ins);
	try_user(" outs", outs);
}

static void set_limit(u32 limit)
{
	segment_set(TSS_SELECTOR, (u32)&task, limit, ATTR_TSS);
	ltr(TSS_SELECTOR);
}

static void allow(u32 from, u32 count, bool yes)
{
	for (u32 port = from; port < from + count; port++)
		if (yes)
			task.io_bitmap[port / 8] &= ~(1 << port % 8);
		else
			task.io_bitmap[port / 8] |= 1 << port % 8;
}

/* An access needs the bits of all its ports, from two bytes of the bitmap, within the limit of the TSS. */
static void try_bitmap(void)
{
	u32 map = offsetof(struct task_page, io_bitmap);

	set_limit(map + 0x81);
	try_ports("all denied", NOBODY);
	allow(NOBODY, 4, true);
	try_ports("four allowed", NOBODY);
	try_ports("two of four", NOBODY + 2);
	try_ports("one before", NOBODY - 1);
	allow(NOBODY + 7, 2, true);
	try_ports("across two bytes", NOBODY + 7);
	allow(NOBODY, 8, true);
	set_limit(map + LAST / 8);
	try_ports("last byte, none behind it", LAST);
	set_limit(map + LAST / 8 + 1);
	try_ports("last byte, one behind it", LAST);
	set_limit(map + LAST / 8 - 1);
	try_ports("beyond", LAST);
	task.tss.io_map = map + 0x7e - NOBODY / 8;
	set_limit(map + 0x81);
	allow(0x7e * 8, 4, true);
	try_ports("the map elsewhere", NOBODY);
	task.tss.io_map = 0xffff;
	try_ports("the map nowhere", NOBODY);
	task.tss.io_map = map;
	allow(0, 0x400, false);
	try_ports("denied again", NOBODY);
}

PROBE(io_rights)
{
	guard_set_syscall(on_call);
	try_flags("iopl 0", EFLAGS_IF);
	try_flags("iopl 3", EFLAGS_IF | EFLAGS_IOPL);
	try_flags("iopl 3, masked", EFLAGS_IOPL);
	try_flags("iopl 1", EFLAGS_IF | 1 << EFLAGS_IOPL_SHIFT);
	try_ports("ports with iopl 1", NOBODY);
	guard_user_eflags |= EFLAGS_IOPL;
	try_ports("ports with iopl 3", NOBODY);
	guard_user_eflags = EFLAGS_FIXED;
	try_bitmap();
}
