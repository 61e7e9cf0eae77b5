/*
 * Puts a guest's kernel and its modules into its memory, and its processor where a Multiboot loader
 * would leave it. Source: the Multiboot specification 0.6.96.
 *
 *   0x00009000  information: struct, memory map, module list, strings (one page)
 *   0x00100000  the kernel, where its ELF file says
 *   ...         its modules, each on a page boundary
 */
#pragma once

#include "hw/boot.h"
#include "vmm/options.h"
#include "vmm/vm.h"

/* What one guest is made of: the first module is its kernel. */
struct guest_files {
	unsigned count;
	const struct boot_module *module[BOOT_MODULES];
	const struct module_options *options[BOOT_MODULES];
};

/* NULL, or one sentence on why this cannot be started. */
const char *loader_load(struct vm *, const struct guest_files *);
