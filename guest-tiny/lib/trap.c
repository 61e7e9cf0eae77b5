/*
 * The interrupt descriptor table and the dispatch of what arrives through it. Source: SDM 3A 6.10
 * to 6.12.
 */
#include "trap.h"

#include "insn.h"
#include "machine.h"
#include "segment.h"

struct descriptor idt[PAGE_SIZE / sizeof(struct descriptor)] PAGE_ALONE;

static trap_handler handlers[IDT_ENTRIES];
static trap_handler default_handler;

void trap_gate(unsigned vector, enum system_type type, unsigned dpl)
{
	idt[vector] = gate_make(KERNEL_CODE, (u32)trap_stubs + vector * TRAP_STUB_BYTES, type, dpl);
}

void trap_set(unsigned vector, trap_handler handler)
{
	handlers[vector] = handler;
}

void trap_set_default(trap_handler handler)
{
	default_handler = handler;
}

static void unexpected(struct frame *f)
{
	print("guest: unexpected vector %u error %x at %x:%08x flags %x cr2 %08x\n", f->vector,
		f->error, f->cs, f->eip, f->eflags, cr2_get());
	print("guest: eax %08x ecx %08x edx %08x ebx %08x\n", f->eax, f->ecx, f->edx, f->ebx);
	print("guest: ebp %08x esi %08x edi %08x esp %08x\n", f->ebp, f->esi, f->edi,
		frame_from_user(f) ? f->esp : (u32)&f->esp);
	machine_end(1);
}

void trap_dispatch(struct frame *);

/* Called by entry.S. */
void trap_dispatch(struct frame *f)
{
	if (handlers[f->vector])
		handlers[f->vector](f);
	else if (default_handler)
		default_handler(f);
	else
		unexpected(f);
}

void trap_init(void)
{
	struct table_register table = {IDT_ENTRIES * sizeof *idt - 1, (u32)idt};

	for (unsigned v = 0; v < IDT_ENTRIES; v++)
		trap_gate(v, TYPE_INTERRUPT_GATE32, 0);
	lidt(&table);
}
