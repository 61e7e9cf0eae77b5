/* Hostile: floods the console with lines=N lines as fast as it can. */
#include "probe.h"

PROBE(flood)
{
	u32 lines = probe_option(info, "lines", 2000);

	for (u32 n = 0; n < lines; n++)
		print("flood: %08x%08x%08x%08x%08x%08x\n", n, secret(n), n, ~n, secret(~n), n);
}
