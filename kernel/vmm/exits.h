/* What the vmm does about an exit: the one switch. */
#pragma once

#include "vmm/vm.h"

/* Acts on vm->exit. The machine may have halted or ended afterwards. */
void exits_handle(struct vm *);
