/* Multiboot 0.6.96: what a boot loader leaves for a kernel. Source: its specification, 3.1 to 3.3. */
#pragma once

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_BOOT_MAGIC   0x2badb002 /* in EAX at entry; EBX points to the information */
#define MULTIBOOT_ALIGN        (1 << 0)   /* header flag: modules on page boundaries */
#define MULTIBOOT_MEMORY       (1 << 1)   /* header flag: memory sizes wanted */
#define MULTIBOOT_ADDRESSES    (1 << 16)  /* header flag: the load addresses stand in the header */
#define MULTIBOOT_SEARCH       8192       /* the header lies in the first 8 KiB */

#define MULTIBOOT_INFO_MEMORY  (1 << 0)
#define MULTIBOOT_INFO_CMDLINE (1 << 2)
#define MULTIBOOT_INFO_MODULES (1 << 3)
#define MULTIBOOT_INFO_MMAP    (1 << 6)
#define MULTIBOOT_INFO_LOADER  (1 << 9)

#ifndef __ASSEMBLER__
#include "base/types.h"

struct multiboot_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr,
		entry_addr; /* if MULTIBOOT_ADDRESSES */
};

struct multiboot_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB below 1 MiB; KiB above it, up to the first hole */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table, boot_loader_name, apm_table;
};

_Static_assert(offsetof(struct multiboot_info, mods_count) == 20, "specification 3.3");
_Static_assert(offsetof(struct multiboot_info, mmap_length) == 44, "specification 3.3");
_Static_assert(offsetof(struct multiboot_info, boot_loader_name) == 64, "specification 3.3");

struct multiboot_module {
	u32 start, end, cmdline, reserved;
};

_Static_assert(sizeof(struct multiboot_module) == 16, "specification 3.3");

#define MULTIBOOT_MMAP_RAM 1u

/* `size` counts the bytes after itself. */
struct multiboot_mmap {
	u32 size;
	u64 base, length;
	u32 type;
} __attribute__((packed));

_Static_assert(sizeof(struct multiboot_mmap) == 24, "specification 3.3");
#endif
