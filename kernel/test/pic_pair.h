/* The pair of 8259A by its ports and lines, set up as Linux does. Include it once a test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dev/pic.h"

#define EOI       0x20
#define EOI_OF(n) (0x60 | (n))
#define READ_IRR  0x0a
#define READ_ISR  0x0b
#define POLL      0x0c

static struct pic pic;

static inline void out(u16 port, u8 value)
{
	pic_write(&pic, port, value);
}

static inline u8 in(u16 port)
{
	return pic_read(&pic, port);
}

static inline u8 irr(u16 port)
{
	out(port, READ_IRR);
	return in(port);
}

static inline u8 isr(u16 port)
{
	out(port, READ_ISR);
	return in(port);
}

static inline void raise(unsigned irq)
{
	pic_set_line(&pic, irq, true);
}

static inline void lower(unsigned irq)
{
	pic_set_line(&pic, irq, false);
}

/* As Linux's init_8259A() does, with the given ICW4 of the first chip and nothing masked. */
static inline void initialise(u8 icw4)
{
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, icw4);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, 0x01);
	out(0x21, 0x00);
	out(0xa1, 0x00);
}

static inline int set_up(void **state)
{
	pic_init(&pic);
	lower(0); /* it is high to begin with */
	initialise(0x01);
	return 0;
}

#define pic_test(f) cmocka_unit_test_setup(f, set_up)
