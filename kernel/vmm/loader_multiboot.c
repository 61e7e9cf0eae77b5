/* A Multiboot kernel: an ELF file with a header, and a page of information. Source: its specification. */
#include "vmm/loader.h"

#include "base/printf.h"
#include "x86/elf.h"
#include "x86/multiboot.h"

#define INFO_END (LOADER_INFO + PAGE_SIZE)

#define LOADER_NAME "cave"

/* Finds the Multiboot header in the file's first 8 KiB (3.1). */
static bool find_header(const struct boot_module *m, struct multiboot_header *header)
{
	for (u32 at = 0; at + 12 <= MIN(m->bytes, MULTIBOOT_SEARCH + 0u); at += 4) {
		loader_read(m, at, header, 12);
		if (header->magic == MULTIBOOT_HEADER_MAGIC &&
			header->magic + header->flags + header->checksum == 0)
			return true;
	}
	return false;
}

/* One segment of the ELF file: a part of it, and zeros. */
static const char *load_segment(
	struct vm *vm, const struct boot_module *m, const struct elf_segment *s, u32 *top)
{
	if (s->file_size > s->memory_size || s->offset > m->bytes ||
		s->file_size > m->bytes - s->offset)
		return "its ELF file is cut short or damaged";
	if (s->physical < INFO_END && s->memory_size)
		return "its ELF file loads below 0xa000, where the boot information lies";
	if (!loader_copy(&vm->mem, s->physical, m, s->offset, s->file_size) ||
		!loader_clear(&vm->mem, s->physical + s->file_size, s->memory_size - s->file_size))
		return "its kernel does not fit into its memory: give it more (mem=)";
	*top = MAX(*top, s->physical + s->memory_size);
	return NULL;
}

static const char *load_kernel(struct vm *vm, const struct boot_module *m, u32 *top)
{
	struct multiboot_header header;
	struct elf_header elf;
	const char *wrong = NULL;

	if (!find_header(m, &header))
		return "it is no kernel: there is neither a Multiboot header in its first 8 KiB nor "
		       "Linux's HdrS";
	if (m->bytes < sizeof elf)
		return "it is no ELF file";
	loader_read(m, 0, &elf, sizeof elf);
	if (elf.magic != ELF_MAGIC || elf.word_size != ELF_32 || elf.machine != ELF_386)
		return "it is no ELF file for 32-bit x86";
	vm->vcpu.eip = elf.entry;
	for (unsigned i = 0; !wrong && i < elf.segment_count; i++) {
		u32 at = elf.segment_offset + i * sizeof(struct elf_segment);
		struct elf_segment s;

		if (elf.segment_size != sizeof s || at > m->bytes - sizeof s)
			return "its ELF file is cut short or damaged";
		loader_read(m, at, &s, sizeof s);
		if (s.type == ELF_LOAD)
			wrong = load_segment(vm, m, &s, top);
		/* An entry in linked addresses means the byte that was loaded for it, as GRUB has it. */
		if (elf.entry - s.virtual < s.memory_size)
			vm->vcpu.eip = elf.entry - s.virtual + s.physical;
	}
	return wrong;
}

/* The page of information, written from its start to its end. */
struct info_page {
	struct gmem *mem;
	u32 next;
	bool full;
};

static u32 put(struct info_page *page, const void *data, u32 bytes)
{
	u32 at = page->next;

	if (bytes > INFO_END - at) {
		page->full = true;
		return at;
	}
	gmem_write(page->mem, gpa(at), data, bytes);
	page->next = ALIGN_UP(at + bytes, 4u);
	return at;
}

/* The command line as a boot loader makes it: the file's name, then its arguments. */
static u32 put_command_line(struct info_page *page, const struct module_options *o)
{
	char text[BOOT_COMMAND_LINE];

	return put(page, text,
		print_to(text, sizeof text, *o->arguments ? "%s %s" : "%s%s", o->file,
			o->arguments) +
			1);
}

static u32 put_memory_map(struct info_page *page, u32 size)
{
	const u32 entry = sizeof(struct multiboot_mmap) - sizeof(u32);
	const struct multiboot_mmap map[] = {
		{entry, 0, LOADER_LOW_RAM, MULTIBOOT_MMAP_RAM},
		{entry, GMEM_HOLE_END, size - GMEM_HOLE_END, MULTIBOOT_MMAP_RAM},
	};

	return put(page, map, sizeof map);
}

/* Loads the modules above the kernel and lists them. */
static const char *load_modules(
	struct vm *vm, const struct guest_files *files, struct info_page *page, u32 top, u32 *list)
{
	struct multiboot_module entry[BOOT_MODULES];

	for (unsigned i = 1; i < files->count; i++) {
		const struct boot_module *m = files->module[i];
		u32 start = ALIGN_UP(top, PAGE_SIZE);

		if (!loader_copy(&vm->mem, start, m, 0, m->bytes))
			return "its modules do not fit into its memory: give it more (mem=)";
		top = start + m->bytes;
		entry[i - 1] = (struct multiboot_module){
			start, top, put_command_line(page, files->options[i]), 0};
	}
	*list = put(page, entry, (files->count - 1) * sizeof entry[0]);
	return NULL;
}

static const char *make_info(struct vm *vm, const struct guest_files *files, u32 top)
{
	struct info_page page = {&vm->mem, LOADER_INFO + sizeof(struct multiboot_info), false};
	struct multiboot_info info = {
		.flags = MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_MODULES |
			 MULTIBOOT_INFO_MMAP | MULTIBOOT_INFO_LOADER,
		.mem_lower = LOADER_LOW_RAM / KIB,
		.mem_upper = (vm->mem.size - MIB) / KIB,
		.cmdline = put_command_line(&page, files->options[0]),
		.mods_count = files->count - 1,
		.mmap_addr = put_memory_map(&page, vm->mem.size),
		.mmap_length = 2 * sizeof(struct multiboot_mmap),
		.boot_loader_name = put(&page, LOADER_NAME, sizeof LOADER_NAME),
	};
	const char *wrong = load_modules(vm, files, &page, top, &info.mods_addr);

	if (!wrong && page.full)
		wrong = "its command lines are too long for one page: shorten them";
	gmem_write(&vm->mem, gpa(LOADER_INFO), &info, sizeof info);
	return wrong;
}

const char *loader_load_multiboot(struct vm *vm, const struct guest_files *files)
{
	u32 top = MIB;
	const char *wrong = load_kernel(vm, files->module[0], &top);

	if (!wrong)
		wrong = make_info(vm, files, top);
	vm->vcpu.gpr[EAX] = MULTIBOOT_BOOT_MAGIC;
	vm->vcpu.gpr[EBX] = LOADER_INFO;
	return wrong;
}
