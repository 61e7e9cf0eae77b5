/*
 * What the manual demands and QEMU's TCG does not do: the bare machine is no reference here, so the
 * expected lines are all from the SDM.
 */
#include "probe.h"

#include "page.h"

#define LARGE 0x01000000

extern u32 snippet_value;
u32 snippet_value; /* for the assembly below */

SNIPPET(load_cr0, "movl snippet_value, %eax; movl %eax, %cr0");
SNIPPET(load_cr4, "movl snippet_value, %eax; movl %eax, %cr4");
SNIPPET(ltr_null, "xorl %eax, %eax; ltr %ax");
SNIPPET(read_large, "movl 0x1000000, %eax");
SNIPPET(undefined, "ud2");
SNIPPET(sti_nop, "sti; nop; nop; cli");

/* One divided by nothing, that error unmasked: it shows at the next instruction that waits. */
SNIPPET(divide, "fninit; fldcw control_word; fld1; fldz; fdivrp; nop; fwait; nop");

extern u16 control_word;
u16 control_word = 0x37b;

static void show(const char *what, u32 (*code)(void))
{
	struct outcome o = guard_kernel(code);

	print("%s: vector %u error %x\n", what, o.frame.vector, o.frame.error);
}

static void try_value(const char *what, u32 (*code)(void), u32 value)
{
	snippet_value = value;
	show(what, code);
}

/*
 * A fault in the delivery of an exception or of an interrupt from outside has the EXT bit (SDM 3A
 * 6.13).
 */
static void try_external(void)
{
	idt[VECTOR_UD].high &= ~(ATTR_P << 8);
	show("#UD without a gate", undefined);
	irq_unmask(IRQ_TIMER);
	idt[PIC_VECTOR].high &= ~(ATTR_P << 8);
	pit_once(100);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
	show("interrupt without a gate", sti_nop);
}

/* A page fault for a reserved bit also has the bit "present" (SDM 3A 4.7). */
static void try_reserved(void)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W);
	page_map_large(directory, LARGE, 0, PTE_W);
	directory[pde_index(LARGE)] |= 1u << 21;
	cr4_set(CR4_PSE);
	page_on(directory);
	show("reserved bit", read_large);
}

static void on_fpu_error(struct frame *f)
{
	out8(0xf0, 0); /* takes the request of the error pin back */
	asm volatile("fnclex");
	print("irq 13: eip +%d\n", f->eip - (u32)divide);
	irq_eoi(IRQ_FPU);
}

/* Without CR0.NE an FPU error comes as on the first PCs, by a pin and IRQ 13 (SDM 3A 2.5). */
static void try_fpu_error(void)
{
	clts();
	cr0_set(cr0_get() & ~CR0_NE);
	irq_set(IRQ_FPU, on_fpu_error);
	irq_unmask(IRQ_FPU);
	sti();
	show("divide without ne", divide);
	cli();
}

/*
 * A repeated instruction is stepped one repetition at a time (SDM 3A 6.3.1.5); TCG counts one too
 * many.
 */
SNIPPET(string_steps, "pushl %esi; movl $snippet_value, %esi; movl $0x3ff, %edx; movl $3, %ecx;"
		      "pushl $0x102; pushl $8; pushl $1f; iret; 1: rep outsb; nop;"
		      "pushl $0x002; pushl $8; pushl $2f; iret; 2: popl %esi");

static u32 steps[3];

static void on_step(struct frame *f)
{
	u8 next = *(u8 *)f->eip;

	steps[0] += next == 0xf3; /* REP */
	steps[1] += next == 0x90; /* NOP */
	steps[2]++;
}

static void try_string_steps(void)
{
	trap_set(VECTOR_DB, on_step);
	string_steps();
	print("steps: at rep %u behind it %u in all %u\n", steps[0], steps[1], steps[2]);
	trap_set(VECTOR_DB, NULL);
}

PROBE(strict)
{
	u32 plain = cr0_get();

	try_value("pg without pe", load_cr0, (plain | CR0_PG) & ~CR0_PE);
	try_value("nw without cd", load_cr0, plain | CR0_NW);
	try_value("cr4 reserved", load_cr4, cr4_get() | 1u << 31);
	show("ltr null", ltr_null);
	print("unchanged: %d\n", cr0_get() == plain);
	try_fpu_error();
	try_string_steps();
	try_external();
	try_reserved();
}
