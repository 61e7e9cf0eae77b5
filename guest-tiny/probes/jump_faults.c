/*
 * Transfers to where no code is, and stacks that end: EIP, CR2 and ESP in the frame. A jump is done
 * when its target cannot be fetched, so the frame holds the target (SDM 3A 6.5); a call has pushed
 * by then; but a return that cannot read its stack has not happened.
 *
 *   0x00800000  nothing    0x009ff000  nothing
 *   0x00a00000  a page: code at its very end, and a stack    0x00a01000  nothing
 */
#include "page.h"
#include "probe/known.h"

#define PAGE   0x00a00000
#define BEHIND (PAGE + PAGE_SIZE)

KNOWN(jump, "jmp 0x800000");
KNOWN(jump_by_register, "movl $0x800000, %ebx; jmp *%ebx");
KNOWN(jump_taken, "jz 0x800000");
KNOWN(jump_not_taken, "jnz 0x800000; jc 1f; ud2; 1: ");
KNOWN(call, "call 0x800000");
KNOWN(call_by_register, "movl $0x800000, %ebx; call *%ebx");
KNOWN(return_there, "pushl $0x800000; ret");
KNOWN(return_8, "pushl $1; pushl $2; pushl $0x800000; ret $8");
KNOWN(jump_crossing, "jmp 0xa00ffd");
KNOWN(call_crossing, "call 0xa00ffe");
KNOWN(far_jump, "ljmp $8, $0x800000");
KNOWN(far_call, "lcall $8, $0x800000");
KNOWN(far_return, "pushl $8; pushl $0x800000; lret");
KNOWN(interrupt_return, "pushl $0x46; pushl $8; pushl $0x800000; iret");
KNOWN(return_to_user, "pushl $0x23; pushl $0xa00800; pushl $0x46; pushl $0x1b; pushl $0x800000;"
		      "movl %esp, known_esp; iret");

/* At the end of the stack: the first word is not there, or half of it, or a later one. */
#define AT(esp) "movl $" esp ", %esp; movl %esp, known_esp; "
KNOWN(pop, AT("0xa01000") "popl %ecx");
KNOWN(pop_half, AT("0xa00ffe") "popl %ecx");
KNOWN(pop_memory, AT("0xa01000") "popl (%ebx)");
KNOWN(pop_flags, AT("0xa01000") "popfl");
KNOWN(pop_all, AT("0xa01000") "popal");
KNOWN(pop_segment, AT("0xa01000") "popl %fs");
KNOWN(leave, "movl $0xa01000, %ebp; leave");
KNOWN(return_from, AT("0xa01000") "ret");
KNOWN(return_from_half, AT("0xa00ffe") "ret");
KNOWN(far_return_from, AT("0xa00ffc") "lret");
KNOWN(interrupt_return_from, AT("0xa00ff8") "iret");

/* In user mode alone: the kernel would have no stack for the fault. */
KNOWN(push_below, AT("0xa00000") "pushl %eax");
KNOWN(push_below_half, AT("0xa00002") "pushl $1");
KNOWN(push_flags_below, AT("0xa00000") "pushfl");
KNOWN(push_memory_below, AT("0xa00000") "pushl (%ebx)");
KNOWN(push_segment_below, AT("0xa00000") "pushl %fs");
KNOWN(call_below, AT("0xa00000") "call 1f; 1:");
KNOWN(call_memory_below, AT("0xa00000") "call *(%ebx)");
KNOWN(push_at_zero, AT("0") "pushl %eax");
KNOWN(call_at_zero, AT("0") "call 1f; 1:");
KNOWN(interrupt_at_zero, AT("0") "movl $1, %ecx");

KNOWN(divide, "movl $0, %ecx; divl %ecx");
KNOWN(undefined, "ud2");
KNOWN(overflow, "into");
KNOWN(absent, "movl $0x30, %edx; movl %edx, %fs");

#define TRY_KERNEL(name) known_kernel(#name, name)
#define TRY_USER(name)   known_user(#name, name)

static void try_jumps(void)
{
	TRY_KERNEL(jump);
	TRY_KERNEL(jump_by_register);
	TRY_KERNEL(jump_taken);
	TRY_KERNEL(jump_not_taken);
	TRY_KERNEL(call);
	TRY_KERNEL(call_by_register);
	TRY_KERNEL(return_there);
	TRY_KERNEL(return_8);
	TRY_KERNEL(jump_crossing);
	TRY_KERNEL(call_crossing);
	TRY_KERNEL(far_jump);
	TRY_KERNEL(far_call);
	TRY_KERNEL(far_return);
	TRY_KERNEL(interrupt_return);
	TRY_KERNEL(return_to_user);
	TRY_USER(jump);
	TRY_USER(jump_taken);
	TRY_USER(call);
	TRY_USER(return_there);
	TRY_USER(jump_crossing);
}

static void try_pops(void)
{
	TRY_KERNEL(pop);
	TRY_KERNEL(pop_half);
	TRY_KERNEL(pop_memory);
	TRY_KERNEL(pop_flags);
	TRY_KERNEL(pop_all);
	TRY_KERNEL(pop_segment);
	TRY_KERNEL(leave);
	TRY_KERNEL(return_from);
	TRY_KERNEL(return_from_half);
	TRY_KERNEL(far_return_from);
	TRY_KERNEL(interrupt_return_from);
	TRY_USER(pop);
	TRY_USER(pop_flags);
	TRY_USER(pop_all);
	TRY_USER(leave);
	TRY_USER(return_from);
}

static void try_pushes(void)
{
	TRY_USER(push_below);
	TRY_USER(push_below_half);
	TRY_USER(push_flags_below);
	TRY_USER(push_memory_below);
	TRY_USER(push_segment_below);
	TRY_USER(call_below);
	TRY_USER(call_memory_below);
	TRY_USER(push_at_zero);
	TRY_USER(call_at_zero);
	TRY_USER(interrupt_at_zero);
}

/*
 * PUSHA meets the end of the kernel's stack where the frame of the fault still has room. Its handler
 * has none, and takes another stack before it does anything; the frame goes along.
 */
extern u8 low_gate[];
extern u32 low_esp;
u32 low_esp;
asm(".text; low_gate: movl %esp, low_esp; movl %eax, low_eax; movl %esp, %eax;"
    "movl $low_stack + 4096, %esp; pushl 12(%eax); pushl 8(%eax); pushl 4(%eax); pushl (%eax);"
    "movl low_eax, %eax; jmp trap_stubs + 14 * 16;"
    ".local low_eax; .comm low_eax, 4; .local low_stack; .comm low_stack, 4096, 16; .text");

KNOWN(push_all, AT("0xa00014") "pushal");

static void try_low_stack(void)
{
	idt[VECTOR_PF] = gate_make(KERNEL_CODE, (u32)low_gate, TYPE_INTERRUPT_GATE32, 0);
	guard_kernel(push_all);
	/* Which of its words is the first that fails is not said: QEMU begins with the lowest. */
	print("push_all: esp %d, eip +%d, cr2 in %08x\n", low_esp - known_esp,
		*(u32 *)(low_esp + 4) - (u32)push_all, cr2_get() & PTE_FRAME);
	trap_gate(VECTOR_PF, TYPE_INTERRUPT_GATE32, 0);
}

PROBE(jump_faults)
{
	u32 *directory = page_alloc();
	u8 *page = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_map(directory, PAGE, (u32)page, PTE_W | PTE_U);
	page[PAGE_SIZE - 3] = 0x91; /* XCHG EAX, ECX, and the first half of MOV EAX, imm32 */
	page[PAGE_SIZE - 2] = 0xb8;
	page[PAGE_SIZE - 1] = 0x11;
	known_pointer = PAGE + 0x100;
	known_init();
	segment_set(FREE_SELECTOR, 0, ~0u, ATTR_KERNEL_DATA & ~ATTR_P);
	task.tss.esp0 = (u32)stack_top - 8192; /* for what arrives from user mode unplanned */
	page_on(directory);
	try_jumps();
	try_pops();
	try_pushes();
	try_low_stack();
	TRY_KERNEL(divide);
	TRY_KERNEL(undefined);
	TRY_KERNEL(overflow);
	TRY_KERNEL(absent);
}
