/* What the vmm does about an exit: the one switch. */
#include "vmm/exits.h"

#include "base/check.h"
#include "hw/interrupt.h"
#include "hw/trap.h"
#include "vmm/console.h"

/* The machine asked its hardware for an end. */
static void handle_request(struct vm *vm)
{
	const struct control *c = &vm->platform.control;

	if (c->request == REQUEST_RESET)
		vm_end(vm, true, "reset its machine, which ends it");
	else if (c->request == REQUEST_POWER_OFF && c->status == 0)
		vm_end(vm, true, "powered off");
	else if (c->request == REQUEST_POWER_OFF)
		vm_end(vm, false, "powered off with a status that is not 0");
}

static void handle_port(struct vm *vm, u64 now)
{
	struct exit *x = &vm->exit;

	if (x->write)
		bus_port_out(&vm->platform.bus, x->port, x->size, x->value, now);
	else
		x->value = bus_port_in(&vm->platform.bus, x->port, x->size, now);
	handle_request(vm);
}

/* Values between a port and a run of the guest's RAM, through a buffer. */
static void handle_string(struct vm *vm, u64 now)
{
	const struct exit *x = &vm->exit;
	struct bus *bus = &vm->platform.bus;
	gpa_t at = x->address;
	u8 values[512];

	for (u32 left = x->value, n; left; left -= n, at.v += n * x->size) {
		n = MIN(left, sizeof values / x->size);
		if (x->write) {
			gmem_read(&vm->mem, at, values, n * x->size);
			bus_port_out_string(bus, x->port, x->size, values, n, now);
		} else {
			bus_port_in_string(bus, x->port, x->size, values, n, now);
			gmem_write(&vm->mem, at, values, n * x->size);
		}
	}
	handle_request(vm);
}

static void handle_mmio(struct vm *vm, u64 now)
{
	struct exit *x = &vm->exit;

	if (x->write)
		bus_mmio_write(&vm->platform.bus, x->address, x->size, x->value, now);
	else
		x->value = bus_mmio_read(&vm->platform.bus, x->address, x->size, now);
}

/*
 * HLT with interrupts off can never end: that is how a PC without power management stops. Otherwise
 * the scheduler lets the machine sleep, unless an interrupt has come already.
 */
static void handle_halt(struct vm *vm)
{
	if (!(vm->vcpu.eflags & EFLAGS_IF))
		vm_end(vm, true, "halted with interrupts off");
	else
		console_flush(vm);
}

static void handle_interrupt(u32 vector)
{
	interrupt_end(vector);
	if (vector == VECTOR_IRQ + HOST_COM1 || vector == VECTOR_IRQ + HOST_COM2)
		console_input();
}

void exits_handle(struct vm *vm, u64 clock)
{
	struct exit *x = &vm->exit;

	vm->exits[x->kind]++;
	switch (x->kind) {
	case EXIT_PORT:
		handle_port(vm, clock);
		break;
	case EXIT_STRING:
		handle_string(vm, clock);
		break;
	case EXIT_MMIO:
		handle_mmio(vm, clock);
		break;
	case EXIT_HALT:
		handle_halt(vm);
		break;
	case EXIT_INTERRUPT:
		handle_interrupt(x->value);
		break;
	case EXIT_YIELD:
	case EXIT_INTR_WINDOW: /* the scheduler looks for interrupts before it runs the machine again */
		break;
	case EXIT_FPU_ERROR:
		platform_fpu_error(&vm->platform);
		break;
	case EXIT_SHUTDOWN:
	case EXIT_UNSUPPORTED:
		vm_kill(vm, "%s", x->reason);
		break;
	default:
		panic("an engine returned exit kind %u", x->kind);
	}
}
