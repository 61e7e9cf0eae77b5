/* Processes: an address space, a kernel stack and a place in the round. */
#include "os.h"

#include "base/printf.h"
#include "base/string.h"
#include "insn.h"
#include "machine.h"
#include "segment.h"
#include "x86/regs.h"

/*
 * The top of a new process's kernel stack, as if it had been interrupted before its first
 * instruction and had then called switch_stack().
 */
struct first_stack {
	u32 edi, esi, ebx, ebp;
	void (*back)(void);
	struct frame frame;
};

void trap_return(void);
void switch_stack(u32 **save, u32 *load);

struct process processes[PROCESS_MAX] = {
	{.state = RUNNING, .command = "idle"},
};
struct process *current = processes;

static u8 stacks[PROCESS_MAX][PAGE_SIZE] __attribute__((aligned(16)));
static u32 last_pid;

static u8 *stack_end(const struct process *p)
{
	return stacks[p - processes + 1];
}

/* The next free slot after the last one taken: so an ended process's status is kept for a while. */
static struct process *find_free(void)
{
	static u32 last;

	for (u32 i = 1; i < PROCESS_MAX; i++) {
		u32 slot = (last + i - 1) % (PROCESS_MAX - 1) + 1;

		if (processes[slot].state == FREE) {
			last = slot;
			return &processes[slot];
		}
	}
	return NULL;
}

/* The argument at the top of the user stack, and below it a call of _start(argument). */
static bool make_user_stack(struct process *p, u32 *esp)
{
	char *argument = (char *)(USER_END - COMMAND_MAX);
	u32 *call = (u32 *)argument - 2;
	const char *from = p->command + strlen(p->program->name);

	space_switch(p->directory);
	if (space_touch(p, (u32)argument, true)) {
		while (*from == ' ')
			from++;
		memcpy(argument, from, strlen(from) + 1);
		call[1] = (u32)argument;
		*esp = (u32)call;
	}
	space_switch(current->directory);
	return *esp;
}

static void make_kernel_stack(struct process *p, u32 esp)
{
	struct first_stack *first = (struct first_stack *)stack_end(p) - 1;

	*first = (struct first_stack){
		.back = trap_return,
		.frame =
			{
				.es = USER_DATA,
				.ds = USER_DATA,
				.eip = program_entry(p->program),
				.cs = USER_CODE,
				.eflags = EFLAGS_FIXED | EFLAGS_IF,
				.esp = esp,
				.ss = USER_DATA,
			},
	};
	p->kernel_esp = (u32 *)first;
}

struct process *process_run(const char *command)
{
	const struct program *program = program_find(command);
	struct process *p = find_free();
	u32 esp = 0;

	if (!program || !p)
		return NULL;
	*p = (struct process){.program = program, .directory = space_create()};
	print_to(p->command, sizeof p->command, "%s", command);
	p->heap = p->heap_end = ALIGN_UP(program_end(program), PAGE_SIZE);
	if (!p->directory)
		return NULL;
	if (!make_user_stack(p, &esp)) {
		space_destroy(p->directory);
		return NULL;
	}
	make_kernel_stack(p, esp);
	p->pid = ++last_pid;
	p->state = READY;
	return p;
}

struct process *process_find(u32 pid)
{
	for (struct process *p = processes + 1; p < processes + PROCESS_MAX; p++)
		if (pid && p->pid == pid)
			return p;
	return NULL;
}

/* The next slot after the current one that is ready; the idle loop only if there is none. */
static struct process *next_ready(void)
{
	u32 from = current - processes;

	for (u32 i = 1; i <= PROCESS_MAX; i++) {
		u32 slot = (from + i) % PROCESS_MAX;

		if (slot && processes[slot].state == READY)
			return &processes[slot];
	}
	return processes;
}

void process_yield(void)
{
	struct process *before = current;

	if (before->state == RUNNING)
		before->state = READY;
	current = next_ready();
	current->state = RUNNING;
	if (current == before)
		return;
	/* Where the processor puts its next frame when it comes from user mode (SDM 3A 6.12.1). */
	task.tss.esp0 = (u32)stack_end(current);
	space_switch(current->directory);
	switch_stack(&before->kernel_esp, current->kernel_esp);
}

void process_block(const void *what, const char *word)
{
	current->state = BLOCKED;
	current->waits_for = what;
	current->waits_as = word;
	process_yield();
}

void process_wake(const void *what)
{
	for (struct process *p = processes; p < processes + PROCESS_MAX; p++)
		if (p->state == BLOCKED && p->waits_for == what)
			p->state = READY;
}

void process_end(struct process *p, int status)
{
	if (p == current)
		space_switch(NULL);
	space_destroy(p->directory);
	p->state = FREE;
	p->status = status;
	process_wake(p);
	if (p->pid == FIRST_PID) {
		print("tinyos: the first process has ended, and with it the system\n");
		machine_end(1);
	}
	if (p == current)
		process_yield();
}

void process_idle(void)
{
	for (;;) {
		process_yield();
		sti_hlt();
		cli();
	}
}
