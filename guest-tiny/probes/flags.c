/*
 * EFLAGS as the kernel reads and writes them: by PUSHF, POPF, CLI, STI, IRET, LAHF, and in the frames
 * of its interrupts; where an interrupt that waits is taken; and single steps over all of these (SDM
 * 2B POPF, PUSHF, STI; 3A 6.8). In ring 3 PUSHF and POPF do not trap: this is what a translator is for.
 */
#include "probe/steps.h"

#define GET "pushfl; popl %eax; "

/* The arithmetic flags as CMP leaves them of equals. */
#define EQUAL "cmpl %eax, %eax; "
SNIPPET(plain, EQUAL GET);
SNIPPET(after_sti, EQUAL "sti; nop; " GET "cli");
SNIPPET(after_cli, EQUAL "sti; nop; cli; " GET);
SNIPPET(after_popf, "pushl $0x202; popfl; " GET "cli");
SNIPPET(popf_clears, "sti; nop; pushl $0x2; popfl; " GET);
SNIPPET(popf_iopl, "pushl $0x3002; popfl; " GET "pushl $2; popfl");
SNIPPET(popf_arithmetic, "pushl $0xad7; popfl; cli; " GET "cld");
SNIPPET(popf_all, "pushl $~0x100; popfl; " GET "pushl $2; popfl");
SNIPPET(popf_nothing, "pushl $0; popfl; " GET);
/* Of 16 bits: AC and ID stay. */
SNIPPET(popf_16, "pushl $0x240002; popfl; pushw $0x3ed7; popfw; " GET "pushl $2; popfl");
SNIPPET(pushf_16,
	"pushl $0x241202; popfl; xorl %eax, %eax; movw $0x5151, -4(%esp); pushfw; popw %ax;"
	"pushl $2; popfl");
SNIPPET(by_iret, "pushl $0x1202; pushl $8; pushl $1f; iret; 1: " GET "pushl $2; popfl");
SNIPPET(by_sahf, EQUAL "movl $0xd700, %eax; sahf; stc; " GET);
SNIPPET(by_lahf, "pushl $0x8d7; popfl; movl $0, %eax; lahf; cli");
SNIPPET(carried, EQUAL "sti; stc; cli; sti; cli; " GET);
SNIPPET(computed, "movl $0x7fffffff, %eax; addl $1, %eax; cli; pushfl; sti; popfl; " GET);
SNIPPET(backwards, EQUAL "std; pushfl; cli; popfl; sti; nop; " GET "cld; cli");
SNIPPET(twice, EQUAL
	"sti; nop; pushfl; cli; pushfl; popl %eax; popl %ecx; shll $16, %ecx; orl %ecx, %eax; cli");
SNIPPET(in_frame, "pushl $0x1a02; popfl; int $0x40; pushl $2; popfl");

/* Where an interrupt that waits comes through. */
SNIPPET(taken_sti, VALUE "sti; nop; nop; cli");
SNIPPET(taken_sti_pushf, VALUE "sti; pushfl; popl %ecx; cli");
SNIPPET(taken_sti_popf, VALUE "pushl $0x2; sti; popfl; nop");
SNIPPET(taken_sti_cli, VALUE "sti; cli; nop");
SNIPPET(taken_sti_ret, VALUE "call 1f; cli; jmp 2f; 1: sti; ret; 2:");
SNIPPET(taken_sti_call, VALUE "sti; call 1f; jmp 2f; 1: ret; 2: cli");
SNIPPET(taken_sti_jump, VALUE "sti; jmp 1f; nop; 1: cli");
SNIPPET(taken_sti_iret, VALUE "pushl $2; pushl $8; pushl $1f; sti; iret; 1: nop");
SNIPPET(taken_sti_hlt, VALUE "sti; hlt; nop; cli");
SNIPPET(taken_sti_fault, VALUE "sti; ud2; cli");
SNIPPET(taken_sti_int, VALUE "sti; int $0x40; cli");
SNIPPET(taken_popf, VALUE "pushl $0x202; popfl; cli");
SNIPPET(taken_popf_popf, VALUE "pushl $2; pushl $0x202; popfl; popfl; nop");
SNIPPET(taken_iret, VALUE "pushl $0x202; pushl $8; pushl $1f; iret; nop; 1: cli");
SNIPPET(taken_sti_popf_same, VALUE "pushl $0x202; sti; popfl; cli");

STEPS(step_popf, "pushfl; cli; pushfl; orl $0x200, (%esp); popfl; nop; popfl; nop");
STEPS(step_iret, "pushfl; pushl $8; pushl $1f; iret; nop; 1: nop");
STEPS(step_image, "pushfl; popl %eax; addl $" SECRET_TEXT " - 0x102, %eax");

#define SHOW(name) show(#name, name)

static void show(const char *what, u32 (*code)(void))
{
	print("%s: %x\n", what, code());
	cli();
}

static void try_image(void)
{
	SHOW(plain);
	SHOW(after_sti);
	SHOW(after_cli);
	SHOW(after_popf);
	SHOW(popf_clears);
	SHOW(popf_iopl);
	SHOW(popf_arithmetic);
	SHOW(popf_all);
	SHOW(popf_nothing);
	SHOW(popf_16);
	SHOW(pushf_16);
	SHOW(by_iret);
	SHOW(by_sahf);
	SHOW(by_lahf);
	SHOW(carried);
	SHOW(computed);
	SHOW(backwards);
	SHOW(twice);
	in_frame();
	print("in_frame: %x\n", steps_log[0].flags);
	steps_logged = 0;
}

static void try_pending(const char *what, u32 (*code)(void))
{
	u32 value;

	pit_once(100);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
	value = code();
	sti(); /* if it still waits, it comes here */
	asm volatile("nop");
	cli();
	/* There it is `late`: where, depends on the compiler. */
	if (steps_log[steps_logged - 1].eip - (u32)code > 64) {
		steps_logged--;
		print("late ");
	}
	steps_show(what, code, value);
}

#define TAKEN(name) try_pending(#name, taken_##name)

static void try_interrupts(void)
{
	TAKEN(sti);
	TAKEN(sti_pushf);
	TAKEN(sti_popf);
	TAKEN(sti_cli);
	TAKEN(sti_ret);
	TAKEN(sti_call);
	TAKEN(sti_jump);
	TAKEN(sti_iret);
	TAKEN(sti_hlt);
	TAKEN(sti_fault);
	TAKEN(sti_int);
	TAKEN(popf);
	TAKEN(popf_popf);
	TAKEN(iret);
	TAKEN(sti_popf_same);
}

PROBE(flags)
{
	steps_init();
	try_image();
	irq_unmask(IRQ_TIMER);
	try_interrupts();
	try_pending("step_popf", step_popf);
	try_pending("step_iret", step_iret);
	try_pending("step_image", step_image);
}
