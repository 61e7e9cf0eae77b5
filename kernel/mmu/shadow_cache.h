/*
 * A cache of shadow tables. Each table of the pool is the shadow of 4 MiB of linear addresses, made
 * from one directory entry of the guest; it is *linked* while a root leads to it. A flush unlinks,
 * and forgets nothing: when the same directory entry is met again, the table is made true by a look
 * at the guest's page table (4 KiB pages), or is true already (a 4 MiB page is all in the key).
 *
 *     roots                tables of the pool                      what is known of each
 *    +-----------+        +---------+
 *    | region 32 |------->| linked  |   <---------------------->   region 32, key 0x123000|PWU, live
 *    | region 33 |  0     +---------+
 *    | ...       |        | waits   |   <---------------------->   region 32, key 0x456000|PWU, live
 *    | region 768|------->+---------+                              (another process's)
 *    +-----------+        | linked  |   <---------------------->   region 768, key 4 MiB page at 0
 *                         +---------+
 *                         | free    |   all zero                   key 0
 *                         +---------+
 *
 * This is what KVM does with shadow pages that it calls "unsync", but for all of them: nobody watches
 * the guest's tables, they are compared when the architecture lets the guest expect it.
 */
#pragma once

#include "mmu/bitmap.h"
#include "mmu/shadow.h"

/*
 * Bits of a page entry that are left to software. KEPT: the entry was used in the turn before this
 * one, or has just been made; see shadow_table_refresh().
 */
#define KEPT (1u << 9)

/* In a key, beside bits of the guest's directory entry: CR0.WP is clear. */
#define KEY_WP_OFF (1u << 9)

struct cached_table {
	/*
	 * What decides what the table may hold: bits of the directory entry (frame, P, W, U, PS; of a
	 * 4 MiB page also D and G), and KEY_WP_OFF. 0: the table is free.
	 */
	u32 key;
	u16 region; /* number of the directory entry */
	/*
	 * ROOT_USER: only pages that user mode may use, with its rights: for both roots, since the
	 * guest's kernel has the same rights there. ROOT_KERNEL: all that the kernel may use.
	 */
	u8 root;
	bool global; /* all its pages are global */
	/*
	 * Follows from key and root: the bits that a page entry of the guest must have to be entered
	 * here, and to be entered writable. All bits: none can be, since none that has them leads to
	 * RAM.
	 */
	u32 present, writable;
	u16 next;           /* of the same bucket; 0: none */
	struct bitmap live; /* its entries that are not zero */
};

/* Pages of a 4 MiB page that are entered together: those that share a word of the bitmap. */
#define SHADOW_RUN 32u

/* Which regions an address space had linked when the guest left it. */
#define SPACES        16u
#define SPACE_REGIONS 14u

struct space {
	u32 cr3;
	u32 count;
	u16 region[SPACE_REGIONS];
};

#define BUCKETS 64u

struct shadow_own {
	u32 cr3;              /* of the address space that runs */
	struct bitmap linked; /* the regions where a root leads to a table */
	struct bitmap local;  /* those of them with a table that is not all global */
	struct space space[SPACES];
	unsigned next_space; /* the next to be given to a new CR3 */

	gva_t owed_at; /* shadow.owed: the last true fault */
	unsigned owed_cpl;

	u32 hand; /* the table last given out; the next is looked for behind it */
	u16 bucket[BUCKETS];
	struct cached_table record[]; /* one for each table; those of the roots are not used */
};

/* --- shadow_table.c --- */

/* The key of the table for a directory entry, in the form of mmu_directory_entry(). */
u32 shadow_table_key(const struct paging *, u32 directory_entry);

/* The number of a table, linked or waiting; 0: there is none. */
u32 shadow_table_find(const struct shadow *, unsigned region, u32 key, enum shadow_root);
/* Makes an empty one. If none is free, another is given up for it. */
u32 shadow_table_make(struct shadow *, unsigned region, u32 key, enum shadow_root);

/* The number of the table that a root leads to; 0: none. */
u32 shadow_table_linked(const struct shadow *, enum shadow_root, unsigned region);
/* Makes a table true, and lets the roots lead to it. */
void shadow_table_link(struct shadow *, const struct paging *, u32 number);
/* Takes a region's tables out of both roots. */
void shadow_table_unlink(struct shadow *, unsigned region);

/*
 * Enters what the guest's page entry says for page `index`, as far as a processor may load it into a
 * TLB on its own: with the accessed bit set, and writable with the dirty bit set. The new entry of
 * the shadow, 0 if there is none.
 */
u32 shadow_table_enter(
	struct shadow *, const struct paging *, u32 number, unsigned index, u32 page_entry);
/* The same for all pages of a run around page `index`, in the table of a 4 MiB page. */
void shadow_table_enter_run(struct shadow *, const struct paging *, u32 number, unsigned index);
