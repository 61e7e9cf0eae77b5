/* Which machine has the real CPU, and for how long; and what time it is for each. */
#pragma once

#include "vmm/vm.h"

#define QUANTUM_DEFAULT_MS 10u

/* Runs all machines until every one has ended. `quantum`: nanoseconds of one turn. */
void scheduler_run(u64 quantum);

/* The machine that runs, or NULL. */
struct vm *scheduler_current(void);

/* Gives up the machine that runs, out of any depth of calls; it must have ended. */
NORETURN void scheduler_abandon(void);
