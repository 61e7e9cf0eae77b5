/*
 * Two 8259A interrupt controllers, the second behind input 2 of the first: sixteen request lines
 * in, one pin out. Source: Intel 8259A data sheet (231468), "DS" below.
 *
 *   IRQ 0 timer     --+                    IRQ 8  clock   --+
 *   IRQ 1 keyboard  --+                    IRQ 9          --+
 *         cascade 2 --+ <---- INT -------- IRQ 10         --+ chip[1]
 *   IRQ 3           --+ chip[0]            ...              |
 *   IRQ 4 COM1      --+ ------ INT -> CPU  IRQ 15         --+
 *   ...
 *
 * pic.c is what the chip does (requests, priorities, acknowledge, end of interrupt); pic_ports.c is
 * its register file.
 */
#pragma once

#include "base/types.h"

enum irq {
	IRQ_TIMER = 0,
	IRQ_KEYBOARD = 1,
	IRQ_CASCADE = 2,
	IRQ_COM1 = 4,
	IRQ_CLOCK = 8,
	IRQ_FPU = 13,
	IRQ_DISK = 14,
};

struct pic_chip {
	u8 lines; /* the eight inputs as they stand */
	u8 irr;   /* interrupt request register */
	u8 isr;   /* in-service register */
	u8 imr;   /* interrupt mask register */
	u8 base;  /* vector of input 0 (ICW2) */
	u8 top;   /* the input that has the highest priority; the others follow in a ring */

	bool level;        /* ICW1: level-triggered; else on rising edges */
	bool auto_eoi;     /* ICW4 */
	bool auto_rotate;  /* OCW2: rotate in automatic EOI mode */
	bool special_mask; /* OCW3 */
	bool special_nest; /* ICW4: special fully nested mode */

	bool read_isr; /* OCW3: the even port reads the ISR, else the IRR */
	bool poll;     /* OCW3: the next read is an acknowledge */
	u8 expect;     /* the odd port takes ICW2, 3 or 4 next; 0: the mask */
	bool expect_icw3, expect_icw4;
};

struct pic {
	struct pic_chip chip[2];
};

/*
 * As a PC's firmware (SeaBIOS) leaves them, and so a Multiboot loader too (specification 3.2):
 * vectors 0x08 and 0x70, the inputs masked that it has no device for, the timer's line high and its
 * last request served.
 */
void pic_init(struct pic *);

/*
 * Sets request line `irq`, 0 to 15, high or low. One that stands where it stood changes nothing, by edge
 * or by level: a serial port says so at every access.
 */
void pic_move_line(struct pic *, unsigned irq, bool high);

static inline void pic_set_line(struct pic *pic, unsigned irq, bool high)
{
	if ((pic->chip[irq >> 3].lines >> (irq & 7) & 1) != high)
		pic_move_line(pic, irq, high);
}

/*
 * The CPU's two INTA cycles. Returns the vector: of the request with the highest priority, or, if
 * none is left, of input 7 of the chip that was asked, with nothing in service (a spurious
 * interrupt, DS "The Interrupt Sequence").
 */
u8 pic_acknowledge(struct pic *);

/* Ports 0x20, 0x21 (chip 0), 0xa0, 0xa1 (chip 1). */
u8 pic_read(struct pic *, u16 port);
void pic_write(struct pic *, u16 port, u8 value);

/* Between pic.c and pic_ports.c. The highest-priority input that may interrupt now, or -1. */
int pic_chip_winner(const struct pic_chip *);
/* One chip's INTA: takes the winner into service and returns it, or 7 if there is none. */
unsigned pic_chip_acknowledge(struct pic_chip *);
/* OCW2: ends the service of `input`, and makes it the lowest in priority if `rotate`. */
void pic_chip_end(struct pic_chip *, unsigned input, bool rotate);
/* The input in service that has the highest priority, or -1. */
int pic_chip_in_service(const struct pic_chip *);
/* Carries the second chip's INT pin to input 2 of the first: after every change of either. */
void pic_cascade(struct pic *);

/* Whether the first chip's INT pin, the CPU's INTR, is high. It is asked for at every exit. */
static inline bool pic_pending(const struct pic *pic)
{
	const struct pic_chip *master = &pic->chip[0];

	return master->irr & ~master->imr && pic_chip_winner(master) >= 0;
}
