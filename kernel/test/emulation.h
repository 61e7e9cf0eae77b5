/* One virtual CPU with its memory, for tests that run single instructions. Include it once a test. */
#pragma once

#include "test/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/access.h"
#include "x86/paging.h"

#define MEMORY    0x200000u
#define CODE      0x1000u
#define STACK     0x8000u
#define DIRECTORY 0x20000u
#define TABLE     0x21000u
#define MAPPED    (PTE_P | PTE_W)
#define DEVICE    0xb8000u /* in the hole below 1 MiB: not RAM */

static struct gmem mem;
static struct vcpu v;
static struct emulation e;
static struct exit asked; /* what the emulator wants from the vmm */

static int setup(void **state)
{
	test_memory(&mem, MEMORY);
	vcpu_reset(&v, &mem);
	v.eip = CODE;
	v.gpr[ESP] = STACK;
	e = (struct emulation){.exit = &asked};
	return 0;
}

static int teardown(void **state)
{
	test_memory_free(&mem);
	return 0;
}

static inline u32 peek(u32 address)
{
	u32 value = 0;

	assert_true(gmem_read(&mem, gpa(address), &value, 4));
	return value;
}

static inline void poke(u32 address, u32 value)
{
	assert_true(gmem_write(&mem, gpa(address), &value, 4));
}

static inline u32 pte(u32 linear)
{
	return peek(TABLE + 4 * pte_index(linear));
}

/* And INVLPG, as any kernel does. */
static inline void set_pte(u32 linear, u32 entry)
{
	poke(TABLE + 4 * pte_index(linear), entry);
	tlb_invlpg(&v.tlb, gva(linear));
}

/* The first 4 MiB map to the frames of their numbers. */
static inline void turn_paging_on(void)
{
	poke(DIRECTORY, TABLE | MAPPED | PTE_U);
	for (u32 linear = 0; linear < LARGE_PAGE_SIZE; linear += PAGE_SIZE)
		set_pte(linear, linear | MAPPED);
	v.cr3 = DIRECTORY;
	v.cr0 |= CR0_PG | CR0_WP;
	tlb_flush(&v.tlb);
}

/* Puts the instruction at EIP and runs it for the first time. Only for code that maps to itself. */
static inline enum step run_bytes(const char *bytes, unsigned count)
{
	assert_true(gmem_write(&mem, gpa(v.eip), bytes, count));
	v.event.kind = EVENT_NONE;
	asked.kind = EXIT_NONE;
	enum step step = cpu_fetch(&v, &e);

	return step == STEP_DONE ? cpu_emulate(&v, &e) : step;
}

#define RUN(bytes) run_bytes(bytes, sizeof(bytes) - 1)

static inline void expect_fault(enum step step, enum vector vector, u32 error)
{
	assert_int_equal(step, STEP_FAULT);
	assert_int_equal(v.event.kind, EVENT_EXCEPTION);
	assert_int_equal(v.event.vector, vector);
	if (v.event.has_error)
		assert_int_equal(v.event.error, error);
}

static inline void expect_page_fault(enum step step, u32 address, u32 error)
{
	expect_fault(step, VECTOR_PF, error);
	assert_int_equal(v.cr2, address);
}
