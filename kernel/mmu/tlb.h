/*
 * The TLB of the emulated accesses. What the guest does itself goes by the real MMU and the shadow
 * tables; what the emulator does on its behalf (descriptors, stack frames, operands) goes by mmu_walk(),
 * and by this, which remembers what walks have found. It is dropped when any TLB is (SDM 3A 4.10.4).
 *
 * An entry is made by a walk that has set the accessed bit, and gives the right to write only if the
 * dirty bit is set: a hit never needs to touch the guest's tables.
 */
#pragma once

#include "mmu/bitmap.h"
#include "mmu/gmem.h"
#include "mmu/walk.h"
#include "x86/paging.h"

#define TLB_ENTRIES GMEM_PINS

struct tlb_entry {
	u32 tag;   /* linear page, and in the low bits the generation, or TLB_GLOBAL */
	u32 frame; /* guest-physical page, and in the low bits TLB_READ... */
	u8 *at;    /* the page itself, or NULL: it is no RAM */
};

/* Low bits of a frame: who may do what, and what is there. */
#define TLB_READ       (1u << 0)
#define TLB_WRITE      (1u << 1)
#define TLB_USER_READ  (1u << 2)
#define TLB_USER_WRITE (1u << 3)
#define TLB_LARGE      (1u << 4)

/* Generations are 1 to this - 1; an entry of another one is void, but for those of global pages. */
#define TLB_GLOBAL 0xfffu

/* All zero is empty. */
struct tlb {
	u32 switches; /* the generation, less one */
	struct tlb_entry entry[TLB_ENTRIES];
	struct bitmap large; /* regions of 4 MiB that may have entries of large pages */
};

static inline u32 tlb_right(enum access access, unsigned cpl)
{
	return (access == ACCESS_WRITE ? TLB_WRITE : TLB_READ) << (cpl == 3 ? 2 : 0);
}

/* The entry that allows such an access, or NULL: walk. */
static inline const struct tlb_entry *tlb_find(
	const struct tlb *t, gva_t address, enum access access, unsigned cpl)
{
	const struct tlb_entry *e = &t->entry[(address.v >> PAGE_SHIFT) % TLB_ENTRIES];
	u32 generation = e->tag ^ (address.v & PTE_FRAME);

	if (generation != t->switches + 1 && generation != TLB_GLOBAL)
		return NULL;
	return e->frame & tlb_right(access, cpl) ? e : NULL;
}

/* Remembers a walk that was ok and has set accessed and dirty bits. */
void tlb_enter(struct tlb *, struct gmem *, const struct paging *, gva_t, const struct walk *);

/* Drops everything: CR0.PG, CR0.WP, CR4.PSE or CR4.PGE has changed. */
void tlb_flush(struct tlb *);
/* Drops what is not global: CR3 was loaded. */
void tlb_switch(struct tlb *);
/* Drops one page, all of it if it is large: INVLPG. */
void tlb_invlpg(struct tlb *, gva_t);
