/* The shell: reads a line, does what it says. Its argument is the machine's name and a script. */
#include "user.h"

#include "base/string.h"

static void do_help(const char *rest);

static void do_ps(const char *rest)
{
	struct process_info p;

	print("  pid  name      state     ticks\n");
	for (u32 slot = 0; slot < PROCESS_MAX; slot++)
		if (process_info(slot, &p))
			print("%5u  %-8s  %-8s  %5u\n", p.pid, p.name, p.state, p.ticks);
}

static void do_mem(const char *rest)
{
	struct system_info s = system_info();

	print("%u frames of 4 KiB, %u used, %u free\n", s.frames_used + s.frames_free,
		s.frames_used, s.frames_free);
}

static void do_uptime(const char *rest)
{
	u32 ticks = system_info().ticks;

	print("up %u.%02u seconds, %u ticks\n", ticks / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND,
		ticks);
}

/* Cuts "program argument &" at the ampersand; true if there was one. */
static bool cut_ampersand(char *command)
{
	size_t length = strlen(command);

	while (length && command[length - 1] == ' ')
		length--;
	if (!length || command[length - 1] != '&')
		return false;
	for (length--; length && command[length - 1] == ' '; length--)
		;
	command[length] = 0;
	return true;
}

static void do_run(const char *rest)
{
	char command[COMMAND_MAX];
	bool background;
	int pid, status;

	memcpy(command, rest, strlen(rest) + 1);
	background = cut_ampersand(command);
	pid = run(command);
	if (pid < 0) {
		print("run: there is no program \"%s\", or no room for it\n", command);
		return;
	}
	if (background) {
		print("[%d] %s\n", pid, command);
		return;
	}
	status = wait(pid);
	if (status)
		print("[%d] %s: status %d\n", pid, command, status);
}

static void do_kill(const char *rest)
{
	if (kill(number(rest, 0)) < 0)
		print("kill: there is no process \"%s\" that may be ended\n", rest);
}

/* Where the word behind this one begins. */
static const char *next_word(const char *text)
{
	while (*text && *text != ' ')
		text++;
	while (*text == ' ')
		text++;
	return text;
}

/* Text, up to a zero or the first byte that is none. */
static void show_sector(u32 n, char *sector)
{
	u32 length = 0;

	while (length < COMMAND_MAX / 2 && sector[length] >= ' ' && sector[length] <= '~')
		length++;
	sector[length] = 0;
	print("sector %u: %s\n", n, sector);
}

static void do_disk(const char *rest)
{
	const char *where = next_word(rest), *text = next_word(where);
	char sector[SECTOR] = "";
	u32 n = number(where, 0);
	bool good;

	if (!strncmp(rest, "write ", 6)) {
		memcpy(sector, text, strlen(text));
		good = disk_write(n, sector);
	} else {
		good = disk_read(n, sector);
		if (good)
			show_sector(n, sector);
	}
	if (!good)
		print("disk: sector %u cannot be reached\n", n);
}

static void do_halt(const char *rest)
{
	halt();
}

static const struct command {
	const char *name, *usage, *text;
	void (*run)(const char *rest);
} commands[] = {
	{"help", "", "shows this", do_help},
	{"ps", "", "lists the processes", do_ps},
	{"mem", "", "says how much memory is used", do_mem},
	{"uptime", "", "says how long the machine has run", do_uptime},
	{"run", "PROGRAM [ARG] [&]", "runs count, primes, fault, spin or shell", do_run},
	{"kill", "PID", "ends a process", do_kill},
	{"disk", "read|write N TEXT", "a sector's text", do_disk},
	{"halt", "", "powers the machine off", do_halt},
};

static void do_help(const char *rest)
{
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
		print("  %-6s %-18s %s\n", commands[i].name, commands[i].usage, commands[i].text);
}

/* Takes the next part of `*text`, up to `separator`, out of it, and skips the spaces around it. */
static char *cut(char **text, char separator)
{
	char *start = *text, *end;

	while (*start == ' ')
		start++;
	for (end = start; *end && *end != separator; end++)
		;
	*text = *end ? end + 1 : end;
	*end = 0;
	while (**text == ' ')
		++*text;
	return start;
}

static void execute(char *line)
{
	char *name = cut(&line, ' ');

	if (!*name)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(name, commands[i].name)) {
			commands[i].run(line);
			return;
		}
	}
	print("%s: no such command; try help\n", name);
}

int main(const char *argument)
{
	char text[COMMAND_MAX], *script = text, *name, line[COMMAND_MAX];

	memcpy(text, argument, strlen(argument) + 1);
	name = cut(&script, ' ');
	print("[ok] shell: try help\n");
	while (*script) {
		char *command = cut(&script, ';');

		print("%s$ %s\n", name, command);
		execute(command);
	}
	for (;;) {
		print("%s$ ", name);
		read_line(line, sizeof line);
		execute(line);
	}
}
