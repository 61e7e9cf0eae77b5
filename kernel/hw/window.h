/*
 * The monitor's window: the 64 MiB of linear addresses that it occupies in every address space.
 *
 *   offset  0x0000000  nothing
 *           0x0100000  the image: text and constants read-only, data writable
 *           0x0800000  the heap: one run of physical memory, taken from the top of RAM
 *           0x2c00000  ring 3's part: nothing here, but a machine's kernel root may have its own
 *           0x3800000  pins: any physical page for as long as one wants, see hw_pin()
 *           0x3c00000  mapping slots: any physical page for a moment, see hw_map()
 *           0x4000000  end
 *
 * It is described once, by a table of ranges, and built from that in either format of page tables.
 */
#pragma once

#include "base/types.h"

#define WINDOW_IMAGE   0x0100000u
#define WINDOW_HEAP    0x0800000u
#define WINDOW_RING3   0x2c00000u
#define WINDOW_PINS    0x3800000u
#define WINDOW_SLOTS   0x3c00000u
#define WINDOW_ENTRIES 16384u /* pages */
#define WINDOW_PDES    16u

struct window_range {
	u32 offset; /* from the window's start */
	u32 bytes;
	hpa_t physical;
	bool writable;
};

/*
 * Fill the window's page tables: 16 tables of 1024 entries for two-level paging (SDM 3A 4.3), 32 of
 * 512 for PAE (4.4), which a monitor with nested paging will need and only a test uses today. Pages
 * of no range are not present. All are supervisor pages.
 */
void window_build(u32 entry[WINDOW_ENTRIES], const struct window_range *, unsigned ranges);
void window_build_pae(u64 entry[WINDOW_ENTRIES], const struct window_range *, unsigned ranges);
