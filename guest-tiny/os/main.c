/* Where tinyos begins: it brings its parts up one by one, and each shows that it works. */
#include "os.h"

#include "base/printf.h"
#include "base/string.h"
#include "guard.h"
#include "insn.h"
#include "machine.h"
#include "segment.h"

#define DEMO "help; ps; run count 3; run primes; run fault; run fault divide; run fault cli; mem"

/*
 * The Multiboot command line: name=red mem=6M script=ps; mem
 *
 * `script` takes the rest of the line; `demo` stands for a script of its own. Other words are
 * passed over: some loaders begin with the kernel's file name.
 */
static struct {
	char text[256];
	u32 memory;
	char *name, *script;
} options = {.memory = RAM_MAX, .name = "tiny", .script = ""};

static u32 parse_mib(const char *text)
{
	u32 value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (*text - '0');
	return MIN(value, RAM_MAX / MIB) * MIB;
}

static void parse_option(char *word)
{
	if (!strncmp(word, "name=", 5))
		options.name = word + 5;
	else if (!strncmp(word, "mem=", 4))
		options.memory = parse_mib(word + 4);
	else if (!strcmp(word, "demo"))
		options.script = DEMO;
}

/* The loader's text is copied first: it may lie in memory that is about to be handed out. */
static void parse_options(const struct multiboot_info *info)
{
	char *at = options.text, *word;

	if (!(info->flags & MULTIBOOT_INFO_CMDLINE))
		return;
	print_to(options.text, sizeof options.text, "%s", (const char *)info->cmdline);
	while (*at) {
		if (!strncmp(at, "script=", 7)) {
			options.script = at + 7;
			return;
		}
		for (word = at; *at && *at != ' '; at++)
			;
		if (*at)
			*at++ = 0;
		parse_option(word);
	}
}

/* A segment of one word, read through FS: it is the GDT in memory that counts from here on. */
static void show_tables(void)
{
	static const u32 word = 0x600d600d;
	u32 value;

	segment_set(FREE_SELECTOR, (u32)&word, sizeof word - 1, ATTR_P | ATTR_S | ATTR_DB);
	asm volatile("movl %1, %%fs; movl %%fs:0, %0; movl %2, %%fs"
		     : "=r"(value)
		     : "r"(FREE_SELECTOR), "r"(KERNEL_DATA));
	if (value == word)
		print("[ok] descriptor tables: GDT, IDT and TSS are loaded\n");
}

static u32 undefined(void)
{
	asm volatile("ud2");
	return 0;
}

static void show_exceptions(void)
{
	struct outcome o = guard_kernel(undefined);

	if (o.trapped && o.frame.vector == VECTOR_UD)
		print("[ok] exceptions: an undefined instruction was caught\n");
}

static u32 write_null(void)
{
	asm volatile("movl $0, 8" : : : "memory");
	return 0;
}

static void show_paging(void)
{
	struct outcome o = guard_kernel(write_null);

	if (o.trapped && o.frame.vector == VECTOR_PF && o.cr2 == 8 && o.frame.error == PF_WRITE)
		print("[ok] paging: a write to page 0 was caught\n");
}

static void show_clock(void)
{
	while (clock_ticks() < 3)
		sti_hlt();
	cli();
	print("[ok] clock: %u ticks a second\n", TICKS_PER_SECOND);
}

void guest_main(const struct multiboot_info *info)
{
	static char shell[COMMAND_MAX];

	parse_options(info);
	print("tinyos on a machine called %s\n", options.name);
	if (!ram_init(info, options.memory)) {
		print("tinyos: %u KiB of memory are free here, and it needs %u\n", ram_frames() * 4,
			FRAMES_MIN * 4);
		machine_end(1);
	}
	print("[ok] memory: %u frames of 4 KiB\n", ram_frames());
	show_tables();
	show_exceptions();
	space_init();
	show_paging();
	fault_init();
	clock_init();
	show_clock();
	console_init();
	disk_init();
	syscall_init();
	/* The next lines come when the first program runs: from fault.c, syscall.c and itself. */
	print_to(shell, sizeof shell, "shell %s %s", options.name, options.script);
	process_run(shell);
	process_idle();
}
