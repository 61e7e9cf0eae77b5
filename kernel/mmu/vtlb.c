/*
 * Shadow page tables as a virtual TLB: the simplest kind that is right. It trusts the
 * architecture's own rule, that a change of a page table need not be seen before an INVLPG or a CR3
 * load (SDM 3A 4.10.4), so it never watches the guest's tables; it only forgets when it is told to.
 *
 * An entry has one of three values:
 *
 *    0       nothing here, and not in the log
 *    DEAD    dropped by INVLPG: not present, still in the log
 *    PTE_P   live: seen by the real MMU, in the log
 *
 * So the log names each entry that is not zero exactly once, and to flush is to clear what it
 * names. Every table is then clean without a look at it and goes back to the pool: a loop over the
 * 1,024 entries of each would be the dearest part of a CR3 load.
 */
#include "mmu/vtlb.h"

#include "mmu/shadow_pool.h"

/* In the bits that the processor leaves to software (SDM 3A table 4-6). */
#define DEAD  (1u << 9)
#define LARGE (1u << 10) /* directory entry: some page in its table is part of a 4 MiB page */

/* Accessed and dirty from the start: the real MMU need not write them, and nobody reads them. */
#define LIVE (PTE_P | PTE_U | PTE_A | PTE_D)

u32 shadow_pages(u32 tables)
{
	return tables + PAGE_COUNT(sizeof(struct shadow_own));
}

void shadow_init(struct shadow *s, struct gmem *mem, void *memory, hpa_t memory_hpa, u32 pages)
{
	shadow_set_pool(s, mem, memory, memory_hpa, pages);
	s->own->used = ROOT_COUNT;
}

/* The table that a live directory entry points to. */
static u32 *table_at(const struct shadow *s, u32 directory_entry)
{
	return s->table[shadow_table_number(s, directory_entry)];
}

/*
 * Clears what the log names. The real TLB, and the real MMU's caches of directory entries, do not
 * know of it: a table of the pool may come back in another place, so they must not be used again.
 */
static void forget_all(struct shadow *s)
{
	struct shadow_own *own = s->own;

	for (u32 i = 0; i < own->fill_count; i++)
		*own->filled[i] = 0;
	own->fill_count = 0;
	own->used = ROOT_COUNT;
	s->stale = true;
}

void shadow_flush(struct shadow *s, const struct paging *paging)
{
	s->counts.flushes++;
	forget_all(s);
}

/* This TLB does not know of global pages. */
void shadow_switch(struct shadow *s, const struct paging *paging)
{
	s->counts.switches++;
	forget_all(s);
}

/* Nor does it look ahead. */
void shadow_returned(struct shadow *s, const struct paging *paging)
{
}

/* Gives an entry a new value that is not zero. */
static void set_entry(struct shadow *s, u32 *entry, u32 value)
{
	if (!*entry)
		s->own->filled[s->own->fill_count++] = entry;
	*entry = value;
}

/* Makes room for one page: that takes two entries in the log at most, and one table. */
static void make_room(struct shadow *s, const u32 *directory_entry)
{
	bool has_table = *directory_entry & PTE_P || s->own->used < s->tables;

	if (has_table && s->own->fill_count + 2 <= VTLB_ENTRIES)
		return;
	s->counts.evictions++;
	forget_all(s);
}

/* Enters one translation, with `rights` of PTE_W or 0. */
static void fill(
	struct shadow *s, enum shadow_root root, gva_t address, const struct walk *walk, u32 rights)
{
	u32 *directory_entry = &s->table[root][pde_index(address.v)];
	u32 frame = gmem_hpa(s->mem, walk->gpa).v & PTE_FRAME;
	u32 *table;

	make_room(s, directory_entry);
	if (!(*directory_entry & PTE_P))
		set_entry(s, directory_entry, shadow_table_hpa(s, s->own->used++) | LIVE | PTE_W);
	if (walk->large)
		*directory_entry |= LARGE;
	table = table_at(s, *directory_entry);
	set_entry(s, &table[pte_index(address.v)], frame | LIVE | rights);
}

/*
 * What the shadow may let the guest write without a fault. A clean page is read-only, so that the
 * first write comes here and its dirty bit is set (SDM 3A 4.8). The kernel root knows CR0.WP: with
 * WP = 0 a supervisor writes to any page (4.6.1).
 */
static u32 write_right(struct shadow *s, const struct paging *paging, enum shadow_root root,
	const struct walk *walk)
{
	bool allowed = walk->writable || (root == ROOT_KERNEL && !paging->wp);
	bool watched = gmem_watchers(s->mem, walk->gpa.v >> PAGE_SHIFT);

	return allowed && walk->dirty && !watched ? PTE_W : 0;
}

enum shadow_result shadow_fault(struct shadow *s, const struct paging *paging, gva_t address,
	enum access access, unsigned cpl, struct walk *walk)
{
	enum shadow_root root = cpl == 3 ? ROOT_USER : ROOT_KERNEL;
	u32 rights;

	*walk = mmu_walk(s->mem, paging, address, access, cpl, true);
	if (!walk->ok) {
		s->counts.true_faults++;
		return SHADOW_FAULT;
	}
	if (shadow_in_window(s, address))
		return SHADOW_WINDOW;
	if (!shadow_may_map(s, walk->gpa, access))
		return SHADOW_DEVICE;

	rights = write_right(s, paging, root, walk);
	fill(s, root, address, walk, rights);
	if (access == ACCESS_WRITE && !rights)
		return SHADOW_WATCHED;
	s->counts.fills++;
	return SHADOW_FILLED;
}

/*
 * SDM 3A 4.10.4.1. Of a 4 MiB page all parts must go, and its table holds them all: to let go of
 * the table is enough. It lies idle until the next flush.
 */
void shadow_invlpg(struct shadow *s, const struct paging *paging, gva_t address)
{
	s->counts.invlpgs++;
	if (shadow_in_window(s, address))
		return;
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		u32 *directory_entry = &s->table[root][pde_index(address.v)];
		u32 *page_entry;

		if (!(*directory_entry & PTE_P))
			continue;
		if (*directory_entry & LARGE) {
			*directory_entry = DEAD;
			s->stale = true;
			continue;
		}
		page_entry = &table_at(s, *directory_entry)[pte_index(address.v)];
		if (*page_entry)
			*page_entry = DEAD;
	}
}

/* A directory entry leads to a table of the pool, so it is never taken for a frame of the guest. */
void shadow_protect(struct shadow *s, u32 gfn)
{
	const struct shadow_own *own = s->own;
	gpa_t frame = gpa(gfn << PAGE_SHIFT);
	u32 real;

	if (!gmem_is_ram(s->mem, frame, PAGE_SIZE))
		return;
	real = gmem_hpa(s->mem, frame).v;
	for (u32 i = 0; i < own->fill_count; i++)
		if ((*own->filled[i] & PTE_FRAME) == real)
			*own->filled[i] &= ~PTE_W;
	s->stale = true;
}
