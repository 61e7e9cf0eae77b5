/*
 * What no software monitor hides: the FPU keeps where its last instruction was, and that is where the
 * real processor ran it (SDM 1 8.1.8). The selector here is of ring 3, or of the code cache.
 */
#include "probe.h"

SNIPPET(code_selector,
	"subl $28, %esp; fninit; fld1; fnstenv (%esp); movzwl 16(%esp), %eax; addl $28, %esp");

PROBE(fpu_environment)
{
	clts();
	try_kernel("cs in the fpu", code_selector);
}
