/*
 * The interrupt controllers' registers and modes (8259A data sheet): what is written to them reads
 * back or takes effect.
 */
#include "probe.h"

#define UART_IER     (COM1 + 1)
#define IER_THRE     0x02
#define OCW3_POLL    0x0c
#define OCW3_SPECIAL 0x68
#define OCW3_NORMAL  0x48
#define EOI          0x20
#define ROTATE_EOI   0xa0
#define SET_PRIORITY 0xc0

static char order[16];
static u32 ordered;
static bool end_it = true;

static void note(char c)
{
	if (ordered < sizeof order - 1)
		order[ordered++] = c;
	order[ordered] = 0;
}

static void show(const char *what)
{
	print("%s: %s requests %x in service %x\n", what, order, pic_requests(), pic_in_service());
	ordered = 0;
	order[0] = 0;
}

static void on_timer(struct frame *f)
{
	note('t');
	if (end_it)
		irq_eoi(IRQ_TIMER);
}

static void on_uart(struct frame *f)
{
	note('u');
	out8(UART_IER, 0);
	if (end_it)
		irq_eoi(IRQ_COM1);
}

static void request_timer(void)
{
	pit_once(100);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
}

static void request_uart(void)
{
	out8(UART_IER, IER_THRE);
}

static void let_in(void)
{
	sti();
	asm volatile("nop; nop; nop; nop; nop; nop");
	cli();
}

static void try_masks(void)
{
	for (unsigned i = 0; i < 4; i++) {
		out8(PIC_MASTER + 1, secret(i));
		out8(PIC_SLAVE + 1, secret(i + 4));
		print("masks: %d %d\n", in8(PIC_MASTER + 1) == (u8)secret(i),
			in8(PIC_SLAVE + 1) == (u8)secret(i + 4));
	}
	/* A masked request waits. */
	out8(PIC_MASTER + 1, 0xff);
	out8(PIC_SLAVE + 1, 0xff);
	request_timer();
	let_in();
	show("masked");
	irq_unmask(IRQ_TIMER);
	let_in();
	show("unmasked");
	irq_unmask(IRQ_COM1);
}

/* Without an end of interrupt the request stays in service, and what is not above it waits. */
static void try_end(void)
{
	end_it = false;
	request_timer();
	let_in();
	show("not ended");
	request_timer();
	request_uart();
	let_in();
	show("both wait");
	out8(PIC_MASTER, EOI);
	let_in();
	show("one ended");
	out8(PIC_MASTER, EOI);
	let_in();
	show("two ended");
	out8(PIC_MASTER, EOI);
	show("all ended");
}

/* Special mask mode: a masked input in service holds back nobody. */
static void try_special_mask(void)
{
	request_timer();
	let_in();
	show("timer in service");
	request_uart();
	let_in();
	show("held back");
	out8(PIC_MASTER, OCW3_SPECIAL);
	irq_mask(IRQ_TIMER);
	let_in();
	show("special mask");
	out8(PIC_MASTER, OCW3_NORMAL);
	out8(PIC_MASTER, PIC_EOI_OF(IRQ_COM1));
	out8(PIC_MASTER, PIC_EOI_OF(IRQ_TIMER));
	irq_unmask(IRQ_TIMER);
	show("all ended");
}

/* Priorities turn: the input that is named, or just ended, becomes the lowest. */
static void try_rotation(void)
{
	end_it = true;
	out8(PIC_MASTER, SET_PRIORITY | IRQ_TIMER);
	request_timer();
	request_uart();
	let_in();
	show("timer is lowest");
	out8(PIC_MASTER, SET_PRIORITY | 7);
	request_timer();
	request_uart();
	let_in();
	show("7 is lowest");
	end_it = false;
	request_timer();
	let_in();
	out8(PIC_MASTER, ROTATE_EOI);
	end_it = true;
	request_timer();
	request_uart();
	let_in();
	show("rotated");
	out8(PIC_MASTER, SET_PRIORITY | 7);
}

/* The poll command: the next read acknowledges, and says whom. */
static void try_poll(void)
{
	u8 first, none;

	request_timer();
	out8(PIC_MASTER, OCW3_POLL);
	first = in8(PIC_MASTER);
	out8(PIC_MASTER, PIC_EOI_OF(IRQ_TIMER));
	out8(PIC_MASTER, OCW3_POLL);
	none = in8(PIC_MASTER);
	print("poll: %02x then %02x\n", first, none & 0x80);
	show("polled");
}

static void init(u8 vector, u8 icw4)
{
	out8(PIC_MASTER, 0x11);
	out8(PIC_MASTER + 1, vector);
	out8(PIC_MASTER + 1, 1 << IRQ_CASCADE);
	out8(PIC_MASTER + 1, icw4);
}

/* Initialised anew: other vectors, automatic end of interrupt, an empty mask. */
static void try_init(void)
{
	init(0x68, 0x03);
	print("mask after init: %02x\n", in8(PIC_MASTER + 1));
	out8(PIC_MASTER + 1, (u8) ~(1 << IRQ_TIMER));
	trap_set(0x68, on_timer);
	end_it = false;
	request_timer();
	let_in();
	show("auto end");
	request_timer();
	let_in();
	show("auto end");
	init(PIC_VECTOR, 0x01);
}

PROBE(pic_registers)
{
	irq_set(IRQ_TIMER, on_timer);
	irq_set(IRQ_COM1, on_uart);
	PROBE_STOP(1);
	try_masks();
	try_end();
	try_special_mask();
	try_rotation();
	try_poll();
	try_init();
}
