/*
 * Puts a guest's kernel and its modules into its memory, and its processor where the kernel's own
 * kind of boot loader would leave it:
 *
 *   Multiboot 0.6.96   (loader_multiboot.c)      Linux's 32-bit entry   (loader_linux.c)
 *   0x00009000  information, one page            0x00009000  boot parameters, one page
 *                                                0x0000a000  descriptors, command line
 *   0x00100000  kernel, where its ELF file says  0x00100000  kernel, which unpacks itself elsewhere
 *   ...         modules, on page boundaries      ... top     initrd, as high as it may lie
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

/*
 * The engine that a kernel needs if its command line names none. A Multiboot kernel may be made for
 * direct execution, as ours are; Linux is not: it uses what does not trap.
 */
const struct engine *loader_engine(const struct guest_files *);

/* NULL, or one sentence on why this cannot be started; it is valid until the next call. */
const char *loader_load(struct vm *, const struct guest_files *);

/* Between the loader's files. The boot information of either protocol, in low memory: */
#define LOADER_INFO    0x9000u
#define LOADER_LOW_RAM 0x9fc00u /* what a PC's firmware leaves of the first 640 KiB */

/* The sentence of a format, kept until the next one. */
PRINTF_LIKE(1, 2) const char *loader_complain(const char *format, ...);

/* Reads a part of a module; all of it must be there. */
void loader_read(const struct boot_module *, u32 offset, void *buffer, u32 bytes);

/* Copies a part of a module into guest memory, or clears some; false if the guest has none there. */
bool loader_copy(struct gmem *, u32 to, const struct boot_module *, u32 offset, u32 bytes);
bool loader_clear(struct gmem *, u32 start, u32 bytes);

bool loader_is_linux(const struct boot_module *);

/* As loader_load(), for one kind of kernel each. */
const char *loader_load_multiboot(struct vm *, const struct guest_files *);
const char *loader_load_linux(struct vm *, const struct guest_files *);
