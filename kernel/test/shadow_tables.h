/*
 * Shadow tables of a small guest, and the real MMU's way through them. Include it once a test.
 *
 *   guest-physical 0x110000  page directory     linear 0x00400000  what the page table maps
 *                  0x120000  page table                0xe0000000  the monitor's window, 8 MiB
 *                  0x130000  what tests map
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mmu/shadow.h"
#include "test/support.h"
#include "x86/paging.h"
#include "x86/vector.h"

#define SIZE      (2 * MIB)
#define POOL_HPA  0x20000000u
#define PAGES     64 /* of the pool */
#define DIRECTORY 0x00110000u
#define TABLE     0x00120000u /* maps [4 MiB, 8 MiB) */
#define FRAMES    0x00130000u /* the frames that tests map lie here */
#define HERE      0x00400000u /* the first page of TABLE */
#define WINDOW    0xe0000000u

#define RW (PTE_P | PTE_W)
#define RO PTE_P
#define U  PTE_U

static struct gmem mem;
static struct shadow shadow;
static struct paging paging;
static struct walk walk;
static u32 pool[PAGES][PT_ENTRIES] __attribute__((aligned(4096)));
static const u32 window[2] = {0x30000000 | PTE_P | PTE_W | PTE_A, 0x30001000 | PTE_P};

/* Guest entries: page `i` of TABLE. */
static inline void map(unsigned i, u32 entry)
{
	gmem_write32(&mem, gpa(TABLE + 4 * i), entry);
}

static inline void map_directory(u32 linear, u32 entry)
{
	gmem_write32(&mem, gpa(DIRECTORY + 4 * pde_index(linear)), entry);
}

/* A guest with so much memory, and so many pages for its shadow tables. */
static inline void start(u32 size, u32 pages)
{
	test_memory(&mem, size);
	shadow_init(&shadow, &mem, pool, hpa(POOL_HPA), pages);
	shadow_set_window(
		&shadow, WINDOW >> 22, ARRAY_SIZE(window), (const u32 *const[]){window, window});
	paging = (struct paging){.on = true, .wp = true, .pse = true, .cr3 = DIRECTORY};
	map_directory(HERE, TABLE | RW | U);
}

static inline int set_up(void **state)
{
	start(SIZE, PAGES);
	return 0;
}

static inline int tear_down(void **state)
{
	assert_null(shadow_audit(&shadow, NULL));
	test_memory_free(&mem);
	return 0;
}

#define shadow_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static inline enum shadow_result fault(u32 address, enum access access, unsigned cpl)
{
	return shadow_fault(&shadow, &paging, gva(address), access, cpl, &walk);
}

/* The pool's table at a host-physical address, as the real MMU finds it. */
static inline u32 *table_at(u32 address)
{
	assert_in_range(address, POOL_HPA, POOL_HPA + (shadow.tables - 1) * PAGE_SIZE);
	return pool[(address - POOL_HPA) / PAGE_SIZE];
}

static inline u32 directory_entry_of(enum shadow_root root, u32 address)
{
	return table_at(shadow_root(&shadow, root).v)[address >> 22];
}

/* Whether an access in ring 3 goes on by this entry. What the cache drops is zero, not only absent. */
static inline bool leads_on(u32 entry)
{
#ifndef SHADOW_VTLB
	assert_true(!entry || (entry & PTE_P && entry & PTE_U));
#endif
	return entry & PTE_P && entry & PTE_U;
}

/* The page entry that the real MMU finds for an access in ring 3, or NULL. */
static inline u32 *entry_of(enum shadow_root root, u32 address)
{
	u32 directory_entry = directory_entry_of(root, address);

	if (!leads_on(directory_entry))
		return NULL;
	assert_false(directory_entry & PTE_PS);
	return &table_at(directory_entry & PTE_FRAME)[address >> 12 & 0x3ff];
}

/* What such an access comes to: 0, or the guest's frame with PTE_P, and PTE_W if it may write. */
static inline u32 seen(enum shadow_root root, u32 address)
{
	const u32 *entry = entry_of(root, address);
	u32 write = directory_entry_of(root, address) & PTE_W;

	if (!entry || !leads_on(*entry))
		return 0;
	return (*entry - (u32)mem.base.v) & (PTE_FRAME | PTE_P | write);
}

/* Breaks one rule, hears its name, and mends it. */
#define broken(place, value, rule)                                         \
	do {                                                               \
		typeof(*(place)) good_ = *(place);                         \
		*(place) = (value);                                        \
		assert_string_equal(shadow_audit(&shadow, &paging), rule); \
		*(place) = good_;                                          \
		assert_null(shadow_audit(&shadow, &paging));               \
	} while (0)
