/* Never ends and never sleeps: only the clock gets the processor back from it. */
#include "user.h"

int main(const char *argument)
{
	for (volatile u32 turns = 0;; turns++)
		;
}
