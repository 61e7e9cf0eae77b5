/* What the vmm does about an exit: the one switch. */
#pragma once

#include "vmm/vm.h"

/*
 * Acts on vm->exit, at `clock` of the machine's own time, in nanoseconds. The machine may have halted or
 * ended afterwards.
 */
void exits_handle(struct vm *, u64 clock);
