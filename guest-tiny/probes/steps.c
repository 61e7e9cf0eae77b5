/*
 * Single steps through code of every kind, in the kernel and in a user program: where each trap says
 * that it is (SDM 3B 17.3.1.4; lib/steps.h says how to read it).
 */
#include "probe/steps.h"
#include "page.h"

#define HOLE 0x00800000

extern u32 step_word[8];
u32 step_word[8];

static u32 *directory, *page;

STEPS(plain, "nop; incl %eax; decl %eax");
STEPS(branches, "jmp 1f; 1: xorl %ecx, %ecx; jz 2f; nop; 2: jnz 1b; movl $2, %ecx; 3: loop 3b;"
		"jecxz 4f; 4:");
STEPS(calls, "call 1f; call *3f; jmp 2f; 1: ret; 2: pushl $4f; ret $0; .balign 4; 3: .long 1b; 4:");
STEPS(flags, "pushfl; popl %ecx; andl $0x100, %ecx; addl %ecx, %eax; pushfl; popfl; cld; stc");
STEPS(software, "int $0x40; int3; nop; nop");
STEPS(faults, "ud2; nop; xorl %ecx, %ecx; divl %ecx; nop; pushfl; ud2; popl %ecx; ud2");
STEPS(page_fault, "movl %eax, 0x800000; movl 0x800000, %ecx");
STEPS(strings, "pushl %edi; pushl %esi; movl $step_word, %edi; movl %edi, %esi; movl $3, %ecx;"
	       "rep stosb; lodsb; movsl; movl $0, %ecx; rep stosb; popl %esi; popl %edi");
STEPS(compare_strings, "pushl %edi; movl $step_word, %edi; movl $3, %ecx; repne scasb; popl %edi");
STEPS(one_step, "popl %ecx; pushl %ecx");

STEPS(stack_segment, "movl %ss, %ecx; movl %ecx, %ss; nop; pushl %ss; popl %ss; nop; nop");
STEPS(segments, "pushl %ds; popl %es; movl %es, %ecx; movl %ecx, %fs; lsl %cx, %edx; verr %cx;"
		"lar %cx, %edx");
STEPS(emulated, "movl %cr0, %ecx; movl %ecx, %cr0; inb $0x21, %al; movl $" SECRET_TEXT ", %eax;"
		"sidt step_word; movl %cr3, %ecx; movl %ecx, %cr3; invlpg 0x800000; clts");
STEPS(far, "ljmp $0x08, $1f; nop; 1: lcall $0x08, $2f; jmp 3f; 2: lret; 3:");
/* TF comes and goes by IRET: what it loads holds for the instruction behind it. */
SNIPPET(off_by_return, VALUE TF_ON "nop; pushl $2; pushl $8; pushl $1f; iret; nop; 1: nop; nop");
SNIPPET(on_by_return, VALUE "pushl $0x102; pushl $8; pushl $1f; iret; 1: nop; " TF_OFF);

STEPS(user_call, "pushl %ebx; movl $7, %ebx; movl $1, %eax; int $0x80; popl %ebx;"
		 "movl $" SECRET_TEXT ", %eax");
STEPS(user_segments, "pushl %ds; popl %es; movl %es, %edx; movl %edx, %gs; movl %gs, %edx");
SNIPPET(user_return, VALUE TF_ON "nop; pushl $2; pushl $0x1b; pushl $1f; iret; nop; 1: nop");
/* As a debugger steps a program: the kernel's IRET brings TF. The last traps are behind the code. */
SNIPPET(user_traced, VALUE "nop; incl %eax; pushfl; popl %ecx; decl %eax");
STEPS(user_refused, "cli; nop");

struct code {
	const char *name;
	u32 (*code)(void);
};

#define ENTRY(name)         \
	{                   \
#name, name \
	}
static const struct code for_all[] = {ENTRY(plain), ENTRY(branches), ENTRY(calls), ENTRY(flags),
	ENTRY(software), ENTRY(faults), ENTRY(page_fault), ENTRY(strings), ENTRY(compare_strings),
	ENTRY(one_step)};
static const struct code for_kernels[] = {ENTRY(stack_segment), ENTRY(segments), ENTRY(emulated),
	ENTRY(far), ENTRY(off_by_return), ENTRY(on_by_return)};
static const struct code for_users[] = {ENTRY(user_call), ENTRY(user_segments), ENTRY(user_return)};

static void on_page_fault(struct frame *f)
{
	steps_note('f', f);
	page_map(directory, HOLE, (u32)page, PTE_W | PTE_U);
}

static void on_call(struct frame *f)
{
	steps_note('n', f);
}

static void try_all(const struct code *list, unsigned count, bool user)
{
	for (unsigned i = 0; i < count; i++) {
		u32 (*code)(void) = list[i].code;

		steps_show(list[i].name, code, user ? guard_user(code).value : code());
		*page_entry(directory, HOLE) = 0;
		invlpg((void *)HOLE);
	}
}

PROBE(steps)
{
	directory = page_alloc();
	page = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_map(directory, HOLE, 0, 0); /* to be taken away at once: there is a table for it */
	page_on(directory);
	*page_entry(directory, HOLE) = 0;
	invlpg((void *)HOLE);
	steps_init();
	trap_set(VECTOR_PF, on_page_fault);
	print("kernel\n");
	try_all(for_all, ARRAY_SIZE(for_all), false);
	try_all(for_kernels, ARRAY_SIZE(for_kernels), false);
	print("user\n");
	guard_set_syscall(on_call);
	trap_gate(0x40, TYPE_TRAP_GATE32, 3);
	trap_gate(VECTOR_BP, TYPE_TRAP_GATE32, 3);
	try_all(for_all, ARRAY_SIZE(for_all), true);
	try_all(for_users, ARRAY_SIZE(for_users), true);
	guard_user_eflags |= EFLAGS_TF;
	steps_show("user_traced", user_traced, guard_user(user_traced).value);
	guard_user_eflags &= ~EFLAGS_TF;
	/* What faults is not stepped over. */
	try_user("user_refused", user_refused);
	steps_show("  steps", user_refused, SECRET);
}
