/* A code cache, and two pages of a guest's code beside it. Include it once a test. */
#pragma once

#include "test/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xlate/cache.h"

#define AT    0xc0100000u /* where the guest's code is linked, frame 0x100 */
#define HOST  0x70000000u
#define HLT   0xf4
#define FRAME 0x100u

static u8 code[2 * PAGE_SIZE]; /* two pages of the guest's, next to each other */
static struct xlate_memory memory;
static struct xlate *x;

static inline int start_with(u32 code_bytes)
{
	memset(code, 0x90, sizeof code);
	memory = (struct xlate_memory){
		.code = calloc(1, code_bytes),
		.code_address = HOST,
		.code_bytes = code_bytes,
		.state = calloc(1, sizeof *memory.state),
		.records = calloc(1, xlate_record_bytes(code_bytes)),
	};
	x = xlate_init(&memory);
	return 0;
}

static inline int start(void **state)
{
	return start_with(XLATE_CODE_MIN);
}

static inline int start_larger(void **state)
{
	return start_with(4 * XLATE_CODE_MIN);
}

static inline int stop(void **state)
{
	assert_null(xlate_audit(x));
	free(memory.code);
	free(memory.state);
	free(memory.records);
	return 0;
}

static inline struct xlate_source source(u32 eip)
{
	u32 offset = eip - AT, rest = PAGE_SIZE - offset % PAGE_SIZE;
	struct xlate_source from = {
		.eip = eip,
		.linear = eip,
		.limit = ~0u,
		.code = code + offset,
		.bytes = rest,
		.gfn = {FRAME + offset / PAGE_SIZE, FRAME + offset / PAGE_SIZE + 1},
	};

	if (offset < PAGE_SIZE) {
		from.next_bytes = sizeof from.next;
		memcpy(from.next, code + PAGE_SIZE, sizeof from.next);
	}
	return from;
}

static inline struct xlate_block *translate(u32 eip)
{
	struct xlate_source from = source(eip);

	return xlate_translate(x, &from);
}

static inline void put(u32 eip, const char *bytes, unsigned count)
{
	memcpy(code + (eip - AT), bytes, count);
}

#define PUT(eip, bytes) put(eip, bytes, sizeof(bytes) - 1)

/* Where the jump of an exit leads now. */
static inline u32 leads_to(const struct xlate_exit *exit)
{
	s32 displacement;

	memcpy(&displacement, memory.code + (exit->patch - HOST), 4);
	return exit->patch + 4 + displacement;
}

static inline void expect_place(u32 host, enum xlate_place place, u32 eip)
{
	struct xlate_where w = *xlate_where(x, host);

	assert_int_equal(w.place, place);
	assert_int_equal(w.eip, eip);
}
