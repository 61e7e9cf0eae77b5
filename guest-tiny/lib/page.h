/* Page tables of a guest, two levels, in pages taken from behind the image. Source: SDM 3A 4.3. */
#pragma once

#include "base/types.h"
#include "x86/paging.h"

/*
 * A page of zeros from the memory behind the image. There is no way back: a probe needs few. A
 * loader may have put the boot information there: read it before.
 */
void *page_alloc(void);

/*
 * Maps one 4 KiB page. `flags`: PTE_* without PTE_P, which is added. The directory's entry allows
 * all.
 */
void page_map(u32 *directory, u32 linear, u32 physical, u32 flags);
/* Maps 4 MiB by one directory entry; CR4.PSE must be set. */
void page_map_large(u32 *directory, u32 linear, u32 physical, u32 flags);
/* Maps [0, bytes) to itself by 4 KiB pages. */
void page_identity(u32 *directory, u32 bytes, u32 flags);
/* The table entry for an address that page_map() has mapped. */
u32 *page_entry(u32 *directory, u32 linear);

/* Loads CR3 and sets CR0.PG and CR0.WP. */
void page_on(u32 *directory);
