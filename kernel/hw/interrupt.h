/* The real interrupt controller: two 8259 with the lines that the monitor uses. */
#pragma once

#include "base/types.h"

enum irq { IRQ_TIMER = 0, IRQ_COM2 = 3, IRQ_COM1 = 4, IRQ_COUNT = 16 };

/* Moves the vectors to VECTOR_IRQ (hw/trap.h) and masks every line. */
void interrupt_init(void);
void interrupt_unmask(enum irq);
/* Ends the service of an interrupt that came at `vector`. */
void interrupt_end(u32 vector);

/* Sleeps until an interrupt comes; returns its vector, served already by interrupt_end(). */
u32 interrupt_wait(void);
