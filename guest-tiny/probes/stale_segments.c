/*
 * LGDT with segments in the registers that the new table does not have, or has otherwise. What is
 * loaded stays (SDM 3A 3.4.3), through everything that a monitor must look at meanwhile: privileged
 * instructions, faults, interrupts, page faults, system calls; and what is loaded next is the new
 * table's. Segments that are not flat tell by what they reach.
 */
#include "page.h"
#include "probe.h"

#include "base/string.h"

#define CODE_BASE 0x30 /* code, data and stack with bases of their own, in the old table only */
#define DATA_BASE 0x38
#define FS_BASE   0x40
#define GS_BASE   0x4b /* for user mode too */
#define STACK     0x50

extern struct table_register old_table, new_table, idt_table;
extern u32 stale_words[16], stale_counter;
struct table_register old_table, new_table;
u32 stale_words[16], stale_counter;

static struct descriptor other_gdt[GDT_ENTRIES] PAGE_ALONE;

/*
 * Interrupts while segments are stale: nothing but CS of the gate is loaded, and the old table is back
 * only for IRET, which loads CS from it.
 */
extern u8 stale_gate[], stale_irq_gate[];
asm(".text; stale_irq_gate: pushl %eax; movb $0x60, %al; outb %al, $0x20; popl %eax;"
    "stale_gate: incl stale_counter; lgdt old_table; iret");

#define BASES                                                                 \
	"movl $0x38, %ecx; movl %ecx, %es; movl $0x40, %ecx; movl %ecx, %fs;" \
	"movl $0x4b, %ecx; movl %ecx, %gs; "
#define STALE BASES "lgdt new_table; "
#define BACK  "lgdt old_table; movl $0x10, %ecx; movl %ecx, %es; movl %ecx, %fs; movl %ecx, %gs"

/* The words that each register reaches; the sum of four reads and one write. */
#define READ "movl %es:0, %eax; addl %fs:4, %eax; addl %gs:8, %eax; movl %eax, %fs:12; "
SNIPPET(reads, STALE READ BACK);
SNIPPET(privileged,
	STALE "cli; movl %cr0, %ecx; movl %ecx, %cr0; inb $0x21, %al; clts; " READ BACK);
SNIPPET(faulting, STALE "incl %fs:0x800000");
SNIPPET(null_now, VALUE STALE "movl $0x38, %ecx; movl %ecx, %ds");
SNIPPET(otherwise_now, STALE "movl $0x40, %ecx; movl %ecx, %fs; movl %fs:4, %eax; " BACK);
SNIPPET(strings, "pushl %edi; pushl %esi;" STALE "xorl %edi, %edi; movl $4, %esi; movl $3, %ecx;"
		 "rep movsl %fs:(%esi), %es:(%edi); popl %esi; popl %edi; movl %es:8, %eax; " BACK);
/* CS and SS stale: their selectors are not in the table at all. */
SNIPPET(code,
	STALE "lgdt old_table; ljmp $0x30, $1f - 0x1000; 1: lgdt new_table; incl %eax; pushl %eax;"
	      "popl %ecx; inb $0x21, %al; movl %cr0, %ecx; " READ "lgdt old_table;"
	      "ljmp $0x08, $1f; 1: " BACK);
SNIPPET(stack, STALE
	"lgdt old_table; movl %esp, %edx; subl $0x2000, %esp; movl $0x50, %ecx; movl %ecx, %ss;"
	"lgdt new_table; pushl %edx; call 1f; jmp 2f; 1: movl %cr0, %ecx; inb $0x21, %al;"
	"ret $0; 2: popl %edx; " READ "lgdt old_table; movl $0x10, %ecx; movl %ecx, %ss;"
	"movl %edx, %esp; " BACK);
SNIPPET(software, STALE "int $0x41; lgdt new_table; int $0x41; lgdt new_table; " READ BACK);
SNIPPET(in_code, STALE "lgdt old_table; ljmp $0x30, $1f - 0x1000; 1: lgdt new_table; int $0x41;"
		       "lgdt new_table; int $0x41; ljmp $0x08, $1f; 1: " READ BACK);
SNIPPET(waiting, STALE "sti; 1: cmpl $0, stale_counter; je 1b; cli; " READ BACK);
SNIPPET(halted, STALE "sti; hlt; cli; " READ BACK);
/* IRET takes the flags, and the segments that it does not load stay as they are. */
SNIPPET(returning, STALE "pushl $2; pushl $8; pushl $1f; iret; 1: " READ BACK);

/* In user mode GS alone keeps what the kernel has loaded: the others' DPL is 0 (SDM 2A IRET). */
SNIPPET(user_reads,
	"movl %gs:8, %eax; movl %eax, %gs:16; incl %gs:16; xorl %ecx, %ecx; movl %gs:16, %eax;"
	"movl $1, %eax; int $0x80; movl %gs:16, %eax");
SNIPPET(user_loads, VALUE "movl $0x4b, %ecx; movl %ecx, %gs");

static void on_call(struct frame *f)
{
}

static void try_interrupts(void)
{
	idt[0x41] = gate_make(KERNEL_CODE, (u32)stale_gate, TYPE_INTERRUPT_GATE32, 0);
	try_kernel("software interrupts", software);
	try_kernel("in other code", in_code);
	print("counted: %u\n", stale_counter);
	idt[PIC_VECTOR] = gate_make(KERNEL_CODE, (u32)stale_irq_gate, TYPE_INTERRUPT_GATE32, 0);
	irq_unmask(IRQ_TIMER);
	stale_counter = 0;
	pit_once(1000);
	try_kernel("interrupt", waiting);
	pit_once(1000);
	try_kernel("interrupt at hlt", halted);
	print("counted: %u\n", stale_counter);
	irq_mask(IRQ_TIMER);
}

static void try_user_mode(void)
{
	guard_set_syscall(on_call);
	asm volatile("movl %0, %%gs; lgdt new_table" : : "r"(GS_BASE));
	try_user("user", user_reads);
	try_user("user loads", user_loads);
	asm volatile("lgdt old_table; movl %0, %%gs" : : "r"(KERNEL_DATA));
}

static void make_tables(void)
{
	memcpy(other_gdt, gdt, sizeof other_gdt);
	segment_set(CODE_BASE, 0x1000, ~0u, ATTR_KERNEL_CODE);
	segment_set(DATA_BASE, (u32)&stale_words[0], ~0u, ATTR_KERNEL_DATA);
	segment_set(FS_BASE, (u32)&stale_words[4], ~0u, ATTR_KERNEL_DATA);
	segment_set(GS_BASE, (u32)&stale_words[8], ~0u, ATTR_USER_DATA);
	segment_set(STACK, 0x2000, ~0u, ATTR_KERNEL_DATA);
	/* Where FS was is another segment, and where the code was is data, not present. */
	other_gdt[FS_BASE / 8] = descriptor_make((u32)&stale_words[5], ~0u, ATTR_KERNEL_DATA);
	other_gdt[CODE_BASE / 8] = descriptor_make(0, ~0u, ATTR_KERNEL_DATA & ~ATTR_P);
	old_table = (struct table_register){sizeof gdt - 1, (u32)gdt};
	new_table = (struct table_register){sizeof other_gdt - 1, (u32)other_gdt};
}

static void try_all(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(stale_words); i++)
		stale_words[i] = secret(i);
	try_kernel("reads", reads);
	print("written: %08x\n", stale_words[7]);
	try_kernel("privileged", privileged);
	try_kernel("not there", null_now);
	lgdt(&old_table);
	try_kernel("another", otherwise_now);
	try_kernel("strings", strings);
	try_kernel("code", code);
	try_kernel("stack", stack);
	try_kernel("iret", returning);
	try_interrupts();
	try_user_mode();
}

PROBE(stale_segments)
{
	u32 *directory = page_alloc();

	lldt(0); /* at reset the LDT is all of low memory */
	clts();
	make_tables();
	try_all();
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_on(directory);
	print("with paging\n");
	stale_counter = 0;
	try_all();
	/* The handler has stale segments too, but DS and ES. */
	try_kernel("page fault", faulting);
	lgdt(&old_table);
}
