/* Counts, slowly: a program that spends its life asleep. */
#include "user.h"

int main(const char *argument)
{
	u32 last = number(argument, 5);

	for (u32 i = 1; i <= last; i++) {
		print("count: %u of %u\n", i, last);
		sleep_ticks(TICKS_PER_SECOND / 10);
	}
	return 0;
}
