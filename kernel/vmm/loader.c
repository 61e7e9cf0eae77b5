/* Chooses how a guest's kernel is loaded; and what every way needs: parts of files, cleared memory. */
#include "vmm/loader.h"

#include "base/printf.h"
#include "base/string.h"
#include "hw/memory.h"

const char *loader_complain(const char *format, ...)
{
	static char text[200];
	va_list args;

	va_start(args, format);
	format_text(text, sizeof text, format, args);
	va_end(args);
	return text;
}

/* A module lies in real memory, of which one page at a time can be seen. */
void loader_read(const struct boot_module *m, u32 offset, void *buffer, u32 bytes)
{
	u8 *to = buffer;
	u32 part;

	for (; bytes; offset += part, to += part, bytes -= part) {
		u32 at = m->start.v + offset;

		part = MIN(bytes, PAGE_SIZE - (at & PAGE_MASK));
		memcpy(to, (u8 *)hw_map(hpa(at & ~PAGE_MASK)) + (at & PAGE_MASK), part);
	}
}

bool loader_copy(struct gmem *mem, u32 to, const struct boot_module *m, u32 offset, u32 bytes)
{
	u8 buffer[512]; /* two mapping slots may be one and the same */
	u32 part;

	if (!gmem_is_ram(mem, gpa(to), bytes))
		return false;
	for (; bytes; offset += part, to += part, bytes -= part) {
		part = MIN(bytes, sizeof buffer);
		loader_read(m, offset, buffer, part);
		gmem_write(mem, gpa(to), buffer, part);
	}
	return true;
}

bool loader_clear(struct gmem *mem, u32 start, u32 bytes)
{
	static const u8 zeros[512];
	u32 part;

	if (!gmem_is_ram(mem, gpa(start), bytes))
		return false;
	for (; bytes; start += part, bytes -= part) {
		part = MIN(bytes, sizeof zeros);
		gmem_write(mem, gpa(start), zeros, part);
	}
	return true;
}

/*
 * Where kernels look for what a PC's firmware leaves: its data area with the pointer at 0x40e, and
 * tables in the last KiB below 640 KiB. A stray "_MP_" there would be believed. The rest of memory stays
 * as it is: no kernel believes it, and to clear a machine of 128 MiB takes longer than to boot Linux's
 * first stage.
 */
static void clear_firmware_area(struct gmem *mem)
{
	loader_clear(mem, 0, PAGE_SIZE);
	loader_clear(mem, LOADER_LOW_RAM, GMEM_HOLE_START - LOADER_LOW_RAM);
}

const struct engine *loader_engine(const struct guest_files *files)
{
	return loader_is_linux(files->module[0]) ? &translate_engine : &direct_engine;
}

const char *loader_load(struct vm *vm, const struct guest_files *files)
{
	clear_firmware_area(&vm->mem);
	return loader_is_linux(files->module[0]) ? loader_load_linux(vm, files)
						 : loader_load_multiboot(vm, files);
}
