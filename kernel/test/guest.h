/*
 * A virtual CPU with the tables of a small kernel, for the tests of kernel/cpu:
 *
 *   0x01000  GDT: 08 kernel code, 10 kernel data, 18 user code, 20 user data, 28 TSS, 30 LDT, all flat
 *   0x02000  IDT, empty                     0x04000  TSS, with an I/O map that forbids all
 *   0x03000  LDT, empty                     0x07000  instructions
 *   0x09000  end of the kernel's stack      0x0b000  end of the user's stack
 *   0x0c000  data                           0x10000  page directory, 0x11000 page table
 *
 * Paging is off until paging_on(), which maps the first 4 MiB to themselves, for everybody.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/event.h"
#include "cpu/instructions.h"
#include "cpu/segment.h"
#include "test/support.h"
#include "x86/paging.h"

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_CS   0x1b
#define USER_DS   0x23
#define TSS_SEL   0x28
#define LDT_SEL   0x30
#define SPARE     0x40            /* the first of the GDT's free selectors */
#define LOCAL     0x04            /* the first of the LDT */
#define OUTSIDE   (GDT_LIMIT + 1) /* beyond the GDT */

#define GDT          0x1000u
#define GDT_LIMIT    0xffu
#define IDT          0x2000u
#define LDT          0x3000u
#define LDT_LIMIT    0x3fu
#define TSS          0x4000u
#define IO_MAP       (TSS + sizeof(struct tss))
#define CODE         0x7000u
#define KERNEL_STACK 0x9000u
#define USER_STACK   0xb000u
#define DATA         0xc000u
#define DIRECTORY    0x10000u
#define TABLE        0x11000u

#define ATTR_PRESENT (ATTR_P | ATTR_S | ATTR_DB)
#define CODE_ATTR    (ATTR_PRESENT | ATTR_CODE | ATTR_READABLE)
#define DATA_ATTR    (ATTR_PRESENT | ATTR_WRITABLE)
#define DPL(n)       ((n) << ATTR_DPL_SHIFT)
#define FLAT         0xffffffffu

static struct gmem mem;
static struct vcpu v;
static struct emulation e;
static struct exit exit_record;

static inline void poke(u32 address, const void *bytes, u32 count)
{
	assert_true(gmem_write(&mem, gpa(address), bytes, count));
}

static inline void poke32(u32 address, u32 value)
{
	poke(address, &value, sizeof value);
}

static inline u32 peek32(u32 address)
{
	u32 value;

	assert_true(gmem_read(&mem, gpa(address), &value, sizeof value));
	return value;
}

static inline u32 peek16(u32 address)
{
	return peek32(address) & 0xffff;
}

/* Where the descriptor of a selector lies. */
static inline u32 slot(u16 selector)
{
	return (selector & SELECTOR_TI ? LDT : GDT) + (selector & SELECTOR_INDEX);
}

static inline void put_descriptor(u16 selector, u32 base, u32 limit, u32 attr)
{
	struct descriptor d = descriptor_make(base, limit, attr);

	poke(slot(selector), &d, sizeof d);
}

static inline void put_gate(u8 vector, u16 selector, u32 offset, unsigned type, unsigned dpl)
{
	struct descriptor d = gate_make(selector, offset, type, dpl);

	poke(IDT + vector * 8u, &d, sizeof d);
}

/* Loads a register as if the guest had done it lawfully: accessed bit and all. */
static inline void set_segment(enum sreg which, u16 selector)
{
	struct descriptor d;

	assert_true(gmem_read(&mem, gpa(slot(selector)), &d, sizeof d));
	d.high |= ATTR_ACCESSED << 8;
	poke(slot(selector), &d, sizeof d);
	v.seg[which] = segment_make(selector, d);
}

static inline void enter_level(unsigned cpl)
{
	for (unsigned i = 0; i < SREG_COUNT; i++)
		set_segment(i, i == CS ? (cpl ? USER_CS : KERNEL_CS) : cpl ? USER_DS : KERNEL_DS);
	v.cpl = cpl;
	v.gpr[ESP] = cpl ? USER_STACK : KERNEL_STACK;
}

/* Leaves words above ESP to pop. */
static inline void near_top(void)
{
	v.gpr[ESP] = v.cpl ? USER_STACK - 0x40 : KERNEL_STACK - 0x40;
}

static inline void put_tables(void)
{
	struct tss tss = {.esp0 = KERNEL_STACK, .ss0 = KERNEL_DS, .io_map = sizeof tss};
	u8 all_ones[128];

	put_descriptor(KERNEL_CS, 0, FLAT, ATTR_G | CODE_ATTR);
	put_descriptor(KERNEL_DS, 0, FLAT, ATTR_G | DATA_ATTR);
	put_descriptor(USER_CS, 0, FLAT, ATTR_G | CODE_ATTR | DPL(3));
	put_descriptor(USER_DS, 0, FLAT, ATTR_G | DATA_ATTR | DPL(3));
	put_descriptor(TSS_SEL, TSS, 0x3ff, ATTR_P | TYPE_TSS32);
	put_descriptor(LDT_SEL, LDT, LDT_LIMIT, ATTR_P | TYPE_LDT);
	poke(TSS, &tss, sizeof tss);
	memset(all_ones, 0xff, sizeof all_ones);
	poke(IO_MAP, all_ones, sizeof all_ones);
}

static inline int guest_start(void **state)
{
	test_memory(&mem, 1 * MIB);
	vcpu_reset(&v, &mem);
	put_tables();
	v.gdtr = (struct table_register){GDT_LIMIT, GDT};
	v.idtr = (struct table_register){0x7ff, IDT};
	v.tr = (struct segment){TSS_SEL, ATTR_P | TYPE_TSS32_BUSY, TSS, 0x3ff};
	v.ldtr = (struct segment){LDT_SEL, ATTR_P | TYPE_LDT, LDT, LDT_LIMIT};
	v.eip = CODE;
	enter_level(0);
	e = (struct emulation){.exit = &exit_record};
	exit_record = (struct exit){0};
	return 0;
}

static inline int guest_stop(void **state)
{
	test_memory_free(&mem);
	return 0;
}

/* And INVLPG, as any kernel does. */
static inline void map_page(u32 page, u32 entry)
{
	poke32(TABLE + page / PAGE_SIZE * 4, entry);
	tlb_invlpg(&v.tlb, gva(page));
}

static inline void paging_on(void)
{
	poke32(DIRECTORY, TABLE | PTE_P | PTE_W | PTE_U);
	for (u32 page = 0; page < 4 * MIB; page += PAGE_SIZE)
		map_page(page, page | PTE_P | PTE_W | PTE_U);
	v.cr3 = DIRECTORY;
	v.cr0 |= CR0_PG | CR0_WP;
	tlb_flush(&v.tlb);
}

/* A selector tried at a level, and what comes of it. */
struct selector_case {
	unsigned cpl;
	u16 selector;
	u32 attr;   /* what the descriptor of SPARE or LOCAL is to be; 0: it has none */
	int vector; /* or FINE */
	u32 error;
};

#define FINE (-1)

static inline enum step emulate_bytes(const u8 *bytes, unsigned count)
{
	poke(v.seg[CS].base + v.eip, bytes, count);
	if (cpu_fetch(&v, &e) != STEP_DONE)
		return STEP_FAULT; /* undefined */
	assert_int_equal(e.insn.length, count);
	return cpu_emulate(&v, &e);
}

/* Emulates the one instruction that these bytes are. */
#define RUN(...) emulate_bytes((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static inline void assert_pending(enum vector vector, u32 error)
{
	assert_int_equal(v.event.kind, EVENT_EXCEPTION);
	assert_int_equal(v.event.vector, vector);
	assert_int_equal(v.event.error, error);
	v.event.kind = EVENT_NONE;
}

/* The instruction just run is complete. */
#define assert_done(step) assert_int_equal(step, STEP_DONE)

/* It raised this exception, and changed nothing else that counts. */
#define assert_fault(step, vector, code)                               \
	do {                                                           \
		struct vcpu before_ = v;                               \
		assert_int_equal(step, STEP_FAULT);                    \
		assert_pending(vector, code);                          \
		before_.event = v.event;                               \
		assert_memory_equal(v.gpr, before_.gpr, sizeof v.gpr); \
		assert_int_equal(v.eip, before_.eip);                  \
		assert_int_equal(v.cpl, before_.cpl);                  \
		assert_memory_equal(v.seg, before_.seg, sizeof v.seg); \
	} while (0)

#define assert_unsupported(step)                                      \
	do {                                                          \
		assert_int_equal(step, STEP_EXIT);                    \
		assert_int_equal(exit_record.kind, EXIT_UNSUPPORTED); \
		assert_non_null(exit_record.reason);                  \
	} while (0)

#define guest_test(f) cmocka_unit_test_setup_teardown(f, guest_start, guest_stop)
