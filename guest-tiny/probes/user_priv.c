/*
 * What user mode may not do is #GP(0) in the guest's own kernel, unless IOPL or the TSS allows it.
 */
#include "probe.h"

#include "base/string.h"

#define SCRATCH 0x3ff /* a register of the UART that only remembers */

extern struct table_register table;
struct table_register table;

SNIPPET(user_cli, VALUE "cli");
SNIPPET(user_sti, VALUE "sti");
SNIPPET(user_hlt, VALUE "hlt");
SNIPPET(user_in, VALUE "movl $0x3ff, %edx; inb %dx, %al");
SNIPPET(user_in_imm, VALUE "inb $0x21, %al");
SNIPPET(user_in_wide, VALUE "movl $0x3fe, %edx; inw %dx, %ax");
SNIPPET(user_in_far, VALUE "movl $0xfffe, %edx; inb %dx, %al");
SNIPPET(user_out, VALUE "movl $0x3ff, %edx; outb %al, %dx");
SNIPPET(user_insb, VALUE "movl $0x3ff, %edx; pushl %edi; leal -16(%esp), %edi; insb; popl %edi");
SNIPPET(user_outsb, VALUE "movl $0x3ff, %edx; outsb");
SNIPPET(user_cr0, VALUE "movl %cr0, %eax");
SNIPPET(user_cr3, VALUE "movl %eax, %cr3");
SNIPPET(user_cr4, VALUE "movl %cr4, %eax");
SNIPPET(user_dr7, VALUE "movl %eax, %dr7");
SNIPPET(user_dr6, VALUE "movl %dr6, %eax");
SNIPPET(user_lgdt, VALUE "lgdt table");
SNIPPET(user_lidt, VALUE "lidt table");
SNIPPET(user_lldt, VALUE "lldt %ax");
SNIPPET(user_ltr, VALUE "ltr %ax");
SNIPPET(user_lmsw, VALUE "lmsw %ax");
SNIPPET(user_clts, VALUE "clts");
SNIPPET(user_invlpg, VALUE "invlpg table");
SNIPPET(user_invd, VALUE "invd");
SNIPPET(user_wbinvd, VALUE "wbinvd");
SNIPPET(user_rdmsr, VALUE "movl $0x10, %ecx; rdmsr");
SNIPPET(user_wrmsr, VALUE "movl $0x10, %ecx; wrmsr");
SNIPPET(user_rdtsc, "rdtsc; movl $" SECRET_TEXT ", %eax");

static const struct {
	const char *name;
	u32 (*code)(void);
} forbidden[] = {
	{"cli", user_cli},
	{"sti", user_sti},
	{"hlt", user_hlt},
	{"in", user_in},
	{"in imm", user_in_imm},
	{"out", user_out},
	{"insb", user_insb},
	{"outsb", user_outsb},
	{"mov from cr0", user_cr0},
	{"mov to cr3", user_cr3},
	{"mov from cr4", user_cr4},
	{"mov to dr7", user_dr7},
	{"mov from dr6", user_dr6},
	{"lgdt", user_lgdt},
	{"lidt", user_lidt},
	{"lldt", user_lldt},
	{"ltr", user_ltr},
	{"lmsw", user_lmsw},
	{"clts", user_clts},
	{"invlpg", user_invlpg},
	{"invd", user_invd},
	{"wbinvd", user_wbinvd},
	{"rdmsr", user_rdmsr},
	{"wrmsr", user_wrmsr},
};

/* SDM 1 19.5.1: with CPL <= IOPL, IN, OUT, CLI and STI are allowed; the rest is not. */
static void with_iopl(void)
{
	guard_user_eflags = EFLAGS_FIXED | EFLAGS_IOPL;
	out8(SCRATCH, secret(1));
	try_user("iopl in", user_in);
	try_user("iopl out", user_out);
	print("scratch: %02x\n", in8(SCRATCH));
	try_user("iopl cli", user_cli);
	try_user("iopl sti", user_sti);
	try_user("iopl hlt", user_hlt);
	try_user("iopl clts", user_clts);
	guard_user_eflags = EFLAGS_FIXED;
}

/* SDM 1 19.5.2: a zero in the TSS's bitmap allows a port; an access needs all its ports. */
static void with_bitmap(void)
{
	segment_set(
		TSS_SELECTOR, (u32)&task, offsetof(struct task_page, io_bitmap) + 0x81, ATTR_TSS);
	ltr(TSS_SELECTOR);
	try_user("bitmap of ones: in", user_in);
	task.io_bitmap[SCRATCH / 8] &= ~(1 << SCRATCH % 8);
	out8(SCRATCH, secret(2));
	try_user("bitmap: in", user_in);
	try_user("bitmap: insb", user_insb);
	try_user("bitmap: in, 2 bytes", user_in_wide);
	try_user("bitmap: in imm", user_in_imm);
	try_user("bitmap: beyond", user_in_far);
	try_user("bitmap: cli", user_cli);
	task.io_bitmap[SCRATCH / 8] &= ~(1 << SCRATCH % 8 >> 1);
	out8(SCRATCH - 3, 0x0b);
	try_user("bitmap: in, both", user_in_wide);
}

PROBE(user_priv)
{
	struct outcome o;

	for (unsigned i = 0; i < ARRAY_SIZE(forbidden); i++)
		try_user(forbidden[i].name, forbidden[i].code);
	PROBE_STOP(1);
	try_user("rdtsc", user_rdtsc);
	cr4_set(cr4_get() | CR4_TSD);
	o = guard_user(user_rdtsc);
	print("rdtsc with tsd: vector %u error %x\n", o.frame.vector, o.frame.error);
	cr4_set(cr4_get() & ~CR4_TSD);
	with_iopl();
	with_bitmap();
}
