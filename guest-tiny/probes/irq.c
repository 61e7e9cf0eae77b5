/* Interrupts from outside: delivered, ended, nested and put into order by the 8259. */
#include "probe.h"

#define RTC_INDEX 0x70
#define RTC_DATA  0x71
#define UART_IER  (COM1 + 1)
#define UART_IIR  (COM1 + 2)
#define IER_THRE  0x02

static volatile u32 ticks;
static char order[16];
static u32 ordered;
static bool nest;

static u8 rtc_read(u8 index)
{
	out8(RTC_INDEX, index);
	return in8(RTC_DATA);
}

static void rtc_write(u8 index, u8 value)
{
	out8(RTC_INDEX, index);
	out8(RTC_DATA, value);
}

static void note(char c)
{
	if (ordered < sizeof order - 1)
		order[ordered++] = c;
}

static void show_order(const char *what)
{
	order[ordered] = 0;
	print("%s: %s\n", what, order);
	ordered = 0;
}

static void wait_for(unsigned irq)
{
	while (!(pic_requests() & 1 << irq))
		;
}

static void on_tick(struct frame *f)
{
	ticks++;
	irq_eoi(IRQ_TIMER);
}

static void on_timer(struct frame *f)
{
	note('t');
	irq_eoi(IRQ_TIMER);
}

/* While it is in service, lower requests wait, whatever IF says; a higher one does not. */
static void on_rtc(struct frame *f)
{
	note('R');
	rtc_read(0x0c); /* reading register C takes the request back */
	if (nest) {
		nest = false;
		pit_once(100);
		wait_for(IRQ_TIMER);
		out8(UART_IER, IER_THRE);
		wait_for(IRQ_COM1);
		sti();
		asm volatile("nop; nop; nop");
		cli();
	}
	note('r');
	rtc_write(0x0b, 0x02);
	irq_eoi(IRQ_RTC);
}

static void on_uart(struct frame *f)
{
	note('u');
	in8(UART_IIR);
	out8(UART_IER, 0);
	irq_eoi(IRQ_COM1);
}

/* Every step depends on the one before: an interrupt that spoils a register or a flag is seen. */
static u32 long_sum(void)
{
	u32 a = SECRET;

	for (u32 n = 0; n < 300000; n++)
		a = (a << 5 | a >> 27) + n;
	return a;
}

static void all_three(void)
{
	rtc_write(0x0a, 0x26);
	rtc_write(0x0b, 0x42);
	wait_for(IRQ_RTC);
	pit_once(100);
	out8(UART_IER, IER_THRE);
	wait_for(IRQ_TIMER);
	wait_for(IRQ_COM1);
}

static void sources(void)
{
	irq_set(IRQ_TIMER, on_timer);
	irq_set(IRQ_RTC, on_rtc);
	irq_set(IRQ_COM1, on_uart);
	irq_unmask(IRQ_TIMER);
	irq_unmask(IRQ_RTC);
	irq_unmask(IRQ_COM1);
}

static void let_in(void)
{
	sti();
	asm volatile("nop; nop; nop; nop");
	cli();
}

static void try_ticks(void)
{
	u32 quiet = long_sum();

	irq_set(IRQ_TIMER, on_tick);
	irq_unmask(IRQ_TIMER);
	pit_periodic(1193);
	PROBE_STOP(1);
	sti();
	while (ticks < 20)
		;
	print("counted: %u\n", ticks);
	print("undisturbed: %u\n", quiet == long_sum());
	cli();
	print("sum: %08x\n", quiet);
	pit_once(0xffff); /* no more for the time that the rest takes */
	let_in();
}

/* 0, then 8 to 15 by way of 2, then 3 to 7. */
static void try_priority(void)
{
	sources();
	rtc_read(0x0c);
	all_three();
	print("requests: %x\n", pic_requests());
	let_in();
	show_order("priority");
}

static void try_nesting(void)
{
	nest = true;
	rtc_write(0x0b, 0x42);
	wait_for(IRQ_RTC);
	let_in();
	show_order("nested");
	print("requests: %x in service: %x\n", pic_requests(), pic_in_service());
}

PROBE(irq)
{
	try_ticks();
	try_priority();
	try_nesting();
	PROBE_STOP(2);
}
