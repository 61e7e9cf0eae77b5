/* Initialises the interrupt controllers and drives the timer. */
#include "pic.h"

#include "insn.h"

#define ICW1_INIT   0x11 /* cascade, edge, ICW4 follows */
#define ICW4_8086   0x01
#define PIT_0_MODE0 0x30 /* channel 0, low byte then high byte */
#define PIT_0_MODE2 0x34

static u16 data_port(unsigned irq)
{
	return (irq < 8 ? PIC_MASTER : PIC_SLAVE) + 1;
}

void pic_init(void)
{
	out8(PIC_MASTER, ICW1_INIT);
	out8(PIC_SLAVE, ICW1_INIT);
	out8(PIC_MASTER + 1, PIC_VECTOR);
	out8(PIC_SLAVE + 1, PIC_VECTOR + 8);
	out8(PIC_MASTER + 1, 1 << IRQ_CASCADE); /* ICW3: where the slave is, as a bit */
	out8(PIC_SLAVE + 1, IRQ_CASCADE);       /* and as a number */
	out8(PIC_MASTER + 1, ICW4_8086);
	out8(PIC_SLAVE + 1, ICW4_8086);
	out8(PIC_MASTER + 1, (u8) ~(1 << IRQ_CASCADE));
	out8(PIC_SLAVE + 1, 0xff);
}

void irq_mask(unsigned irq)
{
	out8(data_port(irq), in8(data_port(irq)) | 1 << (irq & 7));
}

void irq_unmask(unsigned irq)
{
	out8(data_port(irq), in8(data_port(irq)) & ~(1 << (irq & 7)));
}

void irq_eoi(unsigned irq)
{
	if (irq >= 8)
		out8(PIC_SLAVE, PIC_EOI_OF(irq & 7));
	out8(PIC_MASTER, PIC_EOI_OF(irq >= 8 ? IRQ_CASCADE : irq));
}

static u16 read_both(u8 ocw3)
{
	out8(PIC_MASTER, ocw3);
	out8(PIC_SLAVE, ocw3);
	return in8(PIC_MASTER) | in8(PIC_SLAVE) << 8;
}

u16 pic_requests(void)
{
	return read_both(PIC_READ_IRR);
}

u16 pic_in_service(void)
{
	return read_both(PIC_READ_ISR);
}

void irq_set(unsigned irq, trap_handler handler)
{
	trap_set(PIC_VECTOR + irq, handler);
}

static void pit_start(u8 command, u16 count)
{
	out8(PIT_COMMAND, command);
	out8(PIT_CHANNEL0, count & 0xff);
	out8(PIT_CHANNEL0, count >> 8);
}

void pit_periodic(u16 divisor)
{
	pit_start(PIT_0_MODE2, divisor);
}

void pit_once(u16 count)
{
	pit_start(PIT_0_MODE0, count);
}
