/*
 * The two cascaded 8259 interrupt controllers and the 8254 timer, as a PC wires them. Source: Intel
 * 8259A and 8254 data sheets.
 */
#pragma once

#include "base/types.h"
#include "trap.h"

#define PIC_VECTOR    0x20 /* IRQ 0 to 15 become vectors 0x20 to 0x2f */
#define PIC_MASTER    0x20 /* command port; data is the next */
#define PIC_SLAVE     0xa0
#define PIC_EOI_OF(n) (0x60 | (n))
#define PIC_READ_IRR  0x0a
#define PIC_READ_ISR  0x0b

#define IRQ_TIMER    0
#define IRQ_KEYBOARD 1
#define IRQ_CASCADE  2
#define IRQ_COM1     4
#define IRQ_RTC      8
#define IRQ_FPU      13

/* Moves the interrupts away from the exceptions' vectors; all are masked but the cascade. */
void pic_init(void);
void irq_mask(unsigned irq);
void irq_unmask(unsigned irq);
/* Specific end of interrupt, on both controllers where the IRQ came through both. */
void irq_eoi(unsigned irq);
/* Requests that wait, and those in service; bit n is IRQ n. */
u16 pic_requests(void);
u16 pic_in_service(void);
/* A handler for one IRQ; it must call irq_eoi() itself. */
void irq_set(unsigned irq, trap_handler);

#define PIT_HZ       1193182
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43

/* Channel 0 as a rate generator (mode 2): one IRQ 0 in every `divisor` cycles of PIT_HZ. */
void pit_periodic(u16 divisor);
/* Channel 0 in mode 0: one IRQ 0, `count` cycles from now. */
void pit_once(u16 count);
