/* Hostile: keeps the processor for itself, interrupts masked, for ever. */
#include "probe.h"

PROBE(spin_off)
{
	print("spinning: %08x\n", secret(1));
	cli();
	PROBE_STOP(1);
	for (;;)
		asm volatile(".fill 100, 1, 0x90"); /* NOP */
}
