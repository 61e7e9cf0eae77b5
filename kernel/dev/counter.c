/*
 * What a counter of an 8254 does, mode by mode. With N the count in effect and e the ticks since it
 * was loaded:
 *
 *   mode 0  terminal count     OUT low, high from e = N on            value N - e
 *   mode 1  one-shot           the same, but loaded by the gate
 *   mode 2  rate generator     high, low for the last tick of N       value N - e % N
 *   mode 3  square wave        high for (N + 1) / 2, low for N / 2    value counts by two
 *   mode 4  software strobe    high, low at e = N for one tick        value N - e
 *   mode 5  hardware strobe    the same, but loaded by the gate
 */
#include "dev/counter.h"

#include "base/math64.h"
#include "dev/bus.h"

static bool periodic(const struct counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Modes 1 and 5 wait for the gate to rise before they load what was written. */
static bool triggered(const struct counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

static u32 from_bcd(u16 v)
{
	return (v >> 12) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

static u16 to_bcd(u32 v)
{
	return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

/* Ticks since the count was loaded. */
static u64 elapsed(const struct counter *c, u64 tick)
{
	return c->state == COUNTER_HELD ? c->elapsed : tick - c->start;
}

/* The ticks of a cycle of mode 3 for which the output is high (DS "Mode 3"). */
static u32 high_part(u32 count)
{
	return (count + 1) / 2;
}

/* The count register is loaded at tick `at`, to count as if it had been at tick `start`. */
static void load_at(struct counter *c, u64 at, u64 start)
{
	c->waiting = true;
	c->load_at = at;
	c->load_start = start;
}

/*
 * A new count for a counter that goes round: it is taken at the end of the cycle, or in mode 3 of
 * the half cycle (DS "Mode 2", "Mode 3").
 */
static void load_at_end(struct counter *c, u64 tick)
{
	u32 position = mod64(tick - c->start, c->count);
	u64 cycle = tick - position;
	u32 high = high_part(c->count);

	if (c->mode == 3 && position < high) /* the low half will be the new count's */
		load_at(c, cycle + high, cycle + high - high_part(c->written));
	else
		load_at(c, cycle + c->count, cycle + c->count);
}

void counter_sync(struct counter *c, u64 tick)
{
	if (!c->waiting || tick < c->load_at)
		return;
	c->waiting = false;
	c->null = false;
	c->count = c->written;
	c->start = c->load_start;
	c->elapsed = 0;
	c->state = c->gate || triggered(c) ? COUNTER_COUNTING : COUNTER_HELD;
}

void counter_set_mode(struct counter *c, unsigned mode, bool bcd, u64 tick)
{
	c->rest = counter_value(c, tick);
	c->state = COUNTER_IDLE;
	c->mode = mode;
	c->bcd = bcd;
	c->written = 0;
	c->null = true;
	c->waiting = false;
}

bool counter_write_begins(struct counter *c, u64 tick)
{
	if (c->mode != 0)
		return false;
	c->rest = counter_value(c, tick);
	c->state = COUNTER_IDLE;
	c->waiting = false;
	return true;
}

void counter_write(struct counter *c, u16 value, u64 tick)
{
	u32 full = c->bcd ? 10000 : 65536;
	u32 count = c->bcd ? from_bcd(value) : value;

	c->written = count ? count : full;
	c->null = true;
	counter_write_begins(c, tick);
	if (c->state == COUNTER_IDLE ? !triggered(c) : c->mode == 4)
		load_at(c, tick + 1, tick + 1);
	else if (periodic(c) && c->state == COUNTER_COUNTING)
		load_at_end(c, tick);
	/* else the gate's rise loads it */
}

static void gate_rises(struct counter *c, u64 tick)
{
	if (c->state == COUNTER_HELD && !periodic(c)) {
		c->state = COUNTER_COUNTING;
		c->start = tick - c->elapsed;
	} else if (c->written && (periodic(c) || triggered(c))) {
		load_at(c, tick + 1, tick + 1);
	}
}

void counter_set_gate(struct counter *c, bool gate, u64 tick)
{
	if (gate == c->gate)
		return;
	c->gate = gate;
	if (gate) {
		gate_rises(c, tick);
	} else if (c->state == COUNTER_COUNTING && !triggered(c)) {
		c->elapsed = tick - c->start;
		c->state = COUNTER_HELD;
		if (periodic(c)) /* the end of the cycle will not come */
			c->waiting = false;
	}
}

u16 counter_value(const struct counter *c, u64 tick)
{
	u64 e = elapsed(c, tick);
	u32 full = c->bcd ? 10000 : 65536;
	u32 position, value;

	if (c->state == COUNTER_IDLE)
		return c->rest;
	if (periodic(c)) {
		position = mod64(e, c->count);
		value = c->count - position;
		if (c->mode == 3) {
			position %= high_part(c->count);
			value = (c->count & ~1u) - 2 * position;
		}
	} else { /* past zero it goes on from the largest count */
		value = (c->count + full - mod64(e, full)) % full;
	}
	return c->bcd ? to_bcd(value) : value;
}

bool counter_output(const struct counter *c, u64 tick)
{
	u64 e = elapsed(c, tick);

	if (c->state == COUNTER_IDLE)
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return e >= c->count;
	case 2:
		return c->state == COUNTER_HELD || mod64(e, c->count) != c->count - 1;
	case 3:
		return c->state == COUNTER_HELD || mod64(e, c->count) < high_part(c->count);
	default:
		return e != c->count;
	}
}

/* The next change of the output if no other count is loaded. */
static u64 next_edge(const struct counter *c, u64 tick)
{
	u64 end = c->start + c->count;
	u32 position, edge;

	if (c->state != COUNTER_COUNTING)
		return NEVER;
	if (!periodic(c)) {
		if (end <= tick && c->mode >= 4)
			end++; /* of the strobe */
		return end > tick ? end : NEVER;
	}
	if (c->count < 2) /* illegal: stuck */
		return NEVER;
	position = mod64(tick - c->start, c->count);
	edge = c->mode == 3 ? high_part(c->count) : c->count - 1;
	return tick - position + (position < edge ? edge : c->count);
}

struct counter_edges counter_next_edges(const struct counter *counter, u64 tick)
{
	struct counter_edges edges = {NEVER, NEVER};
	struct counter c = *counter;
	bool before = counter_output(&c, tick), after;

	for (; edges.rise == NEVER; before = after) {
		u64 edge = next_edge(&c, tick);

		tick = c.waiting ? MIN(edge, c.load_at) : edge;
		if (tick == NEVER)
			break;
		counter_sync(&c, tick);
		after = counter_output(&c, tick);
		if (after != before && edges.change == NEVER)
			edges.change = tick;
		if (after && !before)
			edges.rise = tick;
	}
	return edges;
}
