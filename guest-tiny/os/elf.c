/*
 * Reads the programs' ELF files where they lie. A segment in memory: `file_size` bytes of the file, then
 * zeros up to `memory_size`. Source: System V ABI, chapters 4 and 5.
 */
#include "os.h"

#include "base/string.h"
#include "x86/elf.h"

static const struct elf_header *header(const struct program *p)
{
	return (const void *)p->image;
}

/* The nth segment that is loaded, or NULL. */
static const struct elf_segment *segment(const struct program *p, u32 n)
{
	const struct elf_segment *s = (const void *)(p->image + header(p)->segment_offset);

	for (u32 i = 0; i < header(p)->segment_count; i++)
		if (s[i].type == ELF_LOAD && s[i].memory_size && n-- == 0)
			return &s[i];
	return NULL;
}

const struct program *program_find(const char *command)
{
	for (const struct program *p = programs; p->name; p++) {
		size_t length = strlen(p->name);

		if (!strncmp(p->name, command, length) &&
			(!command[length] || command[length] == ' '))
			return p;
	}
	return NULL;
}

u32 program_entry(const struct program *p)
{
	return header(p)->entry;
}

u32 program_end(const struct program *p)
{
	const struct elf_segment *s;
	u32 end = 0;

	for (u32 n = 0; (s = segment(p, n)); n++)
		end = MAX(end, s->virtual + s->memory_size);
	return end;
}

/* user.ld begins every segment on a page of its own, so that at most one answers. */
bool program_page(const struct program *p, u32 address, void *frame, bool *writable)
{
	const struct elf_segment *s;

	for (u32 n = 0; (s = segment(p, n)); n++) {
		u32 offset = address - s->virtual;

		if (address < s->virtual || offset >= s->memory_size)
			continue;
		if (offset < s->file_size)
			memcpy(frame, p->image + s->offset + offset,
				MIN(s->file_size - offset, PAGE_SIZE));
		*writable = s->flags & ELF_WRITABLE;
		return true;
	}
	return false;
}
