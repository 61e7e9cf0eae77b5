/*
 * What the data sheets say and QEMU's devices do not do: like strict.c, with all its expected lines
 * from there.
 */
#include "probe.h"

#define CHANNEL2 0x42
#define SPEAKER  0x61
#define GATE     0x01
#define OUTPUT   0x20
#define LATCH_2  0x80
#define UART_IER (COM1 + 1)
#define UART_IIR (COM1 + 2)
#define IER_THRE 0x02

static u32 spurious;

static u16 count(void)
{
	u8 low;

	out8(PIT_COMMAND, LATCH_2);
	low = in8(CHANNEL2);
	return low | in8(CHANNEL2) << 8;
}

static void wait_a_little(void)
{
	for (u32 n = 0; n < 2000; n++)
		asm volatile("");
}

/* 8254, mode 0: the gate stops the count and lets it go on; a control word lowers the output. */
static void try_gate(void)
{
	u16 first;

	out8(SPEAKER, GATE);
	out8(PIT_COMMAND, 0xb0);
	out8(CHANNEL2, 0);
	out8(CHANNEL2, 0x40);
	wait_a_little();
	out8(SPEAKER, 0);
	first = count();
	wait_a_little();
	print("gate closed: stands %u", first == count());
	out8(SPEAKER, GATE);
	wait_a_little();
	print(" then counts %u\n", count() < first);
	while (!(in8(SPEAKER) & OUTPUT))
		;
	out8(PIT_COMMAND, 0xb0);
	print("output after a control word: %u\n", !!(in8(SPEAKER) & OUTPUT));
	out8(SPEAKER, 0);
}

static void on_spurious(struct frame *f)
{
	spurious++;
	if (pic_in_service() & 1 << 7)
		irq_eoi(7);
}

/* 8259A: a request that is gone before it is acknowledged is no request. */
static void try_withdrawn(void)
{
	u16 before, after;

	irq_set(7, on_spurious);
	irq_unmask(7);
	irq_unmask(IRQ_COM1);
	out8(UART_IER, IER_THRE);
	before = pic_requests() & 1 << IRQ_COM1;
	in8(UART_IIR);
	after = pic_requests() & 1 << IRQ_COM1;
	sti();
	asm volatile("nop; nop; nop");
	cli();
	out8(UART_IER, 0); /* before the next byte is sent */
	print("request: %x withdrawn: %x in service: %x spurious: %u\n", before, after,
		pic_in_service(), spurious);
}

PROBE(strict_devices)
{
	try_gate();
	try_withdrawn();
}
