/*
 * Counts, and says so now and then: the machine that must go on undisturbed whatever another does.
 * Its numbers go through a block of memory, so that a page that is not its own any more is seen.
 *
 * rounds=N: how often it says so.
 */
#include "probe.h"

#define WORDS 4096
#define STEPS 400000

static u32 block[WORDS];

static u32 work(u32 sum)
{
	for (u32 n = 0; n < STEPS; n++) {
		u32 *word = &block[n % WORDS];

		sum = (sum << 5 | sum >> 27) + *word;
		*word += sum;
	}
	return sum;
}

PROBE(count)
{
	u32 rounds = probe_option(info, "rounds", 10), sum = SECRET;

	for (u32 i = 0; i < WORDS; i++)
		block[i] = secret(i);
	for (u32 round = 1; round <= rounds; round++) {
		sum = work(sum);
		print("count: %u of %u %08x\n", round, rounds, sum);
	}
}
