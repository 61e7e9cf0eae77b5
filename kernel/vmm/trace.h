/* Option `trace`: one line for every exit, on the real machine's debug port (QEMU: -debugcon). */
#pragma once

#include "vmm/vm.h"

void trace_exit(const struct vm *);
