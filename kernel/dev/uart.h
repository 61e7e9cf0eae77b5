/*
 * A 16550A serial port, COM1. Source: National Semiconductor PC16550D data sheet (June 1995), "DS"
 * below.
 *
 *   uart_receive() --> waiting (256) --> rx FIFO (16, or 1) --> RBR
 *   transmit() <----------------------------------------------- THR
 *
 * The line is infinitely fast in both directions. What is written to THR is out at once, so LSR
 * always shows an empty transmitter; what is typed waits outside only while the FIFO is full, so
 * there is no overrun but in loopback. Nothing depends on time: the divisor is only remembered, and
 * bytes in a FIFO that is below its trigger level interrupt at once (the character time-out), not
 * after four character times. uart.c is the register file; uart_irq.c decides when to interrupt.
 */
#pragma once

#include "dev/pic.h"

#define UART_FIFO  16u
#define UART_QUEUE 256u

/* Offsets from the first port (DS table II). With LCR.DLAB, 0 and 1 are the divisor. */
enum uart_register {
	UART_DATA,
	UART_IER,
	UART_IIR,
	UART_LCR,
	UART_MCR,
	UART_LSR,
	UART_MSR,
	UART_SCRATCH
};

#define UART_IER_RX     0x01u /* received data, and time-out */
#define UART_IER_THRE   0x02u /* transmitter holding register empty */
#define UART_IER_LINE   0x04u
#define UART_IER_MODEM  0x08u
#define UART_IIR_NONE   0x01u
#define UART_IIR_MODEM  0x00u
#define UART_IIR_THRE   0x02u
#define UART_IIR_RX     0x04u
#define UART_IIR_LINE   0x06u
#define UART_IIR_TIMEUP 0x0cu
#define UART_IIR_FIFO   0xc0u /* FIFOs are enabled */
#define UART_FCR_ENABLE 0x01u
#define UART_FCR_CLEAR  0x02u /* the receiver's FIFO */
#define UART_LCR_DLAB   0x80u
#define UART_MCR_DTR    0x01u
#define UART_MCR_RTS    0x02u
#define UART_MCR_OUT1   0x04u
#define UART_MCR_OUT2   0x08u /* on a PC: lets the interrupt through to the PIC */
#define UART_MCR_LOOP   0x10u
#define UART_LSR_DATA   0x01u
#define UART_LSR_OVER   0x02u
#define UART_LSR_THRE   0x20u
#define UART_LSR_IDLE   0x40u

/* A ring of bytes: `count` of them from `first` on. */
struct uart_queue {
	u8 bytes[UART_QUEUE];
	u16 first, count;
};

struct uart {
	struct pic *pic;
	unsigned irq;
	void *owner;
	void (*transmit)(void *owner, u8 byte);

	u8 ier, lcr, mcr, scratch;
	u16 divisor;
	bool fifo;        /* FCR: FIFOs on */
	u8 trigger;       /* bytes in the FIFO that raise the receive interrupt */
	bool overrun;     /* LSR bit 1, cleared by reading it */
	u8 msr_delta;     /* MSR bits 3:0, cleared by reading them */
	bool thre_raised; /* the transmitter's interrupt is pending */

	struct uart_queue rx;      /* the receiver's FIFO (or its one register) */
	struct uart_queue waiting; /* typed, not yet on the line */
};

/*
 * As firmware leaves it: reset (DS table I), but for OUT2; and a terminal is attached (CTS, DSR,
 * DCD). `transmit` gets each byte that is sent.
 */
void uart_init(struct uart *, struct pic *, unsigned irq, void (*transmit)(void *owner, u8 byte),
	void *owner);

u8 uart_read(struct uart *, enum uart_register);
void uart_write(struct uart *, enum uart_register, u8 value);

/* A byte arrives from outside. False: the queue is full and the byte is lost. */
bool uart_receive(struct uart *, u8 byte);

/* Between uart.c and uart_irq.c. The most urgent interrupt pending and enabled: IIR bits 3:0. */
u8 uart_cause(const struct uart *);
/* Sets the request line to what uart_cause() and OUT2 say: after every change of a register. */
void uart_update(struct uart *);
/* The THR has become full, and, the line being fast, empty again. */
void uart_sent(struct uart *);
/* IER gets a new value. */
void uart_enable(struct uart *, u8 ier);
/* IIR is read: what that answers, and clears. */
u8 uart_identify(struct uart *);
