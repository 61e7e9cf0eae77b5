/* A machine's beginning and its end. */
#include "vmm/vm.h"

#include "base/check.h"
#include "base/printf.h"
#include "hw/memory.h"
#include "hw/timer.h"
#include "vmm/report.h"

struct vm *vms[VM_MAX];
unsigned vm_count;

static void *map_frame(struct gmem *mem, u32 gfn)
{
	return hw_map(hpa(mem->base.v + ((u64)gfn << PAGE_SHIFT)));
}

_Static_assert(HW_PINS / GMEM_PINS >= VM_MAX, "each machine has pins of its own");

static void *pin_frame(struct gmem *mem, unsigned number, u32 gfn)
{
	const struct vm *vm = (void *)((u8 *)mem - offsetof(struct vm, mem));

	return hw_pin(vm->index * GMEM_PINS + number, hpa(mem->base.v + ((u64)gfn << PAGE_SHIFT)));
}

static void transmit(void *vm, u8 byte)
{
	console_transmit(vm, byte);
}

static struct rtc_date current_date(void)
{
	struct wall_time t = timer_wall_time();

	return (struct rtc_date){
		.second = t.second,
		.minute = t.minute,
		.hour = t.hour,
		.day = t.day,
		.month = t.month,
		.year = t.year,
	};
}

/* Not cleared: no machine has had this memory before, and none gets it afterwards. */
static const char *give_memory(struct vm *vm, u32 bytes)
{
	struct gmem *mem = &vm->mem;

	if (!memory_allot(bytes, &mem->base))
		return "there is not so much memory left in one piece: ask for less (mem=), or "
		       "give QEMU more (-m)";
	mem->size = bytes;
	mem->map = map_frame;
	mem->pin = pin_frame;
	mem->watch = memory_pages(PAGE_COUNT(bytes >> PAGE_SHIFT)); /* a byte a frame */
	if (!mem->watch)
		return "the monitor's own memory is used up";
	gmem_make_rom(mem);
	return NULL;
}

struct vm *vm_create(const char *name, u32 memory, const struct engine *engine, const char **why)
{
	struct platform_config config = {.date = current_date(), .memory = memory};
	struct vm *vm;

	*why = NULL;
	if (vm_count == VM_MAX) {
		*why = "there are 16 machines already, and no room for more";
		return NULL;
	}
	vm = memory_pages(PAGE_COUNT(sizeof *vm));
	if (!vm) {
		*why = "the monitor's own memory is used up";
		return NULL;
	}
	*why = give_memory(vm, memory);
	if (*why)
		return NULL;

	print_to(vm->name, sizeof vm->name, "%s", name);
	vm->index = vm_count;
	vm->engine = engine;
	config.owner = vm;
	config.transmit = config.debug = transmit;
	platform_init(&vm->platform, &config);
	vcpu_reset(&vm->vcpu, &vm->mem);
	*why = vm->engine->attach(&vm->vcpu);
	if (*why)
		return NULL;
	vms[vm_count++] = vm;
	return vm;
}

u64 vm_clock(const struct vm *vm)
{
	return timer_now() - vm->vcpu.clock_zero;
}

void vm_stop_clock(struct vm *vm, u64 clock)
{
	vm->stopped_clock = clock;
	vm->state = VM_READY;
}

void vm_wake(struct vm *vm)
{
	if (vm->state == VM_HALTED)
		vm_stop_clock(vm, vm_clock(vm));
}

/* The last look at an engine's structures: what is broken there is the monitor's fault. */
static void audit(struct vm *vm)
{
	const char *broken = vm->engine->audit(&vm->vcpu);

	if (broken)
		panic("%s: the engine's structures break a rule: %s", vm->name, broken);
}

void vm_end(struct vm *vm, bool well, const char *how)
{
	audit(vm);
	console_flush(vm);
	vm->state = VM_ENDED;
	vm->ended_well = well;
	console_say("%s %s", vm->name, how);
	report_meter(vm);
	console_focus();
}

void vm_kill(struct vm *vm, const char *reason, ...)
{
	char text[240];
	va_list args;

	va_start(args, reason);
	format_text(text, sizeof text, reason, args);
	va_end(args);
	audit(vm);
	console_flush(vm);
	vm->state = VM_ENDED;
	console_say("%s was stopped: %s", vm->name, text);
	report_machine(vm);
	report_meter(vm);
	console_focus();
}
