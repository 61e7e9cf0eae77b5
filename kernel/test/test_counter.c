/*
 * One 8254 counter against a second model that is made the other way round: it does what the data
 * sheet (Intel 231164, "Mode Definitions") says at every pulse of CLK, and knows no formula. Both get
 * the same random programs; count, output, null count and the next rise must agree at every tick.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/bus.h"
#include "dev/counter.h"

/* The counter of the data sheet: a count register CR, a counting element CE, flip-flops. */
struct chip {
	unsigned mode;
	bool bcd, gate, out, null;
	u32 cr, ce;
	bool written; /* CR holds a count */
	bool loaded;  /* CE has one of this mode */
	bool load;    /* CE takes CR at the next pulse */
	bool armed;   /* modes 0, 1, 4, 5: the end of this count is still to come */
	bool odd;     /* mode 3: of the count that CE has taken */
	u16 rest;     /* what a read gives while CE has no count: where it stood before */
};

static u32 full(const struct chip *c)
{
	return c->bcd ? 10000 : 65536;
}

static bool by_gate(const struct chip *c)
{
	return c->mode == 1 || c->mode == 5;
}

static bool periodic(const struct chip *c)
{
	return c->mode == 2 || c->mode == 3;
}

static u16 chip_value(const struct chip *c)
{
	u32 v = c->ce % full(c);

	if (!c->loaded)
		return c->rest;
	return c->bcd ? v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10 : v;
}

static void chip_mode(struct chip *c, unsigned mode, bool bcd)
{
	u16 rest = chip_value(c);

	*c = (struct chip){.mode = mode, .bcd = bcd, .gate = c->gate, .rest = rest};
	c->out = mode != 0;
	c->null = true;
}

static void chip_write(struct chip *c, u32 count)
{
	c->cr = count;
	c->written = c->null = true;
	if (c->mode == 0) {
		c->rest = chip_value(c);
		c->out = c->loaded = false;
	}
	if (c->mode == 0 || c->mode == 4 || (periodic(c) && !c->loaded))
		c->load = true;
}

static void chip_gate(struct chip *c, bool gate)
{
	if (gate && !c->gate && c->written && (by_gate(c) || periodic(c)))
		c->load = true;
	if (!gate && periodic(c))
		c->out = true;
	c->gate = gate;
}

static void take(struct chip *c)
{
	c->ce = c->mode == 3 ? c->cr & ~1u : c->cr;
	c->odd = c->cr & 1;
	c->load = c->null = false;
	c->loaded = c->armed = true;
}

static void clock_square_wave(struct chip *c)
{
	if (c->ce == (c->out && c->odd ? 0 : 2)) {
		c->out = !c->out;
		take(c);
	} else {
		c->ce -= 2;
	}
}

/* One pulse of CLK. */
static void chip_clock(struct chip *c)
{
	if (c->load) {
		take(c);
		c->out = c->mode >= 2;
	} else if (!c->loaded || (!c->gate && !by_gate(c))) {
		return;
	} else if (c->mode == 3) {
		clock_square_wave(c);
	} else if (c->mode == 2) {
		if (c->ce == 1)
			take(c);
		else
			c->ce--;
		c->out = c->ce != 1;
	} else {
		c->ce = c->ce ? c->ce - 1 : full(c) - 1;
		if (c->mode >= 4)
			c->out = !(c->ce == 0 && c->armed);
		else if (c->ce == 0)
			c->out = true;
		c->armed = c->armed && c->ce != 0;
	}
}

/* --- random programs ------------------------------------------------------------------------- */

static u32 seed;

static u32 random_below(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* A count that both models call legal: from 2 on, mostly small, sometimes the largest. */
static u32 random_count(const struct chip *c)
{
	return random_below(40) ? 2 + random_below(30) : full(c);
}

static void program(struct chip *chip, struct counter *c, u64 tick)
{
	u32 count = random_count(chip);
	unsigned mode = random_below(6);
	bool bcd = random_below(2);
	u16 low = count % full(chip);

	switch (random_below(8)) {
	case 0:
		chip_mode(chip, mode, bcd);
		counter_set_mode(c, mode, bcd, tick);
		break;
	case 1:
	case 2:
	case 3:
		chip_write(chip, count);
		counter_write(c, chip->bcd ? low / 10 << 4 | low % 10 : low, tick);
		break;
	default:
		chip_gate(chip, !chip->gate);
		counter_set_gate(c, chip->gate, tick);
	}
}

static void compare(const struct chip *chip, const struct counter *c, u64 tick)
{
	if (counter_output(c, tick) != chip->out || counter_value(c, tick) != chip_value(chip) ||
		c->null != chip->null)
		fail_msg("tick %llu mode %u: out %d count %04x null %d, data sheet %d %04x %d",
			(unsigned long long)tick, c->mode, counter_output(c, tick),
			counter_value(c, tick), c->null, chip->out, chip_value(chip), chip->null);
}

static void run(u32 first_seed, u64 ticks, unsigned rarely)
{
	struct chip chip = {.gate = true};
	struct counter c = {.gate = true};

	seed = first_seed;
	chip_mode(&chip, 0, false);
	counter_set_mode(&c, 0, false, 0);
	for (u64 tick = 0; tick < ticks; tick++) {
		struct counter_edges edges;
		bool before;

		if (random_below(rarely) == 0)
			program(&chip, &c, tick);
		compare(&chip, &c, tick);
		before = chip.out;
		edges = counter_next_edges(&c, tick);
		chip_clock(&chip);
		counter_sync(&c, tick + 1);
		if ((edges.rise == tick + 1) != (!before && chip.out))
			fail_msg("tick %llu mode %u: next rise at %llu, the data sheet's %s",
				(unsigned long long)tick, c.mode, (unsigned long long)edges.rise,
				chip.out && !before ? "now" : "later");
		if ((edges.change == tick + 1) != (before != chip.out))
			fail_msg("tick %llu mode %u: next change at %llu, the data sheet's %s",
				(unsigned long long)tick, c.mode, (unsigned long long)edges.change,
				chip.out != before ? "now" : "later");
		assert_true(edges.rise >= edges.change && edges.change > tick);
	}
}

static void agrees_with_the_data_sheet_tick_by_tick(void **state)
{
	for (u32 s = 1; s <= 40; s++)
		run(s, 20000, 12);
}

static void agrees_when_left_alone_for_long(void **state)
{
	for (u32 s = 1; s <= 4; s++)
		run(s, 300000, 9000);
}

/* The picture of mode 3 in the data sheet, for counts of 4 and 5. */
static void square_waves_have_their_halves(void **state)
{
	static const u16 even[] = {4, 2, 4, 2, 4, 2, 4, 2}, odd[] = {4, 2, 0, 4, 2, 4, 2, 0, 4, 2};
	struct counter c = {.gate = true};

	counter_set_mode(&c, 3, false, 0);
	counter_write(&c, 4, 0);
	for (unsigned i = 0; i < 8; i++) {
		counter_sync(&c, 1 + i);
		assert_int_equal(counter_value(&c, 1 + i), even[i]);
		assert_int_equal(counter_output(&c, 1 + i), i % 4 < 2);
	}
	counter_set_mode(&c, 3, false, 0);
	counter_write(&c, 5, 0);
	for (unsigned i = 0; i < 10; i++) {
		counter_sync(&c, 1 + i);
		assert_int_equal(counter_value(&c, 1 + i), odd[i]);
		assert_int_equal(counter_output(&c, 1 + i), i % 5 < 3);
	}
}

/* A periodic count of one is illegal; it must not become a storm of interrupts. */
static void a_count_of_one_never_rises(void **state)
{
	for (unsigned mode = 2; mode <= 3; mode++) {
		struct counter c = {.gate = true};

		counter_set_mode(&c, mode, false, 0);
		counter_write(&c, 1, 0);
		counter_sync(&c, 1);
		assert_true(counter_next_edges(&c, 1).rise == NEVER);
		counter_write(&c, 2, 5); /* and a legal one gets it going */
		counter_sync(&c, 7);
		assert_true(counter_next_edges(&c, 7).rise <= 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_data_sheet_tick_by_tick),
		cmocka_unit_test(agrees_when_left_alone_for_long),
		cmocka_unit_test(square_waves_have_their_halves),
		cmocka_unit_test(a_count_of_one_never_rises),
	};

	return cmocka_run_group_tests_name("counter", tests, NULL, NULL);
}
