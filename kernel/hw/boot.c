/* From the boot loader's memory to the monitor's first line. */
#include "hw/boot.h"

#include "base/check.h"
#include "base/string.h"
#include "hw/cpu.h"
#include "hw/interrupt.h"
#include "hw/memory.h"
#include "hw/serial.h"
#include "hw/timer.h"
#include "x86/multiboot.h"
#include "x86/paging.h"

/* Called from entry.S, the second before and the third after the window has moved. */
u32 boot_choose_window(const struct multiboot_info *);
NORETURN void hw_boot(u32 magic, const struct multiboot_info *);

extern u32 boot_directory[];

static struct boot_info boot;

static unsigned hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

bool boot_parse_window(const char *text, u32 *address)
{
	const char *c = text + 2;

	if (strncmp(text, "0x", 2))
		return false;
	for (*address = 0; hex_digit(*c) < 16 && c < text + 10; c++)
		*address = *address << 4 | hex_digit(*c);
	return (!*c || *c == ' ') && *address % LARGE_PAGE_SIZE == 0 && *address >= WINDOW_SIZE &&
	       *address <= 0u - WINDOW_SIZE;
}

/*
 * Finds window= on the command line, behind the monitor's own file name, and maps that window like the
 * default one. Returns the distance to it, or 0 if there is no such option or a bad one
 * (vmm/options.c complains then).
 */
u32 boot_choose_window(const struct multiboot_info *info)
{
	const char *at = (const char *)info->cmdline;
	u32 window;

	if (!(info->flags & MULTIBOOT_INFO_CMDLINE))
		return 0;
	while (*at && strncmp(at, " window=", 8))
		at++;
	if (!*at || !boot_parse_window(at + 8, &window))
		return 0;
	for (unsigned i = 0; i < WINDOW_PDES; i++)
		boot_directory[pde_index(window) + i] =
			i * LARGE_PAGE_SIZE | PTE_P | PTE_W | PTE_PS;
	return window - WINDOW_DEFAULT;
}

static void copy_text(char to[BOOT_COMMAND_LINE], u32 physical)
{
	const char *from = (const char *)physical;
	size_t length = strlen(from);

	/* Cut, it would mean something else. */
	if (length >= BOOT_COMMAND_LINE)
		panic("a command line of %u characters; at most %u are read: shorten it",
			(u32)length, BOOT_COMMAND_LINE - 1);
	memcpy(to, from, length + 1);
}

static void copy_info(const struct multiboot_info *info)
{
	const struct multiboot_module *m = (const void *)info->mods_addr;

	if (info->flags & MULTIBOOT_INFO_CMDLINE)
		copy_text(boot.command_line, info->cmdline);
	if (!(info->flags & MULTIBOOT_INFO_MODULES))
		return;
	if (info->mods_count > BOOT_MODULES)
		panic("%u modules; at most %u are read: give fewer", info->mods_count,
			BOOT_MODULES);
	for (; boot.module_count < info->mods_count; boot.module_count++, m++) {
		struct boot_module *module = &boot.module[boot.module_count];

		module->start = hpa(m->start);
		module->bytes = m->end - m->start;
		copy_text(module->command_line, m->cmdline);
	}
}

NORETURN void hw_boot(u32 magic, const struct multiboot_info *info)
{
	serial_init();
	if (magic != MULTIBOOT_BOOT_MAGIC)
		panic("not started by a Multiboot loader (EAX is %x)", magic);
	copy_info(info);
	memory_init(info, &boot);
	memory_enter_window();
	cpu_init();
	interrupt_init();
	timer_init();
	interrupt_unmask(HOST_COM1);
	interrupt_unmask(HOST_COM2);
	monitor_main(&boot);
}
