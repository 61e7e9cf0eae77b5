/* Reads the programs' ELF files where they lie. Source: System V ABI, chapters 4 and 5. */
#include "os.h"

#include "base/string.h"

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version, entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

_Static_assert(sizeof(struct elf_header) == 52, "System V ABI, figure 4-3");

/* In memory: `filesz` bytes of the file, then zeros up to `memsz`. */
struct elf_segment {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

_Static_assert(sizeof(struct elf_segment) == 32, "System V ABI, figure 5-1");

#define PT_LOAD 1
#define PF_W    2

static const struct elf_header *header(const struct program *p)
{
	return (const void *)p->image;
}

/* The nth segment that is loaded, or NULL. */
static const struct elf_segment *segment(const struct program *p, u32 n)
{
	const struct elf_segment *s = (const void *)(p->image + header(p)->phoff);

	for (u32 i = 0; i < header(p)->phnum; i++)
		if (s[i].type == PT_LOAD && s[i].memsz && n-- == 0)
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
		end = MAX(end, s->vaddr + s->memsz);
	return end;
}

/* user.ld begins every segment on a page of its own, so that at most one answers. */
bool program_page(const struct program *p, u32 address, void *frame, bool *writable)
{
	const struct elf_segment *s;

	for (u32 n = 0; (s = segment(p, n)); n++) {
		u32 offset = address - s->vaddr;

		if (address < s->vaddr || offset >= s->memsz)
			continue;
		if (offset < s->filesz)
			memcpy(frame, p->image + s->offset + offset,
				MIN(s->filesz - offset, PAGE_SIZE));
		*writable = s->flags & PF_W;
		return true;
	}
	return false;
}
