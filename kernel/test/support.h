/* What the pure folders need from a machine, for tests on the host. */
#pragma once

#include "base/check.h"
#include "mmu/gmem.h"

/* Guest memory of `size` bytes in an array, all zero, pretending to lie at host-physical 0x10000000. `owner` is the array. */
void test_memory(struct gmem *, u32 size);
void test_memory_free(struct gmem *);
