/*
 * One machine's devices, wired to one bus: a PC. All that a guest can tell about them, and when it
 * can, comes from here; nothing reads a real clock or a real device.
 *
 *   IN, OUT, MMIO --> bus --> pic  pit  uart  rtc  kbc  ide  control  screen  port 0xe9
 *                              |    |    |     |    |    |      |
 *   pending?, acknowledge <----+<---+----+-----+----+----+      +--> request: power off, reset
 *                                   request lines
 *
 * Absent, and so all ones: COM2 to COM4, DMA, PCI, ISA PnP, video BIOS; and ide without a disk.
 */
#pragma once

#include "dev/bus.h"
#include "dev/control.h"
#include "dev/ide.h"
#include "dev/kbc.h"
#include "dev/pic.h"
#include "dev/pit.h"
#include "dev/rtc.h"
#include "dev/screen.h"
#include "dev/uart.h"

struct platform_config {
	struct rtc_date date; /* what the machine's clock shows at its nanosecond 0 */
	u32 memory;           /* bytes of RAM, from address 0 */
	void *owner;          /* passed to both: */
	void (*transmit)(void *owner, u8 byte); /* COM1 sends */
	void (*debug)(void *owner, u8 byte);    /* a byte is written to port 0xe9 */
};

/* About 42 KiB; it must not move after platform_init(), since its parts point to each other. */
struct platform {
	struct bus bus;
	struct pic pic;
	struct pit pit;
	struct uart uart;
	struct rtc rtc;
	struct kbc kbc;
	struct ide ide;
	struct control control; /* control.request: look at it after every bus access */
	struct screen screen;
	void *owner;
	void (*debug)(void *owner, u8 byte);
};

/* As a PC's firmware hands over to a loader, at nanosecond 0 of the machine's clock. */
void platform_init(struct platform *, const struct platform_config *);

/* Before the machine runs. `disk` stays with the caller and must live as long as the machine. */
void platform_attach_disk(struct platform *, const struct ide_disk *disk);

/*
 * `now`, here and in the bus's functions, is the machine's clock in nanoseconds since
 * platform_init(); it never goes back. platform_advance() raises the interrupts whose time has
 * come: call it at each deadline, and before asking whether an interrupt is pending.
 * platform_deadline() is the next time at which that is of use, or NEVER: ask after
 * platform_advance(), then it lies ahead; any bus access may change it. All three are asked for at every
 * exit, and nearly always there is nothing to do: so they stand here.
 */
static inline void platform_advance(struct platform *p, u64 now)
{
	pit_advance(&p->pit, now);
	rtc_advance(&p->rtc, now);
}

static inline u64 platform_deadline(const struct platform *p)
{
	return MIN(pit_deadline(&p->pit), rtc_deadline(&p->rtc));
}

/* Whether the CPU's INTR pin is high, as of the last advance or bus access. */
static inline bool platform_interrupt_pending(const struct platform *p)
{
	return pic_pending(&p->pic);
}

/* The CPU's INTA: advances to `now`, returns the vector; a spurious one if the request has gone. */
u8 platform_interrupt_acknowledge(struct platform *, u64 now);

/* A key is typed on the terminal behind COM1. False: 256 wait already and this one is lost. */
bool platform_receive(struct platform *, u8 byte);

/*
 * The FPU's error pin, for a guest with CR0.NE = 0: raises IRQ 13, until the guest writes port 0xf0
 * (SDM 3A 2.5, NE).
 */
void platform_fpu_error(struct platform *);
