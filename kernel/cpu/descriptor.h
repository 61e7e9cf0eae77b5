/*
 * Shadow descriptor tables: what the real GDTR and LDTR point to while a guest runs. The guest's
 * kernel runs in ring 3, so its segments must be promoted to DPL 3; and the monitor's own
 * descriptors must be there too. There is one pair of tables for each virtual privilege level:
 *
 *                         guest's descriptor      in the kernel's table    in the user's table
 *   code        DPL 0, not conforming             DPL 3                    as it is (not loadable)
 *   code        DPL 1-3, or conforming            not present: IRET traps  as it is
 *   data                                          DPL 3                    as it is
 *   not yet accessed                              not present: load traps  not present
 *   gates, TSS, LDT                               null                     null
 *
 * What is not there traps when it is loaded; the load is then emulated, with all checks, against
 * the guest's own table. A slot never disagrees with a register that holds its selector: a register
 * whose descriptor has changed since it was loaded gets a stand-in, out of the guest's sight.
 */
#pragma once

#include "cpu/vcpu.h"
#include "x86/selectors.h"

enum table_level { TABLE_KERNEL, TABLE_USER, TABLE_COUNT };

/* 16 pages of descriptors may begin in the middle of a page. */
#define TABLE_FRAMES 17u

/* One table of the guest, and its two shadows. */
struct shadow_table {
	struct descriptor *slot[TABLE_COUNT]; /* GDT_ENTRIES each */
	unsigned filled;                      /* slots from 0 that may be in use */
	unsigned frames;                      /* the watched frames that hold the guest's table */
	u32 frame[TABLE_FRAMES];
};

struct shadow_tables {
	struct shadow_table gdt, ldt;
	/*
	 * For who loads selectors without a trap, a byte for each: not 0 if the kernel may not load it
	 * though the promoted descriptor would let it, for its RPL is not its right (SDM 3A 5.6). A
	 * word for each descriptor of both tables in turn; or NULL.
	 */
	u32 *refused;
};

#define SHADOW_TABLES_BYTES (2u * TABLE_COUNT * GDT_ENTRIES * sizeof(struct descriptor))

/* `memory`: SHADOW_TABLES_BYTES, zero, page-aligned. */
void descriptor_init(struct shadow_tables *, void *memory);

static inline enum table_level descriptor_level(const struct vcpu *v)
{
	return v->cpl == 0 ? TABLE_KERNEL : TABLE_USER;
}

/* What stands for a guest's descriptor in the table of that level: the picture above. */
struct descriptor descriptor_promote(struct descriptor, enum table_level);

/*
 * Reads the guest's table again (GDTR, or with `local` LDTR) and watches the frames it lies in.
 * True if a frame is watched that was not: mappings of it must lose their write permission.
 */
bool descriptor_rebuild(struct shadow_tables *, struct vcpu *, bool local);

/* From now on the tables are kept with `refused`: 64 KiB. The monitor's own descriptors are refused. */
void descriptor_refuse(struct shadow_tables *, u32 *refused);

/* Whether a part of the guest's GDT (LDT) lies in that frame. */
bool descriptor_lies_in(const struct shadow_tables *, u32 gfn, bool local);

/*
 * Bytes of a frame have changed, and so have the descriptors that they belong to. Returns how many those
 * lie among, from number *first on: for registers with selectors of these descriptor_select() must choose
 * anew.
 */
unsigned descriptor_written(struct shadow_tables *, struct vcpu *, gpa_t address, u32 bytes,
	bool local, unsigned *first);

/*
 * The frames of the table are no longer watched, until it is rebuilt: from now on every load of a
 * segment register must be emulated.
 */
void descriptor_release(struct shadow_tables *, struct vcpu *, bool local);

/* Whether the guest's tables still lie in the frames that are watched; after CR3 loads. */
bool descriptor_located(const struct shadow_tables *, struct vcpu *, bool local);

/*
 * The selector to load into the real register `which` so that it holds what the vcpu's holds, for
 * ring 3. Fills a slot or a stand-in where needed.
 */
u16 descriptor_select(struct shadow_tables *, struct vcpu *, enum sreg which);

/*
 * The guest loaded `selector` into the real register by itself, without a trap: the vcpu's register
 * follows.
 */
void descriptor_follow(const struct shadow_tables *, struct vcpu *, enum sreg which, u16 selector);
