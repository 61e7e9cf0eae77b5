/* The real interrupt controller. Source: Intel 8259A data sheet, "Programming the 8259A". */
#include "hw/interrupt.h"

#include "hw/insn.h"
#include "hw/panic.h"
#include "hw/trap.h"
#include "x86/regs.h"
#include "x86/vector.h"

#define MASTER 0x20
#define SLAVE  0xa0
#define ICW1   0x11 /* edge-triggered, cascaded, ICW4 follows */
#define ICW4   0x01 /* 8086 mode, EOI by command */
#define EOI    0x20

static u16 mask = 0xffff & ~(1u << 2); /* the cascade stays open */
static volatile bool woken;
bool hw_late_breakpoint;

static void write_mask(void)
{
	out8(MASTER + 1, mask);
	out8(SLAVE + 1, mask >> 8);
}

void interrupt_init(void)
{
	out8(MASTER, ICW1);
	out8(SLAVE, ICW1);
	out8(MASTER + 1, VECTOR_IRQ);
	out8(SLAVE + 1, VECTOR_IRQ + 8);
	out8(MASTER + 1, 1 << 2); /* a slave on line 2, */
	out8(SLAVE + 1, 2);       /* whose identity is 2 */
	out8(MASTER + 1, ICW4);
	out8(SLAVE + 1, ICW4);
	write_mask();
}

void interrupt_unmask(enum host_irq irq)
{
	mask &= ~(1u << irq);
	write_mask();
}

void interrupt_end(u32 vector)
{
	if (vector >= VECTOR_IRQ + 8)
		out8(SLAVE, EOI);
	out8(MASTER, EOI);
}

void interrupt_wait(void)
{
	woken = false;
	while (!woken)
		wait_for_interrupt();
}

void hw_monitor_trap(struct hw_own_frame *f)
{
	/*
	 * QEMU (7.2) delivers the trap of a data breakpoint one instruction late if another trap comes
	 * first, and so in here. Its cause stays in DR6, for who looks at that trap.
	 */
	if (f->vector == VECTOR_DB && read_dr6() & DR6_BREAKPOINTS) {
		hw_late_breakpoint = true;
		return;
	}
	if (f->vector < VECTOR_IRQ)
		panic_trap(f);
	interrupt_end(f->vector);
	woken = true;
}
