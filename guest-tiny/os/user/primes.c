/* The sieve of Eratosthenes: a program that computes, and whose heap grows a page at a time. */
#include "user.h"

int main(const char *argument)
{
	u32 limit = number(argument, 100000), count = 0, largest = 0;
	u8 *composite = heap_grow(limit + 1);

	if (!composite) {
		print("primes: no room for a sieve of %u bytes\n", limit);
		return 1;
	}
	for (u32 n = 2; n <= limit; n++) {
		if (composite[n])
			continue;
		count++;
		largest = n;
		for (u64 multiple = (u64)n * n; multiple <= limit; multiple += n)
			composite[multiple] = 1;
	}
	print("primes: %u up to %u, the largest %u\n", count, limit, largest);
	return 0;
}
