/* The 16550A's register file (DS table II). Each access ends in uart_update(). */
#include "dev/uart.h"

#define LSR_EMPTY (UART_LSR_THRE | UART_LSR_IDLE)

/* MSR bits 7:4. On the PC the modem's lines come from a terminal that is always there. */
#define MSR_CTS      0x10u
#define MSR_DSR      0x20u
#define MSR_RI       0x40u
#define MSR_DCD      0x80u
#define MSR_TERMINAL (MSR_CTS | MSR_DSR | MSR_DCD)

static void queue_put(struct uart_queue *q, u8 byte)
{
	q->bytes[(q->first + q->count++) % UART_QUEUE] = byte;
}

static u8 queue_take(struct uart_queue *q)
{
	u8 byte = q->bytes[q->first];

	q->first = (q->first + 1) % UART_QUEUE;
	q->count--;
	return byte;
}

/* A receiver without FIFOs has one register. */
static unsigned capacity(const struct uart *u)
{
	return u->fifo ? UART_FIFO : 1;
}

/* The line is quick: as soon as there is room, what waits is in. In loopback it is cut off. */
static void fill(struct uart *u)
{
	while (u->waiting.count && u->rx.count < capacity(u) && !(u->mcr & UART_MCR_LOOP))
		queue_put(&u->rx, queue_take(&u->waiting));
}

/* In loopback the four outputs of MCR come back as the four inputs (DS "MCR, bit 4"). */
static u8 modem_lines(const struct uart *u)
{
	if (!(u->mcr & UART_MCR_LOOP))
		return MSR_TERMINAL;
	return (u->mcr & UART_MCR_RTS ? MSR_CTS : 0) | (u->mcr & UART_MCR_DTR ? MSR_DSR : 0) |
	       (u->mcr & UART_MCR_OUT1 ? MSR_RI : 0) | (u->mcr & UART_MCR_OUT2 ? MSR_DCD : 0);
}

/* In loopback a change of an output is a change of an input, and noted as one. */
static void write_mcr(struct uart *u, u8 value)
{
	u8 before = modem_lines(u), changed;

	u->mcr = value & 0x1f;
	changed = before ^ modem_lines(u);
	if (!(before & MSR_RI)) /* of the ring indicator only its end is noted (DS "MSR, bit 2") */
		changed &= ~MSR_RI;
	u->msr_delta |= changed >> 4;
}

/* FIFO control, a write-only register at IIR's place. */
static void write_fcr(struct uart *u, u8 value)
{
	static const u8 triggers[] = {1, 4, 8, 14};
	bool on = value & UART_FCR_ENABLE;

	/*
	 * Turning the FIFOs on or off empties them, and the other bits count only with them on (DS
	 * "FCR, bit 0"). What waits outside is not lost: it arrives after the clearing.
	 */
	if (on != u->fifo || (on && value & UART_FCR_CLEAR))
		u->rx.count = 0;
	u->fifo = on;
	u->trigger = on ? triggers[value >> 6] : 1;
}

/*
 * A byte comes round by loopback, whether there is room or not. A full FIFO loses the new byte, the
 * single register the old one (DS "LSR, bit 1").
 */
static void loop_back(struct uart *u, u8 value)
{
	if (u->rx.count == capacity(u)) {
		u->overrun = true;
		if (u->fifo)
			return;
		queue_take(&u->rx);
	}
	queue_put(&u->rx, value);
}

static void write_data(struct uart *u, u8 value)
{
	if (u->mcr & UART_MCR_LOOP)
		loop_back(u, value);
	else
		u->transmit(u->owner, value);
	uart_sent(u);
}

/*
 * What an empty receiver gives is not defined: nothing. The PIC sees the request fall before the
 * next byte comes in and raises it again.
 */
static u8 read_data(struct uart *u)
{
	u8 byte = u->rx.count ? queue_take(&u->rx) : 0;

	uart_update(u);
	return byte;
}

/* The transmitter is always empty. Reading takes the error away (DS "LSR"). */
static u8 read_lsr(struct uart *u)
{
	u8 value = LSR_EMPTY | (u->rx.count ? UART_LSR_DATA : 0) | (u->overrun ? UART_LSR_OVER : 0);

	u->overrun = false;
	return value;
}

/* Reading forgets the changes (DS "MSR"). */
static u8 read_msr(struct uart *u)
{
	u8 value = modem_lines(u) | u->msr_delta;

	u->msr_delta = 0;
	return value;
}

static u8 read_register(struct uart *u, enum uart_register reg)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_DATA:
		return dlab ? u->divisor : read_data(u);
	case UART_IER:
		return dlab ? u->divisor >> 8 : u->ier;
	case UART_IIR:
		return uart_identify(u);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		return read_lsr(u);
	case UART_MSR:
		return read_msr(u);
	default:
		return u->scratch;
	}
}

u8 uart_read(struct uart *u, enum uart_register reg)
{
	u8 value = read_register(u, reg);

	fill(u);
	uart_update(u);
	return value;
}

/* The baud rate has no effect, since the line is infinitely fast; but it must read back. */
static void write_divisor(struct uart *u, unsigned shift, u8 value)
{
	u->divisor = (u->divisor & ~(0xff << shift)) | value << shift;
}

void uart_write(struct uart *u, enum uart_register reg, u8 value)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	if (dlab && reg <= UART_IER)
		write_divisor(u, reg == UART_IER ? 8 : 0, value);
	else if (reg == UART_DATA)
		write_data(u, value);
	else if (reg == UART_IER)
		uart_enable(u, value);
	else if (reg == UART_IIR)
		write_fcr(u, value);
	else if (reg == UART_LCR)
		u->lcr = value;
	else if (reg == UART_MCR)
		write_mcr(u, value);
	else if (reg == UART_SCRATCH)
		u->scratch = value;
	/* LSR and MSR are for reading; writing them is for the factory (DS table II, note). */
	fill(u);
	uart_update(u);
}

bool uart_receive(struct uart *u, u8 byte)
{
	if (u->waiting.count == UART_QUEUE)
		return false;
	queue_put(&u->waiting, byte);
	fill(u);
	uart_update(u);
	return true;
}

void uart_init(struct uart *u, struct pic *pic, unsigned irq,
	void (*transmit)(void *owner, u8 byte), void *owner)
{
	*u = (struct uart){
		.pic = pic,
		.irq = irq,
		.transmit = transmit,
		.owner = owner,
		.mcr = UART_MCR_OUT2,
		.trigger = 1,
		.divisor = 12, /* firmware's 9600 baud */
	};
	uart_update(u);
}
