/*
 * The serial port's other half: loopback, FIFO, line and modem status, and its interrupts (PC16550D
 * data sheet).
 */
#include "probe.h"

#define DATA        (COM1 + 0)
#define IER         (COM1 + 1)
#define IIR         (COM1 + 2)
#define FCR         (COM1 + 2)
#define LCR         (COM1 + 3)
#define MCR         (COM1 + 4)
#define LSR         (COM1 + 5)
#define MSR         (COM1 + 6)
#define IER_RECEIVE 0x01
#define IER_THRE    0x02
#define IER_LINE    0x04
#define IER_MODEM   0x08
#define MCR_LOOP    0x10
#define MCR_PLAIN   0x0b
#define FIFO_ON     0x07 /* on, both emptied; trigger at 1 */
#define FIFO_8      0x87 /* trigger at 8 */

static u8 seen[64];
static unsigned seen_count;
static bool quiet;

/* What is noted while the port is in loopback is printed after it. */
static void note(u8 value)
{
	if (seen_count < sizeof seen)
		seen[seen_count++] = value;
}

static void show(const char *what)
{
	out8(IER, 0);
	out8(MCR, MCR_PLAIN);
	out8(FCR, FIFO_ON);
	print("%s:", what);
	for (unsigned i = 0; i < seen_count; i++)
		print(" %02x", seen[i]);
	print("\n");
	seen_count = 0;
}

static void on_uart(struct frame *f)
{
	u8 cause = in8(IIR);

	irq_eoi(IRQ_COM1);
	if (quiet)
		return;
	note(cause);
	if ((cause & 0x0f) == 0x02)
		out8(IER, 0);
}

static void let_in(void)
{
	sti();
	asm volatile("nop; nop; nop; nop");
	cli();
}

/*
 * A request that is taken back before it is acknowledged leaves nothing behind in an 8259A, and its
 * edge in QEMU's: whatever is left is let in here, unnoted.
 */
static void drain(void)
{
	out8(IER, 0);
	quiet = true;
	let_in();
	quiet = false;
}

static void try_loopback(void)
{
	out8(MCR, MCR_LOOP);
	note(in8(LSR));
	out8(DATA, secret(1));
	note(in8(LSR) & 0x01);
	note(in8(DATA));
	note(in8(LSR) & 0x01);
	show("loopback");
	out8(MCR, MCR_LOOP);
	for (unsigned i = 0; i < 16; i++)
		out8(DATA, secret(i));
	for (unsigned i = 0; i < 16; i++)
		note(in8(DATA));
	note(in8(LSR) & 0x03);
	show("fifo");
	out8(MCR, MCR_LOOP);
	for (unsigned i = 0; i < 5; i++)
		out8(DATA, secret(i));
	out8(FCR, FIFO_ON);
	note(in8(LSR) & 0x01);
	show("emptied");
}

/*
 * In loopback the modem's inputs are the port's own outputs: DTR to DSR, RTS to CTS, OUT1 to RI,
 * OUT2 to DCD.
 */
static void try_modem(void)
{
	for (u8 out = 0; out < 16; out++) {
		out8(MCR, MCR_LOOP | out);
		note(in8(MSR) & 0xf0);
	}
	show("modem");
}

static void try_thre(void)
{
	out8(IER, IER_THRE);
	let_in();
	show("thre");
	/*
	 * Reading IIR takes the request back; writing a byte, which is out at once, brings it
	 * again.
	 */
	out8(IER, IER_THRE);
	note(in8(IIR));
	note(in8(IIR));
	out8(DATA, '.');
	note(in8(IIR));
	drain();
	show("thre again");
	out8(IER, IER_THRE);
	note(pic_requests() >> IRQ_COM1 & 1);
	out8(IER, 0);
	note(in8(IIR));
	drain();
	show("disabled");
}

static void try_receive(void)
{
	/*
	 * Seen in IIR only: in loopback OUT2 is off, and with it, on a PC, the interrupt's way out.
	 */
	out8(MCR, MCR_LOOP);
	out8(IER, IER_RECEIVE);
	note(in8(IIR));
	out8(DATA, secret(5));
	note(in8(IIR));
	note(in8(DATA));
	note(in8(IIR));
	drain();
	show("receive");
	out8(FCR, FIFO_8);
	out8(MCR, MCR_LOOP);
	out8(IER, IER_RECEIVE);
	for (unsigned i = 0; i < 7; i++)
		out8(DATA, secret(i));
	note(in8(LSR) & 0x01);
	out8(DATA, secret(7));
	note(in8(IIR));
	for (unsigned i = 0; i < 8; i++)
		note(in8(DATA));
	note(in8(IIR));
	drain();
	show("trigger at 8");
}

static void try_registers(void)
{
	out8(IER, 0xff);
	note(in8(IER));
	out8(IER, 0);
	note(in8(LCR));
	note(in8(MCR));
	out8(MCR, 0xff);
	note(in8(MCR));
	out8(MCR, MCR_PLAIN);
	out8(LCR, 0x83);
	out8(DATA, secret(8));
	out8(IER, secret(9));
	note(in8(DATA));
	note(in8(IER));
	out8(DATA, 1);
	out8(IER, 0);
	out8(LCR, 0x03);
	show("registers");
}

PROBE(uart)
{
	irq_set(IRQ_COM1, on_uart);
	irq_unmask(IRQ_COM1);
	PROBE_STOP(1);
	try_loopback();
	try_modem();
	try_thre();
	try_receive();
	try_registers();
}
