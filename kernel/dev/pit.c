/*
 * The 8254's register file, and port 0x61.
 *
 *   port 0x43, control word:   | counter 7:6 | access 5:4 | mode 3:1 | BCD 0 |
 *       access 0 latches the count of that counter; counter 3 is the read-back command:
 *                              | 1 1 | /count 5 | /status 4 | counters 3:1 | 0 |
 *   ports 0x40 to 0x42, status:| OUT 7 | null count 6 | access 5:4 | mode 3:1 | BCD 0 |
 */
#include "dev/pit.h"

#include "base/math64.h"
#include "dev/bus.h"

#define ACCESS_LATCH 0
#define ACCESS_LOW   1
#define ACCESS_HIGH  2
#define ACCESS_BOTH  3

#define READ_BACK           3
#define READ_BACK_NO_COUNT  0x20u
#define READ_BACK_NO_STATUS 0x10u

#define STATUS_OUT        0x80u
#define STATUS_NULL_COUNT 0x40u

#define SPEAKER       2 /* its counter */
#define PORT61_GATE   0x01u
#define PORT61_KEPT   0x0fu
#define PORT61_TOGGLE 0x10u
#define PORT61_OUT    0x20u
#define REFRESH_TICKS 18u /* between two toggles: 15 us (IBM PC/AT technical reference, port 61) */

/* Ticks until `now`. From the machine's start on, never by adding up: so nothing drifts. */
static u64 tick_at(u64 now)
{
	return mul_div(now, PIT_HZ, NS_PER_SECOND);
}

/* The first nanosecond of a tick. */
static u64 time_of(u64 tick)
{
	u32 rest;
	u64 floor;

	if (tick == NEVER)
		return NEVER;
	floor = mul_div_rest(tick, NS_PER_SECOND, PIT_HZ, &rest);
	return floor + (rest != 0);
}

/* The output of counter 0 is the request line. After all that may change what it will do. */
static void update_timer(struct pit *pit)
{
	const struct counter *timer = &pit->channel[0].counter;
	struct counter_edges edges = counter_next_edges(timer, pit->tick);

	pic_set_line(pit->pic, IRQ_TIMER, counter_output(timer, pit->tick));
	pit->change = time_of(edges.change);
	pit->rise = edges.rise == edges.change ? pit->change : time_of(edges.rise);
}

/* Brings all counters to `now`. */
void pit_catch_up(struct pit *pit, u64 now)
{
	pit->tick = tick_at(now);
	for (unsigned i = 0; i < PIT_CHANNELS; i++)
		counter_sync(&pit->channel[i].counter, pit->tick);
	if (now < pit->change)
		return;
	if (now >= pit->rise) { /* and so it has been low before: an edge */
		pic_set_line(pit->pic, IRQ_TIMER, false);
		pic_set_line(pit->pic, IRQ_TIMER, true);
	}
	update_timer(pit);
}

/* A second latch command changes nothing until the first has been read (DS "Counter Latch"). */
static void latch_count(struct pit *pit, struct pit_channel *ch)
{
	if (!ch->latched)
		ch->latch = counter_value(&ch->counter, pit->tick);
	ch->latched = true;
}

/* The status is kept until read, like a count, in a latch of its own (DS "Read-Back Command"). */
static void latch_status(struct pit *pit, struct pit_channel *ch)
{
	const struct counter *c = &ch->counter;

	if (ch->status_latched)
		return;
	ch->status_latched = true;
	ch->status = (counter_output(c, pit->tick) ? STATUS_OUT : 0) |
		     (c->null ? STATUS_NULL_COUNT : 0) | ch->access << 4 | c->mode << 1 | c->bcd;
}

/* A bit that is set means: do not latch. */
static void read_back(struct pit *pit, u8 value)
{
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		if (!(value & 2u << i))
			continue;
		if (!(value & READ_BACK_NO_COUNT))
			latch_count(pit, &pit->channel[i]);
		if (!(value & READ_BACK_NO_STATUS))
			latch_status(pit, &pit->channel[i]);
	}
}

/* A control word forgets all that a counter's port was about to do. */
static void set_mode(struct pit *pit, struct pit_channel *ch, u8 value)
{
	unsigned mode = value >> 1 & 7;

	ch->access = value >> 4 & 3;
	ch->read_high = ch->write_high = ch->latched = ch->status_latched = false;
	/* 6 and 7 are 2 and 3: their high bit is not looked at (DS "Control Word Format"). */
	counter_set_mode(&ch->counter, mode > 5 ? mode - 4 : mode, value & 1, pit->tick);
	if (ch == pit->channel)
		update_timer(pit);
}

static void control(struct pit *pit, u8 value)
{
	struct pit_channel *ch = &pit->channel[value >> 6 & 3];

	if (value >> 6 == READ_BACK)
		read_back(pit, value);
	else if ((value >> 4 & 3) == ACCESS_LATCH)
		latch_count(pit, ch);
	else
		set_mode(pit, ch, value);
}

/* The byte that is not written is zero (DS "Write Operations"). */
static void write_count(struct pit *pit, struct pit_channel *ch, u8 value)
{
	bool changed = true;

	if (ch->access == ACCESS_LOW) {
		counter_write(&ch->counter, value, pit->tick);
	} else if (ch->access == ACCESS_HIGH) {
		counter_write(&ch->counter, value << 8, pit->tick);
	} else if (ch->write_high) {
		ch->write_high = false;
		counter_write(&ch->counter, value << 8 | ch->low, pit->tick);
	} else {
		ch->write_high = true;
		ch->low = value;
		changed = counter_write_begins(&ch->counter, pit->tick);
	}
	if (changed && ch == pit->channel)
		update_timer(pit);
}

/* From the latch if there is one, else from the counter as it runs. */
static u8 read_count(struct pit *pit, struct pit_channel *ch)
{
	u16 count = ch->latched ? ch->latch : counter_value(&ch->counter, pit->tick);
	bool high = ch->access == ACCESS_HIGH || ch->read_high;

	ch->read_high = ch->access == ACCESS_BOTH && !high;
	if (!ch->read_high) /* that was the last byte */
		ch->latched = false;
	return high ? count >> 8 : count;
}

u8 pit_read(struct pit *pit, u16 port, u64 now)
{
	struct pit_channel *ch = &pit->channel[port & 3];

	if ((port & 3) == 3) /* the control word cannot be read: nobody drives the bus */
		return 0xff;
	pit_catch_up(pit, now);
	if (ch->status_latched) { /* it comes first, then the count */
		ch->status_latched = false;
		return ch->status;
	}
	return read_count(pit, ch);
}

void pit_write(struct pit *pit, u16 port, u8 value, u64 now)
{
	pit_catch_up(pit, now);
	if ((port & 3) == 3)
		control(pit, value);
	else
		write_count(pit, &pit->channel[port & 3], value);
}

u8 pit_read_port61(struct pit *pit, u64 now)
{
	u8 value = pit->port61;

	pit_catch_up(pit, now);
	if (div64(pit->tick, REFRESH_TICKS) & 1)
		value |= PORT61_TOGGLE;
	if (counter_output(&pit->channel[SPEAKER].counter, pit->tick))
		value |= PORT61_OUT;
	return value;
}

void pit_write_port61(struct pit *pit, u8 value, u64 now)
{
	pit_catch_up(pit, now);
	pit->port61 = value & PORT61_KEPT;
	counter_set_gate(&pit->channel[SPEAKER].counter, value & PORT61_GATE, pit->tick);
}

void pit_init(struct pit *pit, struct pic *pic)
{
	static const struct {
		u8 word, count;
	} firmware[PIT_CHANNELS] = {{0x34, 0}, {0x54, REFRESH_TICKS}, {0xb6, 0}};

	*pit = (struct pit){.pic = pic};
	pit->channel[0].counter.gate = pit->channel[1].counter.gate = true;
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		control(pit, firmware[i].word);
		counter_write(&pit->channel[i].counter, firmware[i].count, 0);
	}
	update_timer(pit);
}
