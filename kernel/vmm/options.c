/* What the command lines say. */
#include "vmm/options.h"

#include "base/printf.h"
#include "base/string.h"
#include "vmm/console.h"
#include "vmm/scheduler.h"

#define MEMORY_MIN (1u * MIB)
#define MEMORY_MAX (2048u * MIB)

static char complaint[240];

PRINTF_LIKE(1, 2) static const char *complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_text(complaint, sizeof complaint, format, args);
	va_end(args);
	return complaint;
}

/* Cuts the next word off *rest; NULL at the end. Words are ended by a zero in place. */
static char *next_word(char **rest)
{
	char *word = *rest;

	while (*word == ' ')
		word++;
	if (!*word)
		return NULL;
	*rest = word;
	while (**rest && **rest != ' ')
		++*rest;
	if (**rest)
		*(*rest)++ = 0;
	return word;
}

/* The value of `key=value`, or NULL if the word has another key. */
static char *value_of(char *word, const char *key)
{
	size_t length = strlen(key);

	return strncmp(word, key, length) || word[length] != '=' ? NULL : word + length + 1;
}

/* A decimal number, and what follows it. False if there is none or it has more than 8 digits. */
static bool parse_number(const char *text, u32 *value, const char **rest)
{
	unsigned digits = 0;

	for (*value = 0; text[digits] >= '0' && text[digits] <= '9' && digits < 9; digits++)
		*value = *value * 10 + (text[digits] - '0');
	*rest = text + digits;
	return digits > 0 && digits < 9;
}

static const char *set_quantum(const char *value, u64 *quantum)
{
	const char *rest;
	u32 ms;

	if (!parse_number(value, &ms, &rest) || *rest || ms < 1 || ms > 1000)
		return complain("quantum=%s: give milliseconds, 1 to 1000", value);
	*quantum = (u64)ms * 1000000;
	return NULL;
}

/* hw/boot.c has read the address already, or has not understood it; here is who says so. */
static const char *check_window(const char *value)
{
	u32 start;

	if (!boot_parse_window(value, &start))
		return complain("window=%s: give a multiple of 4 MiB between 0x4000000 and "
				"0xfc000000, in small hexadecimal digits",
			value);
	return NULL;
}

static const char *set_shape(const char *value)
{
	if (!strcmp(value, "one"))
		engine_shape = SHAPE_ONE;
	else if (!strcmp(value, "tiny"))
		engine_shape = SHAPE_TINY;
	else
		return complain(
			"xlate=%s: give one, for blocks of one instruction, or tiny, for the "
			"smallest code cache",
			value);
	return NULL;
}

static const char *monitor_option(char *word, struct monitor_options *options)
{
	struct console_options *console = &console_options;
	char *value;

	if ((value = value_of(word, "quantum")))
		return set_quantum(value, &options->quantum);
	if ((value = value_of(word, "window")))
		return check_window(value);
	if ((value = value_of(word, "xlate")))
		return set_shape(value);
	if (!strcmp(word, "trace"))
		console->trace = true;
	else if (!strcmp(word, "meter"))
		engine_meter = true;
	else if (!strcmp(word, "color"))
		console->color = true;
	else if (!strcmp(word, "log=quiet") || !strcmp(word, "log=normal"))
		console->quiet = word[4] == 'q';
	else if ((value = value_of(word, "raw")) && *value && strlen(value) < VM_NAME)
		print_to(console->raw, sizeof console->raw, "%s", value);
	else
		return complain(
			"unknown option %s; known are: trace meter quantum=MS log=quiet|normal "
			"color raw=MACHINE window=0xADDRESS xlate=one|tiny",
			word);
	return NULL;
}

const char *options_monitor(const char *line, struct monitor_options *options)
{
	static char text[BOOT_COMMAND_LINE];
	char *rest = text, *word;
	const char *wrong = NULL;

	options->quantum = QUANTUM_DEFAULT_MS * 1000000ull;
	print_to(text, sizeof text, "%s", line);
	next_word(&rest); /* the monitor's own file name */
	while (!wrong && (word = next_word(&rest)))
		wrong = monitor_option(word, options);
	return wrong;
}

/* A size with M or K behind it, in whole pages. */
static const char *set_memory(const char *value, u32 *memory)
{
	const char *rest;
	u32 number, unit = 0;

	if (parse_number(value, &number, &rest) && rest[0] && !rest[1])
		unit = *rest == 'M' || *rest == 'm' ? MIB : *rest == 'K' || *rest == 'k' ? KIB : 0;
	if (!unit || (u64)number * unit < MEMORY_MIN || (u64)number * unit > MEMORY_MAX)
		return complain("mem=%s: give a size like 8M or 8192K, 1M to 2048M", value);
	*memory = ALIGN_UP(number * unit, PAGE_SIZE);
	return NULL;
}

static const char *set_name(const char *value, const char **name)
{
	for (const char *c = value; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			    (*c >= '0' && *c <= '9') || *c == '-' || *c == '_'))
			return complain("vm=%s: a name has only letters, digits, - and _", value);
	if (!*value || strlen(value) >= VM_NAME)
		return complain("vm=%s: a name has 1 to %u letters", value, VM_NAME - 1);
	*name = value;
	return NULL;
}

static const char *set_engine(const char *value, const struct engine **engine)
{
	if (!strcmp(value, "direct"))
		*engine = &direct_engine;
	else if (!strcmp(value, "translate"))
		*engine = &translate_engine;
	else
		return complain("engine=%s: give direct or translate", value);
	return NULL;
}

static const char *set_drive(const char *value, enum ata_drive *drive)
{
	if (strncmp(value, "hd", 2) || value[2] < 'a' || value[2] >= 'a' + ATA_DRIVES || value[3])
		return complain("disk=%s: give hda, hdb, hdc or hdd, a disk of the real machine; "
				"or disk alone, for a module that is the disk",
			value);
	*drive = value[2] - 'a';
	return NULL;
}

static const char *file_name(const char *path)
{
	const char *name = path;

	for (; *path; path++)
		if (*path == '/')
			name = path + 1;
	return name;
}

const char *options_module(const char *line, struct module_options *options)
{
	char *rest = options->line, *word;
	const char *wrong = NULL;

	options->vm = NULL;
	options->memory = 0;
	options->engine = NULL;
	options->is_disk = false;
	options->drive = ATA_DRIVES;
	print_to(options->line, sizeof options->line, "%s", line);
	word = next_word(&rest);
	options->file = word ? file_name(word) : "module";
	while (!wrong && (word = next_word(&rest)) && strcmp(word, "--")) {
		char *value;

		if ((value = value_of(word, "vm")))
			wrong = set_name(value, &options->vm);
		else if ((value = value_of(word, "mem")))
			wrong = set_memory(value, &options->memory);
		else if ((value = value_of(word, "engine")))
			wrong = set_engine(value, &options->engine);
		else if ((value = value_of(word, "disk")))
			wrong = set_drive(value, &options->drive);
		else if (!strcmp(word, "disk"))
			options->is_disk = true;
		else
			wrong = complain(
				"unknown option %s; known are: vm=NAME mem=SIZE "
				"engine=direct|translate disk disk=hda|hdb|hdc|hdd, and what "
				"the guest gets behind --",
				word);
	}
	options->arguments = rest;
	return wrong;
}
