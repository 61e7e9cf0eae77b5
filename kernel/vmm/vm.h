/* A machine: a virtual CPU, its memory, its devices, and where it stands in the scheduler. */
#pragma once

#include "cpu/exit.h"
#include "cpu/vcpu.h"
#include "dev/platform.h"
#include "engine/engine.h"
#include "vmm/console.h"
#include "vmm/disk.h"

#define VM_MAX  16u
#define VM_NAME 16u

enum vm_state {
	VM_READY,  /* has something to do */
	VM_HALTED, /* waits for an interrupt */
	VM_ENDED,
};

struct vm {
	char name[VM_NAME];
	unsigned index;
	enum vm_state state;
	bool ended_well;

	struct vcpu vcpu;
	const struct engine *engine;
	struct exit exit; /* the last one, with the vmm's answer */
	u32 exits[EXIT_KIND_COUNT];

	struct gmem mem;
	struct platform platform;
	struct disk disk; /* if the platform has one attached */
	struct console_line line;

	/*
	 * The machine's clock, in nanoseconds. It advances while the machine runs or halts, and stops
	 * here while it is ready but another one runs (vmm/scheduler.c).
	 */
	u64 stopped_clock;
	u64 wake; /* VM_HALTED: the real nanosecond at which a device needs it */
};

/* Every machine that was ever started, in the order of the modules. */
extern struct vm *vms[VM_MAX];
extern unsigned vm_count;

/*
 * Makes a machine with `memory` bytes of RAM, whose processor is reset. NULL, and one sentence in
 * *why, if it cannot be.
 */
struct vm *vm_create(const char *name, u32 memory, const struct engine *, const char **why);

/* The machine has ended by itself. `how`: "powered off", say. */
void vm_end(struct vm *, bool well, const char *how);

/* The guest is wrong: its machine stops with a report, the others go on. */
PRINTF_LIKE(2, 3) void vm_kill(struct vm *, const char *reason, ...);

/* The machine's clock now. It must be the one that runs, or halted. */
u64 vm_clock(const struct vm *);

/* It is ready but does not run: its clock stands at `clock` until it does. */
void vm_stop_clock(struct vm *, u64 clock);

/* Something has happened that the processor of a halted machine should look at. */
void vm_wake(struct vm *);
