/*
 * What no emulator of integer instructions can serve: an MMX access to the linear addresses where a
 * monitor may sit. In the cave it ends this machine, with the way out named; anywhere else it works.
 */
#include "probe.h"

#include "page.h"

#define PLACE 0xe0400000

SNIPPET(store, "movl $" TEXT_OF(SECRET) ", %eax; movd %eax, %mm0; movq %mm0, " TEXT_OF(
		       PLACE) "; "
			      "emms; movl " TEXT_OF(PLACE) ", %eax");

PROBE(window_mmx)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W);
	page_map(directory, PLACE, (u32)page_alloc(), PTE_W);
	page_on(directory);
	print("before: %08x\n", secret(1));
	try_kernel("store", store);
}
