/*
 * A fault whose double fault cannot be delivered either: the processor shuts down, and the board
 * resets it.
 */
#include "probe.h"

PROBE(triple_fault)
{
	struct table_register none = {0, 0};

	print("before: %08x\n", secret(1));
	PROBE_STOP(1);
	lidt(&none);
	asm volatile("int3");
	print("after: not reached\n");
}
