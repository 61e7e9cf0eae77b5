/* The end of the real machine. */
#include "hw/power.h"

#include "hw/insn.h"

#define ACPI_PM1A_CONTROL 0x604  /* where QEMU's and Bochs' firmware put it */
#define ACPI_SLEEP_S5     0x2000 /* SLP_EN, SLP_TYP 0 (ACPI 4.8.3.2.1; the type is QEMU's) */
#define DEBUG_EXIT        0xf4   /* QEMU's isa-debug-exit */

NORETURN void power_off(enum power_end end)
{
	if (end != END_GOOD)
		out32(DEBUG_EXIT, end);
	out16(ACPI_PM1A_CONTROL, ACPI_SLEEP_S5);
	/* A real machine without either: there is nothing left to do. */
	for (;;)
		halt_forever();
}
