/*
 * Counts, slowly: a program that spends its life asleep. `count LAST SECONDS` says how long between
 * two; without it, a tenth of a second.
 */
#include "user.h"

static const char *second_word(const char *text)
{
	while (*text && *text != ' ')
		text++;
	while (*text == ' ')
		text++;
	return text;
}

int main(const char *argument)
{
	u32 last = number(argument, 5);
	u32 seconds = number(second_word(argument), 0);
	u32 pause = seconds ? seconds * TICKS_PER_SECOND : TICKS_PER_SECOND / 10;

	for (u32 i = 1; i <= last; i++) {
		print("count: %u of %u\n", i, last);
		sleep_ticks(pause);
	}
	return 0;
}
