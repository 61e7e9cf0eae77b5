/* The real interrupt controller: two 8259 with the lines that the monitor uses. */
#pragma once

#include "base/types.h"

enum host_irq { HOST_TIMER = 0, HOST_COM2 = 3, HOST_COM1 = 4 };

/* Moves the vectors to VECTOR_IRQ (hw/trap.h) and masks every line. */
void interrupt_init(void);
void interrupt_unmask(enum host_irq);
/* Ends the service of an interrupt that came at `vector`. */
void interrupt_end(u32 vector);

/* Sleeps until an interrupt comes, and serves it by interrupt_end(). */
void interrupt_wait(void);
