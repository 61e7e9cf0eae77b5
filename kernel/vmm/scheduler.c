/*
 * Round robin. A machine keeps the real CPU until its quantum is over, it halts, or it ends.
 *
 * One clock a machine, from which its TSC, PIT and RTC all derive:
 *
 *              runs       ready, another runs       runs       halted      runs
 *   real    |----------|.......................|----------|------------|---------->
 *   machine |----------|                       |----------|------------|---------->
 *                      ^ stopped_clock          ^ clock_zero moves, so that it goes on from there
 *
 * So a machine sees no gap and loses no tick, however many others there are. A halted machine's
 * clock runs on; if its time to wake comes while another runs, it stops at that very moment.
 */
#include "vmm/scheduler.h"

#include "hw/interrupt.h"
#include "hw/timer.h"
#include "hw/trap.h"
#include "vmm/exits.h"
#include "vmm/trace.h"

static struct vm *current;
static struct hw_mark loop_mark;
static u64 alarm = NEVER; /* when the real timer rings */

/* A turn of a machine that nobody waits for: the loop's other affairs want it now and then. */
#define ALONE (NS_PER_SECOND / 2)

struct vm *scheduler_current(void)
{
	return current;
}

void scheduler_abandon(void)
{
	hw_unwind(&loop_mark, 1);
}

/*
 * Halted machines whose time has come are ready from then on. The deadline was computed when the
 * machine halted: nothing but a key changes its devices while it is halted.
 */
static u64 wake_sleepers(void)
{
	u64 now = timer_now(), next = NEVER;

	for (unsigned i = 0; i < vm_count; i++) {
		struct vm *vm = vms[i];

		if (vm->state != VM_HALTED)
			continue;
		if (vm->wake <= now)
			vm_stop_clock(vm, vm->wake - vm->vcpu.clock_zero);
		else
			next = MIN(next, vm->wake);
	}
	return next;
}

/*
 * After any real interrupt `alarm` is NEVER, so that it is set anew: it may just have rung, and
 * sooner than asked for (timer_alarm), by a clock that does not quite agree with this one.
 */
static void set_alarm(u64 when, u64 now)
{
	if (when >= alarm && alarm > now)
		return;
	alarm = when;
	timer_alarm(when);
}

/* The first ready machine after the one that ran last. */
static struct vm *pick(unsigned *turn)
{
	for (unsigned i = 0; i < vm_count; i++) {
		unsigned next = (*turn + i) % vm_count;

		if (vms[next]->state == VM_READY) {
			*turn = next + 1;
			return vms[next];
		}
	}
	return NULL;
}

static bool any_alive(void)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (vms[i]->state != VM_ENDED)
			return true;
	return false;
}

/* Interrupts come between instructions: not while one waits for the answer of a device. */
static bool in_instruction(const struct vm *vm)
{
	return vm->exit.kind == EXIT_MMIO || (vm->exit.kind == EXIT_PORT && !vm->exit.write);
}

/*
 * Lets the devices catch up with the machine's clock, `now`, and the processor see the interrupt
 * pin. Returns the real time at which they want to be looked at again.
 */
static u64 update_devices(struct vm *vm, u64 now)
{
	struct vcpu *v = &vm->vcpu;
	u64 deadline;

	platform_advance(&vm->platform, now);
	v->intr = platform_interrupt_pending(&vm->platform);
	if (v->intr && vcpu_interruptible(v) && !in_instruction(vm)) {
		v->event = (struct event){.kind = EVENT_EXTERNAL,
			.vector = platform_interrupt_acknowledge(&vm->platform, now)};
		v->intr = platform_interrupt_pending(&vm->platform);
	}
	deadline = platform_deadline(&vm->platform);
	return deadline == NEVER ? NEVER : v->clock_zero + deadline;
}

/* A machine that nobody waits for is not interrupted for the others' sake. */
static bool is_alone(const struct vm *vm)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (vms[i] != vm && vms[i]->state != VM_ENDED)
			return false;
	return true;
}

/* One turn of one machine. */
static void run_turn(struct vm *vm, u64 quantum)
{
	u64 now = timer_now(), end = now + (is_alone(vm) ? ALONE : quantum);

	current = vm;
	vm->vcpu.clock_zero = now - vm->stopped_clock;
	while (vm->state == VM_READY && now < end) {
		u64 deadline = update_devices(vm, now - vm->vcpu.clock_zero);

		if (vm->vcpu.halted && vm->vcpu.event.kind == EVENT_NONE) {
			vm->state = VM_HALTED;
			vm->wake = deadline;
			break;
		}
		set_alarm(MIN(end, deadline), now);
		vm->engine->run(&vm->vcpu, &vm->exit);
		if (vm->exit.kind == EXIT_INTERRUPT)
			alarm = NEVER;
		trace_exit(vm);
		now = timer_now();
		exits_handle(vm, now - vm->vcpu.clock_zero);
	}
	if (vm->state == VM_READY)
		vm_stop_clock(vm, vm_clock(vm));
	current = NULL;
}

/* More than one interrupt may have come at once, so the keyboard is always looked at. */
static void idle(u64 until)
{
	set_alarm(until, timer_now());
	interrupt_wait();
	alarm = NEVER;
	console_input();
}

void scheduler_run(u64 quantum)
{
	/* Static: what is in a register when scheduler_abandon() comes back is not defined. */
	static unsigned turn;

	if (hw_mark(&loop_mark))
		current = NULL;
	while (any_alive()) {
		u64 next = wake_sleepers();
		struct vm *vm = pick(&turn);

		if (vm)
			run_turn(vm, quantum);
		else
			idle(next);
	}
}
