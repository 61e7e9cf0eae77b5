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
 * Reads where a window is to lie: "0x" and small hexadecimal digits, up to a space or the end. False if
 * it is anything else, or no place for a window: that is a multiple of 4 MiB, not in the first 64 MiB,
 * where the image and the boot loader's memory are mapped to themselves, and not beyond 4 GiB.
 */
bool boot_parse_window(const char *text, u32 *address);

/* The monitor proper, in vmm/; called by hw_boot() when the machine is ready. Does not return. */
NORETURN void monitor_main(const struct boot_info *);
