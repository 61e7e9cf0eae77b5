/*
 * The Linux boot protocol, as far as its 32-bit entry uses it: what a kernel's file says of itself, and
 * the page that a loader leaves for it. Source: the kernel's Documentation/x86/boot.rst ("boot.rst")
 * and zero-page.rst.
 *
 *   a bzImage
 *   0        1f1       202+n    512 * (setup_sects + 1)                     end
 *   +---------+----------+--------+-------------------------------------------+
 *   |     code for the BIOS: not used here     |  32-bit code, loaded at 1 MiB |
 *   +---------+----------+--------+-------------------------------------------+
 *             | header, copied |
 *             v                v
 *   +---------+----------------+----------+------------+----+
 *   | screen  | header         |          | memory map |    |  struct boot_params, ESI at entry
 *   +---------+----------------+----------+------------+----+
 *   0        1f1              268        2d0         2e4+  1000
 */
#pragma once

#include "base/types.h"

#define LINUX_HEADER_AT    0x1f1u      /* in the file, and in the page */
#define LINUX_MAGIC        0x53726448u /* "HdrS" */
#define LINUX_BOOT_FLAG    0xaa55u
#define LINUX_LOAD_ADDRESS 0x100000u /* of the 32-bit code, if LINUX_LOADED_HIGH */
#define LINUX_SECTOR       512u
#define LINUX_OTHER_LOADER 0xffu /* type_of_loader: one without a number of its own */

/* Versions that brought a field that a loader needs. */
#define LINUX_2_06 0x0206u /* cmdline_size */
#define LINUX_2_10 0x020au /* pref_address, init_size */
#define LINUX_2_12 0x020cu /* xloadflags */

#define LINUX_LOADED_HIGH (1u << 0) /* loadflags: the 32-bit code belongs at 1 MiB, not at 64 KiB */
#define LINUX_IS_64_BIT   (1u << 0) /* xloadflags: the kernel needs long mode */

/* Where the kernel expects its descriptors (boot.rst, "32-bit Boot Protocol"). */
#define LINUX_CODE 0x10u
#define LINUX_DATA 0x18u

struct linux_header {
	u8 setup_sects; /* of the part for the BIOS, without the first; 0 means 4 */
	u16 root_flags;
	u32 syssize; /* the 32-bit code, in 16 bytes */
	u16 ram_size, vid_mode, root_dev, boot_flag;
	u8 jump, jump_distance; /* the header ends that far behind itself */
	u32 magic;
	u16 version;
	u32 realmode_swtch;
	u16 start_sys, kernel_version;
	u8 type_of_loader, loadflags;
	u16 setup_move_size;
	u32 code32_start; /* the entry; a loader may not expect it at the beginning */
	u32 ramdisk_image, ramdisk_size, bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_version, ext_loader_type;
	u32 cmd_line_ptr, initrd_addr_max,
		kernel_alignment; /* initrd_addr_max: its last byte, at most */
	u8 relocatable_kernel, min_alignment;
	u16 xloadflags;
	u32 cmdline_size, hardware_subarch; /* cmdline_size: without the 0 behind it */
	u64 hardware_subarch_data;
	u32 payload_offset, payload_length;
	u64 setup_data, pref_address;
	u32 init_size, handover_offset; /* init_size: bytes needed where it unpacks itself to */
} __attribute__((packed));

_Static_assert(offsetof(struct linux_header, boot_flag) == 0x1fe - LINUX_HEADER_AT, "boot.rst");
_Static_assert(offsetof(struct linux_header, magic) == 0x202 - LINUX_HEADER_AT, "boot.rst");
_Static_assert(offsetof(struct linux_header, code32_start) == 0x214 - LINUX_HEADER_AT, "boot.rst");
_Static_assert(offsetof(struct linux_header, cmd_line_ptr) == 0x228 - LINUX_HEADER_AT, "boot.rst");
_Static_assert(offsetof(struct linux_header, cmdline_size) == 0x238 - LINUX_HEADER_AT, "boot.rst");
_Static_assert(offsetof(struct linux_header, pref_address) == 0x258 - LINUX_HEADER_AT, "boot.rst");
_Static_assert(sizeof(struct linux_header) == 0x268 - LINUX_HEADER_AT, "boot.rst");

#define E820_RAM 1u

struct e820_entry {
	u64 base, length;
	u32 type;
} __attribute__((packed));

_Static_assert(sizeof(struct e820_entry) == 20, "zero-page.rst");

/* The page. What is zero says: no screen, no firmware tables, nothing above 4 GiB. */
struct boot_params {
	u8 screen_and_firmware[0x1e8];
	u8 e820_entries;
	u8 keyboard_and_disks[8];
	struct linux_header header;
	u8 header_to_come[0x2d0 - 0x268];
	struct e820_entry e820[128];
	u8 rest[0x1000 - 0x2d0 - 128 * sizeof(struct e820_entry)];
} __attribute__((packed));

_Static_assert(offsetof(struct boot_params, e820_entries) == 0x1e8, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, header) == LINUX_HEADER_AT, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, e820) == 0x2d0, "zero-page.rst");
_Static_assert(sizeof(struct boot_params) == 0x1000, "zero-page.rst");
