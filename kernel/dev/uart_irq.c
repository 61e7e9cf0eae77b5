/*
 * When a 16550A interrupts (DS table IV). The causes, most urgent first, and what takes each away:
 *
 *   IIR 0x06  line status (an overrun)            reading LSR
 *   IIR 0x04  received data reached the trigger   reading the FIFO below it
 *   IIR 0x0c  received data below the trigger     reading the FIFO empty
 *   IIR 0x02  transmitter empty                   reading IIR while this is the cause; writing THR
 *   IIR 0x00  modem status                        reading MSR
 */
#include "dev/uart.h"

u8 uart_cause(const struct uart *u)
{
	if (u->ier & UART_IER_LINE && u->overrun)
		return UART_IIR_LINE;
	if (u->ier & UART_IER_RX && u->rx.count >= u->trigger)
		return UART_IIR_RX;
	if (u->ier & UART_IER_RX && u->rx.count)
		return UART_IIR_TIMEUP;
	if (u->ier & UART_IER_THRE && u->thre_raised)
		return UART_IIR_THRE;
	if (u->ier & UART_IER_MODEM && u->msr_delta)
		return UART_IIR_MODEM;
	return UART_IIR_NONE;
}

/* On a PC the chip's INTR reaches the PIC only through OUT2, and loopback turns OUT2 off at the pin. */
void uart_update(struct uart *u)
{
	bool connected = (u->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2;

	pic_set_line(u->pic, u->irq, connected && uart_cause(u) != UART_IIR_NONE);
}

/* Full takes the interrupt away and empty raises it again: the PIC must see both edges. */
void uart_sent(struct uart *u)
{
	u->thre_raised = false;
	uart_update(u);
	u->thre_raised = true;
}

/* To enable the transmitter's interrupt while the transmitter is empty, as it always is, raises it. */
void uart_enable(struct uart *u, u8 ier)
{
	if (ier & ~u->ier & UART_IER_THRE)
		u->thre_raised = true;
	u->ier = ier & 0x0f;
}

u8 uart_identify(struct uart *u)
{
	u8 cause = uart_cause(u);

	if (cause == UART_IIR_THRE)
		u->thre_raised = false;
	return cause | (u->fifo ? UART_IIR_FIFO : 0);
}
