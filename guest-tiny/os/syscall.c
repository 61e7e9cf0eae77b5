/* The system calls, one function each, and the table that INT 0x80 goes through (abi.h). */
#include "os.h"

#include "base/printf.h"
#include "base/string.h"
#include "machine.h"

typedef int (*call)(u32 a, u32 b, u32 c);

static int sys_exit(u32 status, u32 b, u32 c)
{
	process_end(current, status);
	return 0;
}

static int sys_write(u32 text, u32 bytes, u32 c)
{
	if (!space_touch_range(current, text, bytes, false))
		return -1;
	for (u32 i = 0; i < bytes; i++)
		serial_put(((const char *)text)[i]);
	return bytes;
}

static int sys_read(u32 buffer, u32 bytes, u32 c)
{
	if (!bytes || !space_touch_range(current, buffer, bytes, true))
		return -1;
	return console_read((char *)buffer, bytes);
}

static int sys_sleep(u32 ticks, u32 b, u32 c)
{
	clock_sleep(ticks);
	return 0;
}

/* Only the border moves: frames come when the pages are touched. */
static int sys_grow(u32 bytes, u32 b, u32 c)
{
	u32 old = current->heap_end;

	if (bytes > HEAP_END - old)
		return -1;
	current->heap_end += ALIGN_UP(bytes, 16);
	return old;
}

static int sys_run(u32 command, u32 bytes, u32 c)
{
	char text[COMMAND_MAX];
	struct process *p;

	if (bytes >= sizeof text || !space_touch_range(current, command, bytes, false))
		return -1;
	memcpy(text, (const char *)command, bytes);
	text[bytes] = 0;
	p = process_run(text);
	return p ? (int)p->pid : -1;
}

static int sys_wait(u32 pid, u32 b, u32 c)
{
	struct process *p = process_find(pid);

	if (!p)
		return -1;
	console_foreground(pid);
	while (p->pid == pid && p->state != FREE)
		process_block(p, "waiting");
	console_foreground(0);
	return p->pid == pid ? p->status : -1;
}

static int sys_kill(u32 pid, u32 b, u32 c)
{
	struct process *p = process_find(pid);

	if (!p || p->state == FREE || pid == FIRST_PID)
		return -1;
	process_end(p, STATUS_KILLED);
	return 0;
}

static int sys_process(u32 slot, u32 info, u32 c)
{
	static const char *const names[] = {[READY] = "ready", [RUNNING] = "running"};
	struct process_info *to = (struct process_info *)info;
	const struct process *p;

	if (slot >= PROCESS_MAX || !space_touch_range(current, info, sizeof *to, true))
		return -1;
	p = &processes[slot];
	if (p->state == FREE)
		return 0;
	to->pid = p->pid;
	to->ticks = p->ticks;
	print_to(to->name, sizeof to->name, "%s", p->program ? p->program->name : p->command);
	print_to(to->state, sizeof to->state, "%s",
		p->state == BLOCKED ? p->waits_as : names[p->state]);
	return 1;
}

static int sys_system(u32 info, u32 b, u32 c)
{
	struct system_info *to = (struct system_info *)info;

	if (!space_touch_range(current, info, sizeof *to, true))
		return -1;
	to->ticks = clock_ticks();
	to->frames_free = ram_frames_free();
	to->frames_used = ram_frames() - to->frames_free;
	return 0;
}

static int sys_halt(u32 a, u32 b, u32 c)
{
	print("tinyos: power off\n");
	machine_end(0);
}

static int sys_disk_read(u32 sector, u32 buffer, u32 c)
{
	if (!space_touch_range(current, buffer, SECTOR, true))
		return -1;
	return disk_read(sector, (void *)buffer) ? 0 : -1;
}

static int sys_disk_write(u32 sector, u32 buffer, u32 c)
{
	if (!space_touch_range(current, buffer, SECTOR, false))
		return -1;
	return disk_write(sector, (const void *)buffer) ? 0 : -1;
}

static const call calls[SYS_COUNT] = {
	[SYS_EXIT] = sys_exit,
	[SYS_WRITE] = sys_write,
	[SYS_READ] = sys_read,
	[SYS_SLEEP] = sys_sleep,
	[SYS_GROW] = sys_grow,
	[SYS_RUN] = sys_run,
	[SYS_WAIT] = sys_wait,
	[SYS_KILL] = sys_kill,
	[SYS_PROCESS] = sys_process,
	[SYS_SYSTEM] = sys_system,
	[SYS_HALT] = sys_halt,
	[SYS_DISK_READ] = sys_disk_read,
	[SYS_DISK_WRITE] = sys_disk_write,
};

static void on_syscall(struct frame *f)
{
	static bool first = true;

	if (first) {
		first = false;
		print("[ok] system calls: number %u came through INT 0x80\n", f->eax);
	}
	f->eax = f->eax < SYS_COUNT ? calls[f->eax](f->ebx, f->ecx, f->edx) : -1;
}

void syscall_init(void)
{
	trap_set(SYSCALL_VECTOR, on_syscall);
	/* DPL 3: programs may call it (SDM 3A 6.12.1.2). */
	trap_gate(SYSCALL_VECTOR, TYPE_INTERRUPT_GATE32, 3);
}
