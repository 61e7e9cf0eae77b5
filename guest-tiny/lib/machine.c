/*
 * The serial console, polled, and the machine's two ends: how a guest starts and how it powers off.
 */
#include "machine.h"

#include "base/printf.h"
#include "insn.h"
#include "pic.h"
#include "segment.h"
#include "trap.h"

#define DEBUG_EXIT_PORT 0xf4

/* Registers of a 16550, by offset (PC16550D data sheet, table II). */
#define UART_DATA      0 /* with DLAB: divisor, low */
#define UART_IER       1 /* with DLAB: divisor, high */
#define UART_FCR       2
#define UART_LCR       3
#define UART_MCR       4
#define UART_LSR       5
#define LCR_8N1        0x03
#define LCR_DLAB       0x80
#define LSR_DATA_READY 0x01
#define LSR_THR_EMPTY  0x20

void serial_init(void)
{
	out8(COM1 + UART_IER, 0);
	out8(COM1 + UART_LCR, LCR_DLAB);
	out8(COM1 + UART_DATA, 1); /* 115200 baud */
	out8(COM1 + UART_IER, 0);
	out8(COM1 + UART_LCR, LCR_8N1);
	out8(COM1 + UART_FCR, 0x07); /* FIFOs on and empty */
	out8(COM1 + UART_MCR, 0x0b); /* DTR, RTS, and OUT2, which lets its interrupt through */
}

void serial_put(char c)
{
	while (!(in8(COM1 + UART_LSR) & LSR_THR_EMPTY))
		;
	out8(COM1 + UART_DATA, c);
}

int serial_get(void)
{
	if (!(in8(COM1 + UART_LSR) & LSR_DATA_READY))
		return -1;
	return in8(COM1 + UART_DATA);
}

void print(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	format_text(text, sizeof text, format, args);
	va_end(args);
	for (const char *c = text; *c; c++)
		serial_put(*c);
}

void machine_end(u8 status)
{
	out8(DEBUG_EXIT_PORT, status);
	/*
	 * Where there is no such port: HLT with interrupts masked never wakes, and that is
	 * power-off too.
	 */
	for (;;)
		asm volatile("cli; hlt");
}

void guest_start(u32 magic, const struct multiboot_info *info);

/* Called by entry.S on the boot stack. */
void guest_start(u32 magic, const struct multiboot_info *info)
{
	serial_init();
	if (magic != MULTIBOOT_BOOT_MAGIC) {
		print("guest: not started by a Multiboot loader\n");
		machine_end(1);
	}
	segment_init();
	trap_init();
	pic_init();
	guest_main(info);
	machine_end(0);
}
