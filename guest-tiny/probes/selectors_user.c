/*
 * What a user program can do with selectors: its own, the kernel's, and those that a monitor has for
 * itself where this machine has none.
 */
#include "probe.h"
#include "probe/selectors.h"

PROBE(selectors_user)
{
	u16 end = selectors_make();

	lldt(0); /* at reset the LDT is all of low memory */
	for (u32 at = 0; at < end; at += 8) {
		selectors_try(at, true);
		selectors_try(at | 3, true);
	}
	selectors_try(end | 3, true); /* an empty entry */
	selectors_try(USER_DATA | SELECTOR_TI, true);
	selectors_try(0x1003, true); /* the first beyond the table */
	for (u32 at = 0xff80; at < 0x10000; at += 8) {
		selectors_try(at, true);
		selectors_try(at | 3, true);
	}
	selectors_try(0xffff, true);
}
