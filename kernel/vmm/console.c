/* One real serial port for the output of all machines, and one keyboard. */
#include "vmm/console.h"

#include "base/printf.h"
#include "base/string.h"
#include "hw/serial.h"
#include "vmm/vm.h"

#define KEY_NEXT 0x14 /* Ctrl-T */

struct console_options console_options;

static struct vm *focus;     /* has the keyboard */
static struct vm *line_open; /* whose unfinished line stands on the terminal */

static void write(const char *text)
{
	for (; *text; text++)
		serial_write(SERIAL_CONSOLE, *text);
}

/* The cursor at the start of a line, whoever wrote last. */
static void close_line(void)
{
	if (line_open)
		write("\n");
	line_open = NULL;
}

static void write_prefix(const struct vm *vm)
{
	char text[48];

	if (console_options.color)
		print_to(text, sizeof text, "\033[1;%um%s|\033[0m ", 31 + vm->index % 6, vm->name);
	else
		print_to(text, sizeof text, "%s| ", vm->name);
	write(text);
}

static bool is_raw(const struct vm *vm)
{
	return !strcmp(vm->name, console_options.raw);
}

/* What another one has interrupted is shown again, so that a prompt is always whole. */
void console_flush(struct vm *vm)
{
	struct console_line *line = &vm->line;

	if (line->shown == line->length)
		return;
	if (line_open != vm) {
		close_line();
		write_prefix(vm);
		line->shown = 0;
	}
	line_open = vm;
	for (; line->shown < line->length; line->shown++)
		serial_write(SERIAL_CONSOLE, line->text[line->shown]);
}

void console_transmit(struct vm *vm, u8 byte)
{
	struct console_line *line = &vm->line;

	if (is_raw(vm)) {
		serial_write(SERIAL_RAW, byte);
		return;
	}
	if (byte == '\r')
		return;
	line->text[line->length++] = byte;
	if (byte != '\n' && line->length < sizeof line->text)
		return;
	console_flush(vm);
	line->length = line->shown = 0;
	if (byte == '\n')
		line_open = NULL;
}

static void say(const char *format, va_list args)
{
	char text[256];

	format_text(text, sizeof text, format, args);
	close_line();
	write("cave: ");
	write(text);
	write("\n");
}

void console_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void console_log(const char *format, ...)
{
	va_list args;

	if (console_options.quiet)
		return;
	va_start(args, format);
	say(format, args);
	va_end(args);
}

/* The first machine after `from` (in a circle) that lives and does not have a port of its own. */
static struct vm *next_machine(const struct vm *from)
{
	unsigned start = from ? from->index + 1 : 0;

	for (unsigned i = 0; i < vm_count; i++) {
		struct vm *vm = vms[(start + i) % vm_count];

		if (vm->state != VM_ENDED && !is_raw(vm))
			return vm;
	}
	return NULL;
}

static void move_focus(void)
{
	struct vm *next = next_machine(focus);

	if (next && next != focus && vm_count > 1) {
		console_log("keyboard to %s%s", next->name, focus ? "" : " (Ctrl-T moves it on)");
		next->line.shown = 0;
		console_flush(next);
	}
	focus = next;
}

void console_focus(void)
{
	if (!focus || focus->state == VM_ENDED)
		move_focus();
}

static void type(struct vm *vm, u8 byte)
{
	if (platform_receive(&vm->platform, byte))
		vm_wake(vm);
}

void console_input(void)
{
	int byte;

	while ((byte = serial_read(SERIAL_CONSOLE)) >= 0) {
		if (byte == KEY_NEXT)
			move_focus();
		else if (focus)
			type(focus, byte);
	}
	while ((byte = serial_read(SERIAL_RAW)) >= 0)
		for (unsigned i = 0; i < vm_count; i++)
			if (is_raw(vms[i]) && vms[i]->state != VM_ENDED)
				type(vms[i], byte);
}
