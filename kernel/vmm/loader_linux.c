/*
 * A Linux kernel, by its 32-bit entry: no code of it runs that needs a BIOS or real mode. memtest86+ has
 * the same header. Source: the kernel's Documentation/x86/boot.rst ("boot.rst").
 *
 *   0x100000        code, as in the file        pref_address           + init_size          initrd
 *   +-------------------------------+-----------+-----------------------+-----------+----------+
 *   | unpacks the kernel  --------------------> | the kernel            |   free    |          |
 *   +-------------------------------+-----------+-----------------------+-----------+----------+
 */
#include "vmm/loader.h"

#include "base/string.h"
#include "cpu/segment.h"
#include "hw/memory.h"
#include "x86/bootparam.h"

#define GDT               (LOADER_INFO + sizeof(struct boot_params))
#define GDT_ENTRIES       (LINUX_DATA / 8 + 1)
#define LINUX_PAGE_OFFSET 0xc0000000u /* where Debian's kernel maps RAM: CONFIG_PAGE_OFFSET */

#define COMMAND_LINE (GDT + GDT_ENTRIES * sizeof(struct descriptor))

static bool read_header(const struct boot_module *m, struct linux_header *h)
{
	if (m->bytes < LINUX_HEADER_AT + sizeof *h)
		return false;
	loader_read(m, LINUX_HEADER_AT, h, sizeof *h);
	return true;
}

bool loader_is_linux(const struct boot_module *m)
{
	struct linux_header h;

	return read_header(m, &h) && h.magic == LINUX_MAGIC && h.boot_flag == LINUX_BOOT_FLAG;
}

/* Where the 32-bit code begins in the file. */
static u32 code_offset(const struct linux_header *h)
{
	return LINUX_SECTOR * ((h->setup_sects ? h->setup_sects : 4) + 1);
}

static const char *check_header(const struct boot_module *m, const struct linux_header *h)
{
	u32 bytes = m->bytes - code_offset(h);

	if (h->version < LINUX_2_06)
		return loader_complain("its Linux boot protocol is %x.%02x: 2.06 (Linux 2.6.22) or "
				       "later is needed",
			h->version >> 8, h->version & 0xff);
	if (!(h->loadflags & LINUX_LOADED_HIGH))
		return "it is a zImage, which loads at 64 KiB: build a bzImage";
	if (h->version >= LINUX_2_12 && h->xloadflags & LINUX_IS_64_BIT)
		return "it is a 64-bit kernel: take one for i386, like Debian's linux-image-686";
	/* syssize is rounded up; memtest86+ does not fill the file up to it. */
	if (m->bytes < code_offset(h) || (u64)bytes + 15 < (u64)h->syssize * 16)
		return "its bzImage is cut short or damaged";
	if (h->code32_start < LINUX_LOAD_ADDRESS || h->code32_start - LINUX_LOAD_ADDRESS >= bytes)
		return loader_complain(
			"its bzImage is damaged: its entry, %x, is outside it", h->code32_start);
	if (h->version >= LINUX_2_10 && h->pref_address >> 32)
		return "its bzImage is damaged: it wants to lie at 4 GiB or above";
	return NULL;
}

/*
 * The end of what must be memory: the code as loaded, and the place that it unpacks itself to. A
 * relocatable kernel stays where it was loaded if that is not below pref_address; otherwise it goes
 * there (boot.rst, "init_size").
 */
static u64 kernel_end(const struct boot_module *m, const struct linux_header *h)
{
	u64 loaded = (u64)LINUX_LOAD_ADDRESS + m->bytes - code_offset(h), start = h->pref_address;
	u32 align = h->kernel_alignment;

	if (h->version < LINUX_2_10)
		return loaded;
	if (h->relocatable_kernel && align && !(align & (align - 1)))
		start = MAX(start, (u64)ALIGN_UP(LINUX_LOAD_ADDRESS, align));
	return MAX(loaded, start + h->init_size);
}

/*
 * The initrd goes as high as the kernel and the memory allow, so that it is not in the way of what the
 * kernel unpacks. Sets the header's two fields.
 */
static const char *place_initrd(
	const struct vm *vm, const struct boot_module *m, u64 kernel, struct linux_header *h)
{
	u64 limit = MIN((u64)h->initrd_addr_max + 1, (u64)vm->mem.size), floor;

	floor = ALIGN_UP(kernel, (u64)PAGE_SIZE);
	if (floor + ALIGN_UP(m->bytes, PAGE_SIZE) > limit)
		return loader_complain(
			"its initrd, %u KiB, does not fit above its kernel and below "
			"%u MiB, where it must end: make it smaller",
			m->bytes / KIB, (u32)(limit / MIB));
	h->ramdisk_image = (limit - m->bytes) & ~(u64)PAGE_MASK;
	h->ramdisk_size = m->bytes;
	return NULL;
}

/* Copies both files, after it has been seen that they fit. */
static const char *load_files(
	struct vm *vm, const struct guest_files *files, struct linux_header *h)
{
	const struct boot_module *kernel = files->module[0], *initrd;
	u64 end = kernel_end(kernel, h), needed = end;
	const char *wrong = NULL;

	initrd = files->count > 1 ? files->module[1] : NULL;
	if (initrd)
		needed = ALIGN_UP(end, (u64)PAGE_SIZE) + ALIGN_UP(initrd->bytes, PAGE_SIZE);
	if (needed > vm->mem.size)
		return loader_complain("%s not fit into its memory: give it mem=%uM or more",
			initrd ? "its kernel and its initrd do" : "its kernel does",
			(u32)((needed + MIB - 1) >> 20));
	if (initrd)
		wrong = place_initrd(vm, initrd, end, h);
	if (wrong)
		return wrong;
	loader_copy(&vm->mem, LINUX_LOAD_ADDRESS, kernel, code_offset(h),
		kernel->bytes - code_offset(h));
	if (initrd)
		loader_copy(&vm->mem, h->ramdisk_image, initrd, 0, initrd->bytes);
	return NULL;
}

/*
 * The page of parameters: the header as the file has it, up to where it says it ends, with what a loader
 * fills in; and the map of memory, as the Multiboot loader's.
 */
static void put_parameters(struct vm *vm, const struct boot_module *m, const struct linux_header *h)
{
	static struct boot_params page; /* too large for the stack */
	u32 end = offsetof(struct linux_header, magic) + h->jump_distance;

	memset(&page, 0, sizeof page);
	loader_read(m, LINUX_HEADER_AT, &page.header,
		MIN(end, offsetof(struct boot_params, e820) - LINUX_HEADER_AT));
	page.header.type_of_loader = LINUX_OTHER_LOADER; /* 0 would hide the initrd */
	page.header.ramdisk_image = h->ramdisk_image;
	page.header.ramdisk_size = h->ramdisk_size;
	page.header.cmd_line_ptr = COMMAND_LINE;
	page.header.setup_data = 0;
	page.e820_entries = 2;
	page.e820[0] = (struct e820_entry){0, LOADER_LOW_RAM, E820_RAM};
	page.e820[1] = (struct e820_entry){GMEM_HOLE_END, vm->mem.size - GMEM_HOLE_END, E820_RAM};
	gmem_write(&vm->mem, gpa(LOADER_INFO), &page, sizeof page);
}

/* Flat segments from a table in the guest's memory (boot.rst, "32-bit Boot Protocol"). */
static void set_processor(struct vm *vm, u32 entry)
{
	const u32 common = ATTR_G | ATTR_DB | ATTR_P | ATTR_S | ATTR_ACCESSED;
	const struct descriptor table[GDT_ENTRIES] = {
		[LINUX_CODE / 8] = descriptor_make(0, ~0u, common | ATTR_CODE | ATTR_READABLE),
		[LINUX_DATA / 8] = descriptor_make(0, ~0u, common | ATTR_WRITABLE),
	};
	struct vcpu *v = &vm->vcpu;

	gmem_write(&vm->mem, gpa(GDT), table, sizeof table);
	v->gdtr = (struct table_register){.limit = sizeof table - 1, .base = GDT};
	for (unsigned i = 0; i < SREG_COUNT; i++)
		v->seg[i] = segment_make(LINUX_DATA, table[LINUX_DATA / 8]);
	v->seg[CS] = segment_make(LINUX_CODE, table[LINUX_CODE / 8]);
	v->gpr[ESI] = LOADER_INFO;
	v->eip = entry;
}

static const char *check_files(const struct guest_files *files, const struct linux_header *h)
{
	u32 length = strlen(files->options[0]->arguments);

	if (files->count > 2)
		return loader_complain("a Linux kernel takes one module, its initrd: %s is one too "
				       "many",
			files->options[2]->file);
	if (length > h->cmdline_size)
		return loader_complain("its command line has %u letters, and its kernel takes %u: "
				       "shorten it",
			length, h->cmdline_size);
	return NULL;
}

/*
 * Linux maps its memory from PAGE_OFFSET on, and accesses to the place where the translator keeps ring 3's
 * part of the window (engine/soft_xlate.c) are the only ones that nobody notices.
 */
static const char *check_memory(const struct vm *vm)
{
	u32 room = memory_window_start() + WINDOW_RING3 - LINUX_PAGE_OFFSET;

	if (vm->engine != &translate_engine || memory_window_start() < LINUX_PAGE_OFFSET ||
		vm->mem.size <= room)
		return NULL;
	return loader_complain("with more than %u MiB it would map them where the monitor keeps "
			       "translated code: give it less (mem=), or start cave with "
			       "window=0xb0000000",
		room / MIB);
}

const char *loader_load_linux(struct vm *vm, const struct guest_files *files)
{
	const struct boot_module *m = files->module[0];
	const char *arguments = files->options[0]->arguments, *wrong;
	struct linux_header h;

	read_header(m, &h);
	h.ramdisk_image = h.ramdisk_size = 0;
	wrong = check_header(m, &h);
	if (!wrong)
		wrong = check_memory(vm);
	if (!wrong)
		wrong = check_files(files, &h);
	if (!wrong)
		wrong = load_files(vm, files, &h);
	if (wrong)
		return wrong;
	put_parameters(vm, m, &h);
	gmem_write(&vm->mem, gpa(COMMAND_LINE), arguments, strlen(arguments) + 1);
	set_processor(vm, h.code32_start);
	return NULL;
}
