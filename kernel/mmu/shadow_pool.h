/* What every implementation of shadow.h needs: the pool of tables, by number and by address. */
#pragma once

#include "base/check.h"
#include "mmu/shadow.h"
#include "x86/paging.h"

/*
 * Clears the memory and deals it out: as many tables as shadow_pages() allows, then s->own. The rest
 * of `s` is zero afterwards.
 */
void shadow_set_pool(struct shadow *, struct gmem *, void *memory, hpa_t memory_hpa, u32 pages);

static inline u32 shadow_table_hpa(const struct shadow *s, u32 number)
{
	return s->table_hpa.v + number * PAGE_SIZE;
}

/* The number of the table that a live directory entry leads to. */
static inline u32 shadow_table_number(const struct shadow *s, u32 directory_entry)
{
	return ((directory_entry & PTE_FRAME) - (u32)s->table_hpa.v) >> PAGE_SHIFT;
}

/* Where a page entry leads, as the guest calls it. */
static inline gpa_t shadow_frame(const struct shadow *s, u32 page_entry)
{
	return gpa((page_entry & PTE_FRAME) - (u32)s->mem->base.v);
}

/* The implementation's part of shadow_audit(): what it knows of the tables is so. */
const char *shadow_audit_own(struct shadow *);
