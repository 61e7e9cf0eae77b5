/* What the boot loader left, copied out of its memory before that is used for something else. */
#pragma once

#include "base/types.h"

#define BOOT_COMMAND_LINE 512u
#define BOOT_MODULES      32u

struct boot_module {
	hpa_t start;
	u32 bytes;
	char command_line[BOOT_COMMAND_LINE];
};

struct boot_info {
	char command_line[BOOT_COMMAND_LINE];
	unsigned module_count;
	struct boot_module module[BOOT_MODULES];
};

/* Where the window is linked to lie, and its size. */
#define WINDOW_DEFAULT 0xe0000000u
#define WINDOW_SIZE    (64u * MIB)

/*
 * Whether a window may lie at this linear address: a multiple of 4 MiB, not at 0 and not beyond the
 * end of the address space.
 */
bool boot_window_valid(u32 address);

/* The monitor proper, in vmm/; called by hw_boot() when the machine is ready. Does not return. */
NORETURN void monitor_main(const struct boot_info *);
