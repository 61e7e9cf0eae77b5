/* What is said of a machine that had to be stopped. */
#include "vmm/report.h"

#include "base/math64.h"
#include "base/printf.h"
#include "cpu/insn.h"
#include "cpu/mnemonic.h"
#include "vmm/console.h"

static const char *const exit_names[EXIT_KIND_COUNT] = {
	[EXIT_NONE] = "none",
	[EXIT_PORT] = "port",
	[EXIT_MMIO] = "mmio",
	[EXIT_STRING] = "port string",
	[EXIT_HALT] = "halt",
	[EXIT_INTERRUPT] = "interrupt",
	[EXIT_INTR_WINDOW] = "interrupt window",
	[EXIT_YIELD] = "yield",
	[EXIT_FPU_ERROR] = "fpu error",
	[EXIT_SHUTDOWN] = "shutdown",
	[EXIT_UNSUPPORTED] = "unsupported",
};

static const char *const cause_names[CAUSE_COUNT] = {
	[CAUSE_OTHER] = "other",
	[CAUSE_INTERRUPT] = "interrupt",
	[CAUSE_LINK] = "link",
	[CAUSE_TRANSLATE] = "translate",
	[CAUSE_SHADOW] = "shadow",
	[CAUSE_FAULT] = "fault",
	[CAUSE_PORT] = "port",
	[CAUSE_INT] = "int",
	[CAUSE_IRET] = "iret",
	[CAUSE_CONTROL] = "control",
	[CAUSE_INVLPG] = "invlpg",
	[CAUSE_TIME] = "rdtsc",
};

void report_meter(struct vm *vm)
{
	const struct engine_counts *c = vm->engine->counts(&vm->vcpu);

	for (unsigned cause = 0; cause < CAUSE_COUNT && engine_meter; cause++)
		if (c->visits[cause])
			console_say("%s: meter: %s %u visits, %u kiloticks", vm->name,
				cause_names[cause], c->visits[cause],
				(u32)div64(c->ticks[cause], 1000));
	if (engine_meter && c->cache.bytes)
		console_say("%s: meter: cache of %u KiB, %u used; %u blocks made, %u dropped, "
			    "%u flushes",
			vm->name, c->cache.bytes >> 10, c->cache.used >> 10, c->cache.blocks,
			c->cache.dropped, c->cache.flushes);
}

const char *report_exit_name(enum exit_kind kind)
{
	return exit_names[kind];
}

static void report_registers(const struct vcpu *v)
{
	console_say("  eip %08x  eflags %08x  cpl %u (virtual)", v->eip, v->eflags, v->cpl);
	console_say("  eax %08x  ebx %08x  ecx %08x  edx %08x", v->gpr[EAX], v->gpr[EBX],
		v->gpr[ECX], v->gpr[EDX]);
	console_say("  esi %08x  edi %08x  ebp %08x  esp %08x", v->gpr[ESI], v->gpr[EDI],
		v->gpr[EBP], v->gpr[ESP]);
	console_say("  cs %04x  ss %04x  ds %04x  es %04x  fs %04x  gs %04x", v->seg[CS].selector,
		v->seg[SS].selector, v->seg[DS].selector, v->seg[ES].selector, v->seg[FS].selector,
		v->seg[GS].selector);
	console_say("  cr0 %08x  cr2 %08x  cr3 %08x  cr4 %08x", v->cr0, v->cr2, v->cr3, v->cr4);
	console_say("  gdt %08x+%x  idt %08x+%x  tr %04x", v->gdtr.base, v->gdtr.limit,
		v->idtr.base, v->idtr.limit, v->tr.selector);
}

/* The instruction at EIP, as far as its page is mapped; read without a trace in the guest. */
static void report_instruction(struct vcpu *v)
{
	struct paging paging = vcpu_paging(v);
	char text[INSN_MAX * 3 + 1] = "";
	u8 bytes[INSN_MAX];
	unsigned count = 0, at = 0;
	struct insn insn;

	for (; count < INSN_MAX; count++) {
		gva_t address = gva(v->seg[CS].base + v->eip + count);
		struct walk w = mmu_walk(v->mem, &paging, address, ACCESS_READ, 0, false);

		if (!w.ok || !gmem_read(v->mem, w.gpa, &bytes[count], 1))
			break;
		at += print_to(text + at, sizeof text - at, "%02x ", bytes[count]);
	}
	if (!count)
		console_say("  no memory at eip");
	else if (insn_decode(&insn, bytes, count, v->seg[CS].attr & ATTR_DB ? 4 : 2) == DECODE_OK)
		console_say("  at eip: %s(%s)", text, insn_name(&insn));
	else
		console_say("  at eip: %s(no instruction)", text);
}

/* Its exits by kind, and what the engine settled by itself. */
static void report_counts(struct vm *vm)
{
	const struct engine_counts *c = vm->engine->counts(&vm->vcpu);
	char text[200] = "";
	unsigned at = 0;

	for (unsigned kind = EXIT_NONE + 1; kind < EXIT_KIND_COUNT; kind++)
		if (vm->exits[kind])
			at += print_to(text + at, sizeof text - at, "  %s %u", exit_names[kind],
				vm->exits[kind]);
	console_say("  exits:%s", text);
	if (vm->platform.bus.absent)
		console_say("  %u accesses to ports or memory where nothing is",
			vm->platform.bus.absent);
	console_say("  traps %u: emulated %u, hidden faults %u, own exceptions %u, interrupts %u, "
		    "fpu %u",
		c->traps, c->emulated, c->hidden, c->injected, c->interrupts, c->fpu_loads);
}

void report_machine(struct vm *vm)
{
	report_registers(&vm->vcpu);
	report_instruction(&vm->vcpu);
	report_counts(vm);
}
