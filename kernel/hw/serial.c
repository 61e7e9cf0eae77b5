/* The real serial ports. Source: National Semiconductor PC16550D data sheet. */
#include "hw/serial.h"

#include "hw/insn.h"

enum { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, STATUS = 5, SCRATCH = 7 };

#define STATUS_RECEIVED 0x01
#define STATUS_EMPTY    0x20

static const u16 base[SERIAL_COUNT] = {0x3f8, 0x2f8};
static bool present[SERIAL_COUNT];

void serial_init(void)
{
	for (unsigned i = 0; i < SERIAL_COUNT; i++) {
		out8(base[i] + SCRATCH, 0x5a);
		present[i] = in8(base[i] + SCRATCH) == 0x5a;
		if (!present[i])
			continue;
		out8(base[i] + LINE, 0x80); /* divisor latch: 115200 / 1 */
		out8(base[i] + DATA, 1);
		out8(base[i] + INTERRUPTS, 0);
		out8(base[i] + LINE, 0x03);  /* 8 bits, no parity, one stop bit */
		out8(base[i] + FIFO, 0x07);  /* on, both emptied, interrupt at one byte */
		out8(base[i] + MODEM, 0x0b); /* DTR, RTS, and OUT2: interrupts reach the 8259 */
		out8(base[i] + INTERRUPTS, 0x01); /* a byte has arrived */
	}
}

void serial_write(enum serial_port port, u8 byte)
{
	if (!present[port])
		return;
	while (!(in8(base[port] + STATUS) & STATUS_EMPTY))
		;
	out8(base[port] + DATA, byte);
}

int serial_read(enum serial_port port)
{
	if (!present[port] || !(in8(base[port] + STATUS) & STATUS_RECEIVED))
		return -1;
	return in8(base[port] + DATA);
}
