/*
 * The smallest guest: one instruction that the monitor has to emulate, and a line that proves it
 * went on.
 */
#include "probe.h"

PROBE(hello)
{
	print("before: %08x\n", secret(1));
	PROBE_STOP(1);
	cli();
	print("after: %08x\n", secret(2));
}
