/*
 * A fault while a fault is delivered: two that contribute are a double fault, the others are taken
 * in turn (SDM 3A 6.15, table 6-5).
 */
#include "probe.h"

#include "page.h"

#define HOLE 0x00800000 /* an address that nothing maps */

SNIPPET(general, VALUE "movl $0xfff8, %ecx; movl %ecx, %fs");
SNIPPET(divide, VALUE "xorl %ecx, %ecx; divl %ecx");
SNIPPET(undefined, VALUE "ud2");
SNIPPET(page, VALUE "movl %eax, 0x800000");

static void no_gate(unsigned vector)
{
	idt[vector].high &= ~(ATTR_P << 8);
}

static void gate(unsigned vector)
{
	trap_gate(vector, TYPE_INTERRUPT_GATE32, 0);
}

PROBE(double_fault)
{
	u32 *directory = page_alloc();
	struct outcome o;

	no_gate(VECTOR_GP);
	PROBE_STOP(1);
	try_kernel("#GP, then #NP", general);
	try_user("#GP, then #NP, user", general);
	gate(VECTOR_GP);
	idt[VECTOR_DE] = gate_make(KERNEL_DATA, 0, TYPE_INTERRUPT_GATE32, 0);
	try_kernel("#DE, then #GP", divide);
	page_identity(directory, 4 * MIB, PTE_W | PTE_U);
	page_on(directory);
	try_kernel("#PF", page);
	no_gate(VECTOR_PF);
	try_kernel("#PF, then #NP", page);
	gate(VECTOR_PF);
	/*
	 * Delivery is over once the handler's address is loaded: what its fetch meets is a fault of
	 * its own.
	 */
	idt[VECTOR_UD] = gate_make(KERNEL_CODE, HOLE, TYPE_INTERRUPT_GATE32, 0);
	o = guard_kernel(undefined);
	print("#UD into a hole: vector %u error %x eip %08x cr2 %08x\n", o.frame.vector,
		o.frame.error, o.frame.eip, o.cr2);
}
