/* The gates of the IDT: who may use which, what they do to IF, and what a bad one costs. */
#include "probe.h"

#define GATE        0x40 /* the gate that is made in all ways, good and bad */
#define NOT_PRESENT FREE_SELECTOR

SNIPPET(int_gate, VALUE "int $0x40");
SNIPPET(int_last, VALUE "int $0xff");
SNIPPET(int3_short, VALUE "int3");
SNIPPET(int3_long, VALUE "int $3");
SNIPPET(sti_int, VALUE "sti; int $0x40; cli");

static char order[8];
static u32 ordered;

static void note(char c)
{
	if (ordered < sizeof order - 1)
		order[ordered++] = c;
	order[ordered] = 0;
}

static void on_timer(struct frame *f)
{
	note('t');
	irq_eoi(IRQ_TIMER);
}

static void on_gate(struct frame *f)
{
	note('g');
}

/*
 * STI's shadow covers INT. A trap gate leaves IF set: the timer comes before the handler's first
 * instruction.
 */
static void try_flag(const char *what, enum system_type type)
{
	ordered = 0;
	trap_gate(GATE, type, 0);
	pit_once(100);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
	sti_int();
	print("%s: %s\n", what, order);
}

static void set_gate(u16 selector, unsigned type)
{
	idt[GATE] = gate_make(selector, (u32)trap_stubs + GATE * TRAP_STUB_BYTES, type, 3);
}

static void try_bad_gates(void)
{
	set_gate(KERNEL_CODE, TYPE_INTERRUPT_GATE32);
	idt[GATE].high &= ~(ATTR_P << 8);
	try_kernel("not present", int_gate);
	try_user("not present, user", int_gate);
	idt[GATE].high &= ~(ATTR_DPL << 8);
	try_user("not present, dpl 0, user", int_gate);
	set_gate(KERNEL_CODE, TYPE_CALL_GATE32);
	try_kernel("call gate", int_gate);
	set_gate(KERNEL_CODE, TYPE_LDT);
	try_kernel("no gate", int_gate);
	set_gate(0, TYPE_INTERRUPT_GATE32);
	try_kernel("null selector", int_gate);
	set_gate(KERNEL_DATA, TYPE_INTERRUPT_GATE32);
	try_kernel("data selector", int_gate);
	set_gate(USER_CODE, TYPE_INTERRUPT_GATE32);
	try_kernel("user code", int_gate);
	segment_set(NOT_PRESENT, 0, ~0u, ATTR_KERNEL_CODE & ~ATTR_P);
	set_gate(NOT_PRESENT, TYPE_INTERRUPT_GATE32);
	try_kernel("segment not present", int_gate);
	set_gate(0xfff8, TYPE_INTERRUPT_GATE32);
	try_kernel("beyond gdt", int_gate);
	set_gate(KERNEL_CODE, TYPE_INTERRUPT_GATE32);
}

static void try_privilege(void)
{
	trap_gate(GATE, TYPE_INTERRUPT_GATE32, 0);
	try_kernel("dpl 0", int_gate);
	try_user("dpl 0, user", int_gate);
	trap_gate(GATE, TYPE_INTERRUPT_GATE32, 3);
	try_kernel("dpl 3", int_gate);
	try_user("dpl 3, user", int_gate);
	try_user("int3, user", int3_short);
	try_user("int 3, user", int3_long);
	trap_gate(VECTOR_BP, TYPE_TRAP_GATE32, 3);
	try_user("int3 dpl 3, user", int3_short);
	try_user("int 3 dpl 3, user", int3_long);
}

PROBE(gates)
{
	struct table_register whole = {IDT_ENTRIES * 8 - 1, (u32)idt},
			      cut = {0xff * 8 - 1, (u32)idt};

	PROBE_STOP(1);
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	trap_set(GATE, on_gate);
	try_flag("trap gate", TYPE_TRAP_GATE32);
	try_flag("interrupt gate", TYPE_INTERRUPT_GATE32);
	trap_set(GATE, NULL);
	try_privilege();
	try_bad_gates();
	try_kernel("last", int_last);
	lidt(&cut);
	try_kernel("beyond idt", int_last);
	lidt(&whole);
}
