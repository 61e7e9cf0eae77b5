/*
 * A guest whose handlers stand in its IDT, and events for it. Include it once a test.
 *
 * Exceptions 0 to 31 have interrupt gates; 0x80 is a trap gate for everybody, 0x81 an interrupt gate for
 * the kernel. Each exception's handler has an EIP of its own, by which a test sees where it went.
 */
#pragma once

#include "test/guest.h"

#define HANDLER       0x5000u
#define STARTED       (EFLAGS_FIXED | EFLAGS_IF | EFLAGS_CF)
#define CONFORMING    SPARE
#define OTHER_STACK   (SPARE + 8)
#define SMALL_STACK   (SPARE + 16)
#define STACK16       (SPARE + 24)
#define LEVEL_1       (SPARE + 32)
#define EXT           ERROR_EXT
#define IDT_ERROR(n)  ((n)*8u + ERROR_IDT)
#define stack_word(n) peek32(v.gpr[ESP] + 4 * (n))

static inline int set_up(void **state)
{
	guest_start(state);
	put_descriptor(CONFORMING, 0, FLAT, ATTR_G | CODE_ATTR | ATTR_CONFORM);
	put_descriptor(OTHER_STACK, 0, FLAT, ATTR_G | DATA_ATTR);
	put_descriptor(SMALL_STACK, 0, KERNEL_STACK + 0xf, DATA_ATTR);
	put_descriptor(STACK16, 0, 0xffff, DATA_ATTR & ~ATTR_DB);
	put_descriptor(LEVEL_1, 0, FLAT, ATTR_G | CODE_ATTR | DPL(1));
	put_gate(0x80, KERNEL_CS, HANDLER, TYPE_TRAP_GATE32, 3);
	put_gate(0x81, KERNEL_CS, HANDLER, TYPE_INTERRUPT_GATE32, 0);
	for (unsigned vector = 0; vector < 32; vector++)
		put_gate(vector, KERNEL_CS, HANDLER + vector, TYPE_INTERRUPT_GATE32, 0);
	v.eflags = STARTED;
	return 0;
}

/* A segment that no handler may have, and the fault that says so. */
struct bad_segment {
	u16 selector;
	u32 attr; /* 0: what stands in the table */
	enum vector vector;
	u32 error;
};

#define event_test(f) cmocka_unit_test_setup_teardown(f, set_up, guest_stop)

static inline enum step deliver(struct event event)
{
	v.event = event;
	return event_deliver(&v, &exit_record);
}

static inline enum step external(u8 vector)
{
	return deliver((struct event){.kind = EVENT_EXTERNAL, .vector = vector});
}

static inline enum step software(u8 vector)
{
	return deliver((struct event){.kind = EVENT_SOFTWARE, .vector = vector, .length = 2});
}

static inline enum step exception(enum vector vector, u32 error)
{
	vcpu_raise(&v, vector, error);
	return event_deliver(&v, &exit_record);
}

/* A fault came up on the way: its handler was entered, with this error code. */
static inline void assert_became(enum step step, enum vector vector, u32 error)
{
	assert_int_equal(step, STEP_DONE);
	assert_int_equal(v.eip, HANDLER + vector);
	assert_int_equal(stack_word(0), error);
	assert_int_equal(v.event.kind, EVENT_NONE);
}

/* Makes the vector's gate one that is not present. */
static inline void absent(u8 vector, unsigned dpl)
{
	struct descriptor d = gate_make(KERNEL_CS, HANDLER, TYPE_TRAP_GATE32, dpl);

	d.high &= ~(ATTR_P << 8);
	poke(IDT + vector * 8u, &d, sizeof d);
}
