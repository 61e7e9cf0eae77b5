/*
 * The same gate again and again, and other gates behind it that lead to the same address: of 16 bits, not
 * present, no gate of the IDT, out of a program's reach. What is on the stack must be what the gate asks for each time, whatever was
 * remembered of the time before.
 */
#include "probe.h"

#define GATE    0x40
#define HANDLER 0x5000u /* where a gate of 16 bits reaches */
#define TIMES   3

/* Written by the code below. */
static u32 saved __attribute__((used)), entered __attribute__((used)), back __attribute__((used));
static u32 word __attribute__((used)); /* the last one of the frame */

/* How many bytes are on the handler's stack above where it stood before; the handler never returns. */
SNIPPET(bytes_pushed, "movl %esp, saved; movl $1f, back; int $0x40\n"
		      "1:	movl saved, %eax; subl entered, %eax");
SNIPPET(handler, "movl %esp, entered; popl word; movl saved, %esp; jmp *back");
SNIPPET(int_gate, VALUE "int $0x40");

/* At HANDLER, a jump to the one above. */
static void make_handler(void)
{
	u8 *code = (u8 *)HANDLER;
	u32 distance = (u32)handler - (HANDLER + 5);

	code[0] = 0xe9;
	__builtin_memcpy(code + 1, &distance, sizeof distance);
}

static void enter(const char *what)
{
	print("%s:", what);
	for (unsigned i = 0; i < TIMES; i++)
		print(" %u", bytes_pushed());
	print("\n");
}

static void set_gate(unsigned type)
{
	idt[GATE] = gate_make(KERNEL_CODE, HANDLER, type, 3);
}

PROBE(gates_again)
{
	struct descriptor usual = idt[VECTOR_NP];

	make_handler();
	set_gate(TYPE_INTERRUPT_GATE32);
	enter("32 bits");
	set_gate(TYPE_INTERRUPT_GATE16);
	enter("16 bits");
	set_gate(TYPE_TRAP_GATE32);
	enter("32 bits, trap");
	idt[VECTOR_NP] = idt[GATE];
	idt[GATE].high &= ~(ATTR_P << 8);
	enter("not present");
	print("error code: %x\n", word);
	idt[VECTOR_NP] = usual;
	set_gate(TYPE_INTERRUPT_GATE32);
	usual = idt[VECTOR_GP];
	idt[VECTOR_GP] = idt[GATE];
	set_gate(TYPE_CALL_GATE32);
	enter("call gate");
	idt[VECTOR_GP] = usual;
	set_gate(TYPE_INTERRUPT_GATE32);
	idt[GATE].high &= ~(ATTR_P << 8);
	for (unsigned i = 0; i < TIMES; i++)
		try_kernel("not present, the usual handler", int_gate);
	trap_gate(GATE, TYPE_INTERRUPT_GATE32, 3);
	for (unsigned i = 0; i < TIMES; i++)
		try_user("a program", int_gate);
	trap_gate(GATE, TYPE_INTERRUPT_GATE32, 0);
	try_user("out of its reach", int_gate);
}
