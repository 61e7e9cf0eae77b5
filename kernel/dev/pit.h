/*
 * The 8254 interval timer: three counters on one clock of 1,193,182 Hz, their control words,
 * latches and byte order; and port 0x61, which holds counter 2's gate and shows its output.
 * Source: Intel 8254 data sheet (231164), "DS" below.
 *
 *   gate on ----------> counter 0 --> IRQ 0
 *   gate on ----------> counter 1     (memory refresh)
 *   port 0x61 bit 0 --> counter 2 --> port 0x61 bit 5, speaker
 *
 * Tick k of the clock comes at exactly ceil(k * 10^9 / 1193182) nanoseconds of the machine's clock,
 * so nothing drifts. A count is loaded at the tick after it is written, as in the chip.
 */
#pragma once

#include "dev/counter.h"
#include "dev/pic.h"

#define PIT_HZ       1193182u
#define PIT_CHANNELS 3

/* A counter's port: how the 16 bits of its count pass through eight. */
struct pit_channel {
	struct counter counter;
	u8 access;      /* 1 low byte, 2 high byte, 3 low then high */
	bool read_high; /* access 3: the next read is of the high byte */
	bool write_high;
	u8 low;       /* access 3: the low byte, waiting for the high one */
	bool latched; /* `latch` is what the next reads give */
	u16 latch;
	bool status_latched;
	u8 status;
};

struct pit {
	struct pic *pic; /* counter 0's output is its IRQ 0 */
	u64 tick;        /* up to which everything is computed */
	u64 change;      /* when counter 0's output changes next, in nanoseconds, or NEVER */
	u64 rise;        /* when it rises next, likewise */
	struct pit_channel channel[PIT_CHANNELS];
	u8 port61; /* the bits that are written: 3:0 */
};

/* As a PC's firmware leaves it: counter 0 in mode 2 with the largest count (18.2 Hz). */
void pit_init(struct pit *, struct pic *);

/* Ports 0x40 to 0x43. `now`: the machine's clock in nanoseconds; it never goes back. */
u8 pit_read(struct pit *, u16 port, u64 now);
void pit_write(struct pit *, u16 port, u8 value, u64 now);
u8 pit_read_port61(struct pit *, u64 now);
void pit_write_port61(struct pit *, u8 value, u64 now);

/*
 * Brings IRQ 0 up to date. If the output has risen several times since the last call, the PIC sees
 * one edge: a request that is already there takes no second one, in the chip as here.
 */
void pit_catch_up(struct pit *, u64 now);

static inline void pit_advance(struct pit *pit, u64 now)
{
	if (now >= pit->change)
		pit_catch_up(pit, now);
}

/* When IRQ 0 rises next, in nanoseconds, or NEVER; as of the last advance or access. */
static inline u64 pit_deadline(const struct pit *pit)
{
	return pit->rise;
}
