/*
 * The walk that the guest believes its own MMU does. Source: SDM 3A 4.3 (32-bit paging), 4.6
 * (access rights), 4.7 (error codes), 4.8 (accessed and dirty).
 */
#pragma once

#include "base/types.h"
#include "mmu/gmem.h"

/* How a virtual CPU translates, taken from its control registers. */
struct paging {
	bool on;  /* CR0.PG; off: linear addresses are physical */
	bool wp;  /* CR0.WP */
	bool pse; /* CR4.PSE */
	bool pge; /* CR4.PGE */
	u32 cr3;
};

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };

struct walk {
	bool ok;
	gpa_t gpa;     /* if ok: where the byte lies; it need not be RAM */
	u32 error;     /* if not: the page fault's error code (x86/vector.h) */
	bool user;     /* both levels allow user mode */
	bool writable; /* both levels allow writing */
	bool dirty;    /* the entry that maps the page has its dirty bit set (after this walk) */
	bool global;   /* and its global bit, with CR4.PGE */
	bool large;    /* 4 MiB page */
	/*
	 * If ok: the entries used, as they are after this walk. Of a large page they are the same;
	 * only then `directory` has PTE_PS.
	 */
	u32 directory, page;
};

/*
 * Translates one linear address for an access at privilege level `cpl` (3 is user, 0 to 2
 * supervisor). With `set_ad` the accessed and dirty bits are set in the guest's tables, and only if
 * the access is allowed (the manual leaves open whether a walk that ends in a fault marks the
 * directory entry on its way: 4.8); without it nothing is written. If the walk is not ok, only
 * `error` means something. Without paging all is allowed and every page is dirty, as if by large
 * pages that lead to themselves.
 *
 * Tables that lie outside RAM read as all ones (gmem_read32): a page directory there gives faults
 * for reserved bits if CR4.PSE is set, else the address FFFFFxxx, where there is no RAM either.
 */
struct walk mmu_walk(
	struct gmem *, const struct paging *, gva_t, enum access, unsigned cpl, bool set_ad);

/*
 * The directory entry that a walk would use now, in the form of walk.directory: PTE_PS only if it maps
 * a large page. It may be not present, or have reserved bits. Nothing is written.
 */
u32 mmu_directory_entry(struct gmem *, const struct paging *, gva_t);
