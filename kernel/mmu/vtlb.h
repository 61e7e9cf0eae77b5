/* What the virtual TLB knows of its tables: which are in use, and where something was filled. */
#pragma once

#include "mmu/shadow.h"

/* How many entries it holds at most. */
#define VTLB_ENTRIES 4096u

struct shadow_own {
	u32 used; /* tables; from here on they are free, and all zero */

	/* Each entry that is not zero, so that a flush touches only these. */
	u32 *filled[VTLB_ENTRIES];
	u32 fill_count;
};
