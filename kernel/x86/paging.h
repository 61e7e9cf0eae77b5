/*
 * Page-table entries of 32-bit paging. Source: SDM 3A 4.3, tables 4-4 to 4-6.
 *
 *   linear address:  | directory 31:22 | table 21:12 | offset 11:0 |
 */
#pragma once

#include "base/types.h"

#define PTE_P     (1u << 0)
#define PTE_W     (1u << 1)
#define PTE_U     (1u << 2)
#define PTE_PWT   (1u << 3)
#define PTE_PCD   (1u << 4)
#define PTE_A     (1u << 5)
#define PTE_D     (1u << 6)
#define PTE_PS    (1u << 7) /* directory entry: maps 4 MiB, if CR4.PSE */
#define PTE_G     (1u << 8)
#define PTE_FRAME 0xfffff000u

#define PDE_LARGE_FRAME 0xffc00000u
/*
 * Bits 20:13 hold address bits 39:32 under PSE-36, which the guest's CPUID does not offer; bit 21
 * is always reserved.
 */
#define PDE_LARGE_RESERVED 0x003fe000u
#define LARGE_PAGE_SIZE    (4u * MIB)
#define PT_ENTRIES         1024u

static inline unsigned pde_index(u32 linear)
{
	return linear >> 22;
}

static inline unsigned pte_index(u32 linear)
{
	return linear >> 12 & 0x3ff;
}
