/* ELF files for 32-bit x86, as far as a loader reads them. Source: System V ABI, chapter 4 and 5. */
#pragma once

#include "base/types.h"

#define ELF_MAGIC 0x464c457fu /* 7f 'E' 'L' 'F' */
#define ELF_32    1
#define ELF_386   3
#define ELF_LOAD  1 /* a segment's type */

#define ELF_WRITABLE 2 /* one of a segment's flags */

struct elf_header {
	u32 magic;
	u8 word_size, byte_order, version, padding[9];
	u16 type, machine;
	u32 file_version, entry, segment_offset, section_offset, flags;
	u16 header_size, segment_size, segment_count;
	u16 section_size, section_count, section_names;
};

_Static_assert(sizeof(struct elf_header) == 52, "System V ABI, figure 4-3");
_Static_assert(offsetof(struct elf_header, entry) == 24, "System V ABI, figure 4-3");

struct elf_segment {
	u32 type, offset, virtual, physical, file_size, memory_size, flags, align;
};

_Static_assert(sizeof(struct elf_segment) == 32, "System V ABI, figure 5-1");
