/* Option `trace`: one line for every exit, on the real machine's debug port. */
#include "vmm/trace.h"

#include "base/printf.h"
#include "hw/insn.h"
#include "vmm/report.h"

#define DEBUG_PORT 0xe9

void trace_exit(const struct vm *vm)
{
	const struct exit *x = &vm->exit;
	char line[120];
	size_t at;

	if (!console_options.trace)
		return;
	at = print_to(line, sizeof line, "%llu %s %s eip=%08x cpl=%u", vm_clock(vm), vm->name,
		report_exit_name(x->kind), vm->vcpu.eip, vm->vcpu.cpl);
	if (x->kind == EXIT_PORT || x->kind == EXIT_MMIO)
		at += print_to(line + at, sizeof line - at, " %s port=%x size=%u value=%x",
			x->write ? "write" : "read", x->kind == EXIT_PORT ? x->port : x->address.v,
			x->size, x->value);
	else if (x->kind == EXIT_STRING)
		at += print_to(line + at, sizeof line - at, " %s port=%x size=%u count=%u at=%x",
			x->write ? "write" : "read", x->port, x->size, x->value, x->address.v);
	else if (x->kind == EXIT_INTERRUPT)
		at += print_to(line + at, sizeof line - at, " vector=%x", x->value);
	print_to(line + at, sizeof line - at, "\n");
	for (const char *c = line; *c; c++)
		out8(DEBUG_PORT, *c);
}
