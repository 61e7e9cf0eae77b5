/*
 * The wiring of a PC: which device is behind which port. The bus knows a machine only as a pointer;
 * each function here turns that back into one, and calls the device that is meant. The table of all
 * ports stands below them.
 */
#include "dev/platform.h"

#define DEBUG_PORT 0xe9 /* Bochs and QEMU: reads as its own number, so that a guest can find it */

static u32 pic_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	if (!(port & 1)) /* IRR shows what has been requested by now; the mask is the guest's own */
		platform_advance(p, now);
	return pic_read(&p->pic, port);
}

static void pic_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	platform_advance(p, now);
	pic_write(&p->pic, port, value);
}

/* Port 0x61 belongs to the PIT: its gate, and its output. */
static u32 pit_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return port == 0x61 ? pit_read_port61(&p->pit, now) : pit_read(&p->pit, port, now);
}

static void pit_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	if (port == 0x61)
		pit_write_port61(&p->pit, value, now);
	else
		pit_write(&p->pit, port, value, now);
}

static u32 uart_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return uart_read(&p->uart, port & 7);
}

static void uart_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	uart_write(&p->uart, port & 7, value);
}

static u32 rtc_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return rtc_read(&p->rtc, port, now);
}

static void rtc_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	rtc_write(&p->rtc, port, value, now);
}

static u32 kbc_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return kbc_read(&p->kbc, port);
}

static void kbc_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	kbc_write(&p->kbc, port, value);
}

static u32 ide_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return ide_read(&p->ide, port, size);
}

static void ide_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	ide_write(&p->ide, port, size, value);
}

static u32 port92_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return control_read_port92(&p->control);
}

static void port92_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	control_write_port92(&p->control, value);
}

static u32 cf9_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return control_read_cf9(&p->control, port, size);
}

static void cf9_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	control_write_cf9(&p->control, port, size, value);
}

/* isa-debug-exit: one to four bytes of status. */
static void exit_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	control_power_off(&p->control, value, "power-off by port 0xf4");
}

static u32 debug_in(void *machine, u16 port, unsigned size, u64 now)
{
	return DEBUG_PORT;
}

static void debug_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	p->debug(p->owner, value);
}

/* A write here lowers what the FPU's error pin has latched (IBM PC/AT technical reference). */
static void fpu_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	pic_set_line(&p->pic, IRQ_FPU, false);
}

static u32 crtc_in(void *machine, u16 port, unsigned size, u64 now)
{
	struct platform *p = machine;

	return screen_read_crtc(&p->screen, port);
}

static void crtc_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	screen_write_crtc(&p->screen, port, value);
}

/* The screen's memory, the only device that answers at addresses. */
static u32 memory_read(void *machine, u32 offset, unsigned size, u64 now)
{
	struct platform *p = machine;

	return screen_read(&p->screen, offset, size);
}

static void memory_write(void *machine, u32 offset, unsigned size, u32 value, u64 now)
{
	struct platform *p = machine;

	screen_write(&p->screen, offset, size, value);
}

/* Ports that are there and do nothing. */
static u32 zero_in(void *machine, u16 port, unsigned size, u64 now)
{
	return 0;
}

static u32 ones_in(void *machine, u16 port, unsigned size, u64 now)
{
	return 0xff;
}

static void ignore_out(void *machine, u16 port, unsigned size, u32 value, u64 now)
{
}

/* The busiest first: the bus looks from the top. */
static const struct port_range ports[] = {
	{0x020, 2, 1, pic_in, pic_out},
	{0x040, 4, 1, pit_in, pit_out},
	{0x3f8, 8, 1, uart_in, uart_out},
	{0x061, 1, 1, pit_in, pit_out},
	{0x0a0, 2, 1, pic_in, pic_out},
	{0x080, 1, 1, ones_in, ignore_out}, /* POST codes: written as a delay, shown to nobody */
	{0x1f0, 8, 4, ide_in, ide_out},
	{0x3f6, 1, 1, ide_in, ide_out},
	{0x070, 2, 1, rtc_in, rtc_out},
	{0x060, 1, 1, kbc_in, kbc_out},
	{0x064, 1, 1, kbc_in, kbc_out},
	{0x0e9, 1, 1, debug_in, debug_out},
	{0x0f0, 2, 1, ones_in, fpu_out},
	{0x0f4, 4, 4, zero_in, exit_out},
	{0x092, 1, 1, port92_in, port92_out},
	{0x3d4, 2, 1, crtc_in, crtc_out},
	{0x4d0, 2, 1, zero_in, ignore_out}, /* ELCR: every request is by edge */
	{0xcf8, 8, 4, cf9_in, cf9_out},
};

static const struct mmio_range mmio[] = {
	{SCREEN_BASE, SCREEN_BYTES, 4, memory_read, memory_write},
};

/* The PIC first: the others set their request lines when they start. */
void platform_init(struct platform *p, const struct platform_config *config)
{
	p->bus = (struct bus){
		.machine = p,
		.ports = ports,
		.port_ranges = ARRAY_SIZE(ports),
		.mmio = mmio,
		.mmio_ranges = ARRAY_SIZE(mmio),
	};
	p->owner = config->owner;
	p->debug = config->debug;
	control_init(&p->control);
	pic_init(&p->pic);
	pit_init(&p->pit, &p->pic);
	uart_init(&p->uart, &p->pic, IRQ_COM1, config->transmit, config->owner);
	rtc_init(&p->rtc, &p->pic, &config->date, config->memory);
	kbc_init(&p->kbc, &p->pic, &p->control);
	screen_init(&p->screen);
	ide_init(&p->ide, &p->pic, NULL);
}

void platform_attach_disk(struct platform *p, const struct ide_disk *disk)
{
	ide_init(&p->ide, &p->pic, disk);
}

u8 platform_interrupt_acknowledge(struct platform *p, u64 now)
{
	platform_advance(p, now);
	return pic_acknowledge(&p->pic);
}

bool platform_receive(struct platform *p, u8 byte)
{
	return uart_receive(&p->uart, byte);
}

void platform_fpu_error(struct platform *p)
{
	pic_set_line(&p->pic, IRQ_FPU, true);
}
