/* The keyboard controller, as far as a kernel probes it (IBM PS/2 technical reference). */
#include "probe.h"

#define DATA        0x60
#define COMMAND     0x64
#define OUTPUT_FULL 0x01
#define INPUT_FULL  0x02

static u32 interrupts;
static u8 got;

static void on_keyboard(struct frame *f)
{
	interrupts++;
	got = in8(DATA);
	irq_eoi(IRQ_KEYBOARD);
}

static void send(u16 port, u8 value)
{
	while (in8(COMMAND) & INPUT_FULL)
		;
	out8(port, value);
}

/* The next byte of the answer, or 0x100 if there is none soon. */
static u32 answer(void)
{
	for (u32 n = 0; n < 100000; n++)
		if (in8(COMMAND) & OUTPUT_FULL)
			return in8(DATA);
	return 0x100;
}

static void try_controller(void)
{
	send(COMMAND, 0xaa);
	print("self-test: %02x\n", answer());
	send(COMMAND, 0xab);
	print("interface test: %02x\n", answer());
	send(COMMAND, 0x60);
	send(DATA, 0x44);
	send(COMMAND, 0x20);
	print("command byte: %02x\n", answer());
}

static void try_keyboard(void)
{
	send(COMMAND, 0xae);
	send(DATA, 0xee);
	print("echo: %02x\n", answer());
	send(DATA, 0xed);
	print("leds: %02x", answer());
	send(DATA, 0x07);
	print(" %02x\n", answer());
	send(DATA, 0xff);
	print("reset: %02x", answer());
	print(" %02x\n", answer());
	print("nothing more: %x\n", answer());
}

/* With the command byte's first bit an answer raises IRQ 1. */
static void try_interrupt(void)
{
	irq_set(IRQ_KEYBOARD, on_keyboard);
	irq_unmask(IRQ_KEYBOARD);
	send(COMMAND, 0x60);
	send(DATA, 0x45);
	interrupts = 0;
	send(DATA, 0xee);
	sti();
	for (u32 n = 0; n < 100000 && !interrupts; n++)
		asm volatile("" : : : "memory");
	cli();
	print("interrupt: %u %02x\n", interrupts, got);
}

PROBE(kbc)
{
	print("secret: %08x\n", secret(1));
	PROBE_STOP(1);
	while (in8(COMMAND) & OUTPUT_FULL)
		in8(DATA);
	try_controller();
	try_keyboard();
	try_interrupt();
}
