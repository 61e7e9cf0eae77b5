/*
 * HLT with interrupts masked never ends: on the bare machine it stands still, and for a monitor it
 * is power-off.
 */
#include "probe.h"

PROBE(halt_off)
{
	print("before: %08x\n", secret(1));
	PROBE_STOP(1);
	asm volatile("cli; hlt");
	print("after: not reached\n");
}
