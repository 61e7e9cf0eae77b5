/*
 * Shadow page tables: what the real MMU walks while a guest runs. They map gva straight to hpa, and
 * hold at any moment a subset of what the guest's own tables say, as a TLB does: filled on a hidden
 * fault, dropped on CR3 loads and INVLPG (SDM 3A 4.10). One root for each virtual privilege: the
 * kernel root maps what supervisor code may use, the user root only user pages. All entries are
 * user entries, since both the guest's kernel and its programs run in ring 3; only the monitor's
 * window, the same in every root, is supervisor.
 *
 *     root (one for CPL 0, one for CPL 3)      table                     the machine's RAM
 *    +--------------------------------+       +------------------+      +-----------+
 *    | directory entry, user          |------>| page entry, user |----->| a frame   |
 *    | 0: nothing yet                 |       | 0: nothing yet   |      +-----------+
 *    | window: the monitor's own,     |---.   +------------------+
 *    |         supervisor             |    \
 *    +--------------------------------+     `---> the monitor's tables
 *
 * How entries are found, kept and dropped is behind this interface. There are two ways:
 *
 *   vtlb.c          as a TLB of the simplest kind does: a flush drops everything (`make SHADOW=vtlb`)
 *   shadow_cache.c  keeps tables for the time that their page table comes back (what `make` builds)
 *
 * What the engine owes:
 *  - when the guest loads CR3: shadow_switch();
 *  - when it changes CR0.PG, CR0.WP, CR4.PSE or CR4.PGE (the entries were made under the old
 *    rules): shadow_flush();
 *  - when it executes INVLPG: shadow_invlpg(), and INVLPG on the real CPU;
 *  - when gmem_watch() returns true: shadow_protect();
 *  - before it enters the guest, if `stale` is set: load the real CR3 again and clear it.
 * `paging` is always what the guest's control registers say now, after its change.
 */
#pragma once

#include "base/types.h"
#include "mmu/gmem.h"
#include "mmu/walk.h"

enum shadow_root { ROOT_KERNEL, ROOT_USER, ROOT_COUNT };

struct shadow_counts {
	u32 fills;       /* hidden faults settled */
	u32 true_faults; /* faults that were the guest's own */
	u32 flushes;     /* asked for by shadow_flush() */
	u32 switches;    /* asked for by shadow_switch() */
	u32 invlpgs;
	u32 evictions; /* for want of room: of a table, or of everything */
};

struct shadow {
	struct gmem *mem;

	/*
	 * The pool: `tables` page tables at `table`, whose host-physical addresses run on from
	 * `table_hpa`. The first two are the roots.
	 */
	u32 (*table)[1024];
	hpa_t table_hpa;
	u32 tables;

	/*
	 * The monitor's window: directory entries [first, first + count) of each root, copied from
	 * `window`.
	 */
	unsigned window_first, window_count;
	const u32 *window[ROOT_COUNT];

	/* The real TLB may hold more than the tables do now. */
	bool stale;
	bool owed; /* shadow_returned() has something to do */
	struct shadow_counts counts;

	/* What the implementation knows of the tables: vtlb.h or shadow_cache.h. */
	struct shadow_own *own;
};

enum shadow_result {
	SHADOW_FILLED,  /* a hidden fault: the mapping is there now, run the instruction again */
	SHADOW_FAULT,   /* a true fault: the guest's own, with walk.error */
	SHADOW_DEVICE,  /* the guest's tables lead to no RAM: emulate the access */
	SHADOW_WATCHED, /* a write to a watched frame: emulate it, or unwatch the frame */
	SHADOW_WINDOW,  /* the address is in the monitor's window: emulate the access */
};

/* How many pages of memory a shadow of `tables` page tables takes, the roots included; at least 4. */
u32 shadow_pages(u32 tables);

/*
 * `pages` pages at `memory`, page-aligned, from host-physical address `memory_hpa`, below 4 GiB as the
 * machine's RAM is; all are cleared here. There are as many tables as fit.
 */
void shadow_init(struct shadow *, struct gmem *, void *memory, hpa_t memory_hpa, u32 pages);

/*
 * Copies the monitor's directory entries into the roots: `count` of them for each, which never change
 * afterwards. They are supervisor entries, but for what an engine lets ring 3 use (a code cache). To
 * be called once, before the first fault.
 */
void shadow_set_window(
	struct shadow *, unsigned first, unsigned count, const u32 *const entries[ROOT_COUNT]);

/* Whether an address belongs to the monitor: every access of the guest there is emulated. */
static inline bool shadow_in_window(const struct shadow *s, gva_t address)
{
	return (address.v >> 22) - s->window_first < s->window_count;
}

/* Whether an entry may be made for an access; if not it is a device's. A ROM is one for writes. */
static inline bool shadow_may_map(const struct shadow *s, gpa_t address, enum access access)
{
	return access == ACCESS_WRITE ? gmem_is_ram(s->mem, address, 1)
				      : gmem_is_readable(s->mem, address, 1);
}

hpa_t shadow_root(const struct shadow *, enum shadow_root);

/*
 * Settles a page fault at `address`, for an access by virtual privilege level `cpl`. Sets accessed
 * and dirty bits in the guest's tables as the processor would. A page is mapped writable only once
 * its dirty bit is set. `walk` gets the guest's translation, or its error code. The results are
 * tried in this order: FAULT, WINDOW, DEVICE, then WATCHED (where the page may still be read
 * through the shadow) or FILLED.
 */
enum shadow_result shadow_fault(struct shadow *, const struct paging *, gva_t address, enum access,
	unsigned cpl, struct walk *walk);

/* Drops every translation, or keeps of them what a walk gives now. */
void shadow_flush(struct shadow *, const struct paging *);
/* The same for pages that are not global: the guest has loaded CR3 (SDM 3A 4.10.4.1). */
void shadow_switch(struct shadow *, const struct paging *);
/*
 * The same for the page that holds `address` (for the whole 4 MiB page if the guest mapped it by
 * one; then `stale` is set if anything was dropped, since one INVLPG of the real CPU does not do).
 */
void shadow_invlpg(struct shadow *, const struct paging *, gva_t address);
/*
 * A good time to see whether the guest has mapped the page of its last true fault: it returns from the
 * handler. Only for speed; not needed unless `owed`.
 */
void shadow_returned(struct shadow *, const struct paging *);
/* Takes write permission for one frame from every translation that leads there. */
void shadow_protect(struct shadow *, u32 gfn);

/*
 * Names the first rule that the tables break, or NULL. With `paging` NULL, what must hold at every
 * moment: every entry user, within RAM, read-only if watched, and known to the implementation; the
 * window untouched; free tables clean. With `paging`, also that no entry is wider than a walk allows now. That one a
 * guest may break lawfully, from a change of its tables until its next flush, as with any TLB.
 */
const char *shadow_audit(struct shadow *, const struct paging *);
