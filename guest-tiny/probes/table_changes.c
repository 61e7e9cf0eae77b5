/*
 * Descriptor tables that change behind a kernel's back, or nearly so: one that is written again and again, so that a
 * monitor may tire of looking at each write, and LGDT while an interrupt waits behind STI. What a handler or an
 * IRET needs is looked for in the table as it is now (SDM 3A 6.12.1): a code segment that is not present any more
 * is #NP, whatever was found before.
 */
#include "probe.h"

#include "base/string.h"

#define GATE       0x40
#define OTHER_CODE 0x30 /* where #NP is handled */
#define LIMIT      0x5f /* of a table in whose page other things lie, */
#define MANY       40   /* which are written so often in a row */
#define TIMES      3

static struct descriptor table[GDT_ENTRIES] PAGE_ALONE;
static struct table_register other __attribute__((used)), own __attribute__((used));
static u32 saved __attribute__((used)), back __attribute__((used)), result __attribute__((used));

/* Each ends at `back`, whether it comes through or not. */
#define BEGIN "movl %esp, saved; movl $1f, back; movl $0, result;"
#define END   "\n1: movl result, %eax"
SNIPPET(call, BEGIN "int $0x40" END);
SNIPPET(back_to_kernel, BEGIN "pushfl; pushl $8; pushl $1f; movl $2, result; iret" END);
SNIPPET(interrupt, BEGIN "sti; nop; nop; cli" END);
SNIPPET(interrupt_behind_lgdt, BEGIN "sti; lgdt other; nop; cli" END);

/* The ways to there: what happened is in `result`. The code segment is there again behind #NP. */
SNIPPET(on_gate, "movl $1, result; movl saved, %esp; jmp *back");
SNIPPET(on_absent, "popl %eax; orl $0x10000, %eax; movl %eax, result; movl saved, %esp\n"
		   "	orb $0x80, table + 13; lgdt own; ljmp $8, $1f; 1: jmp *back");

static void leave_out_code(void)
{
	*(volatile u32 *)&table[1].high &= ~(ATTR_P << 8);
}

static void written_often(void)
{
	for (u32 i = 0; i < MANY; i++)
		*(volatile u32 *)&table[200].low = i;
	for (unsigned i = 0; i < TIMES; i++)
		print("present: %x %x\n", call(), back_to_kernel());
	for (unsigned i = 0; i < TIMES; i++) {
		leave_out_code();
		print("absent: %x", call());
		leave_out_code();
		print(" %x\n", back_to_kernel());
	}
}

static u32 wait_and(u32 (*code)(void))
{
	u32 got;

	pit_once(1000);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
	got = code();
	irq_eoi(IRQ_TIMER);
	return got;
}

static void loaded_behind_sti(void)
{
	for (unsigned i = 0; i < TIMES; i++) {
		print("interrupt: %x", wait_and(interrupt));
		leave_out_code();
		/* QEMU leaves out that the event was an external one (SDM 3A 6.13, EXT). */
		print(", behind lgdt: %x\n", wait_and(interrupt_behind_lgdt) & ~ERROR_EXT);
	}
}

PROBE(table_changes)
{
	own = (struct table_register){sizeof gdt - 1, (u32)gdt};
	other = (struct table_register){LIMIT, (u32)table};
	segment_set(OTHER_CODE, 0, ~0u, ATTR_KERNEL_CODE);
	memcpy(table, gdt, sizeof table);
	idt[GATE] = gate_make(KERNEL_CODE, (u32)on_gate, TYPE_INTERRUPT_GATE32, 0);
	idt[VECTOR_NP] = gate_make(OTHER_CODE, (u32)on_absent, TYPE_INTERRUPT_GATE32, 0);
	irq_unmask(IRQ_TIMER);
	idt[PIC_VECTOR + IRQ_TIMER] = idt[GATE];
	loaded_behind_sti();
	table[1] = gdt[1];
	own = other;
	lgdt(&own);
	written_often();
}
