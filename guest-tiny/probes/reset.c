/* The keyboard controller's pulse on the reset line ends this run of the machine. */
#include "probe.h"

PROBE(reset)
{
	print("before: %08x\n", secret(1));
	out8(0x64, 0xfe);
	for (u32 n = 0; n < 1000000; n++) /* the line may take its time */
		asm volatile("");
	print("after: not reached\n");
}
