/*
 * One counter of an 8254: its count and its output as functions of time. Nothing runs here: time is
 * the number of the last tick of the counter's clock, and all is computed from the tick at which
 * the count was loaded. Source: Intel 8254 data sheet (231164), "Mode Definitions", "DS" below.
 *
 *   count written --> `written` --- at tick load_at ---> `count`, counted down from tick `start`
 *                    (count register)                    (counting element)
 */
#pragma once

#include "base/types.h"

enum counter_state {
	COUNTER_IDLE,     /* no count since the mode was set */
	COUNTER_COUNTING, /* since tick `start` */
	COUNTER_HELD,     /* by its gate, `elapsed` ticks after its start */
};

struct counter {
	enum counter_state state;
	u8 mode; /* 0 to 5 */
	bool bcd;
	bool gate;
	u32 count; /* in effect: 1 to 65536, or 10000 in BCD */
	/* The tick at which the counting element took it; may lie before tick 0, modulo 2^64. */
	u64 start;
	u64 elapsed; /* COUNTER_HELD */
	u16 rest;    /* COUNTER_IDLE: where the counting element stood */

	u32 written;  /* the count register; 0: none since the mode was set */
	bool null;    /* the count register has not been loaded yet (status bit 6) */
	bool waiting; /* it will be loaded at tick `load_at`, to count as if from `load_start` */
	u64 load_at, load_start;
};

/*
 * `tick` never goes back. All functions that take it const expect counter_sync() to have been
 * called for that tick.
 */
void counter_set_mode(struct counter *, unsigned mode, bool bcd, u64 tick);
/* The whole count, as written: 0 stands for the largest. */
void counter_write(struct counter *, u16 value, u64 tick);
/* The first of a count's two bytes: mode 0 stops (DS "Mode 0"). Whether this changes what is to come. */
bool counter_write_begins(struct counter *, u64 tick);
void counter_set_gate(struct counter *, bool gate, u64 tick);
/* Takes over a count whose time has come. */
void counter_sync(struct counter *, u64 tick);

/* What a read of the count gives: binary, or four decimal digits. */
u16 counter_value(const struct counter *, u64 tick);
bool counter_output(const struct counter *, u64 tick);
/* The first ticks after `tick` at which the output changes and at which it rises, or NEVER (bus.h). */
struct counter_edges {
	u64 change, rise;
};

struct counter_edges counter_next_edges(const struct counter *, u64 tick);
