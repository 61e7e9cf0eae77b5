/* How a loader hands a guest its command line, its memory map and its modules. */
#include "probe.h"

static void print_text(const char *what, u32 text, const char *end)
{
	print("%s%s%s", what, (const char *)text, end);
}

PROBE(modules)
{
	const struct multiboot_module *m = (const void *)info->mods_addr;
	const struct multiboot_mmap *map = (const void *)info->mmap_addr;

	print_text("command line: ", info->cmdline, "\n");
	print_text("loader: ", info->boot_loader_name, "\n");
	print("lower %u upper %u\n", info->mem_lower, info->mem_upper);
	for (u32 at = 0; at < info->mmap_length; at += map->size + sizeof map->size) {
		map = (const void *)(info->mmap_addr + at);
		print("memory: type %u %llx+%llx\n", map->type, map->base, map->length);
	}
	for (u32 i = 0; i < info->mods_count; i++) {
		print_text("module: ", m[i].cmdline, ": ");
		print("%u bytes, first %02x\n", m[i].end - m[i].start, *(const u8 *)m[i].start);
	}
}
