/* The small library under every program: its first instruction, the system calls, text. */
#include "user.h"

#include "base/printf.h"
#include "base/string.h"

NORETURN void _start(const char *argument);

/* The kernel starts a program here, with `argument` on its stack as a caller would leave it. */
void _start(const char *argument)
{
	exit(main(argument));
}

int syscall(enum syscall number, u32 a, u32 b, u32 c)
{
	int result;

	asm volatile("int %1"
		     : "=a"(result)
		     : "i"(SYSCALL_VECTOR), "a"(number), "b"(a), "c"(b), "d"(c)
		     : "memory");
	return result;
}

void exit(int status)
{
	syscall(SYS_EXIT, status, 0, 0);
	__builtin_unreachable();
}

int read_line(char *buffer, u32 bytes)
{
	return syscall(SYS_READ, (u32)buffer, bytes, 0);
}

void sleep_ticks(u32 ticks)
{
	syscall(SYS_SLEEP, ticks, 0, 0);
}

void *heap_grow(u32 bytes)
{
	int address = syscall(SYS_GROW, bytes, 0, 0);

	return address < 0 ? NULL : (void *)address;
}

int run(const char *command)
{
	return syscall(SYS_RUN, (u32)command, strlen(command), 0);
}

int wait(int pid)
{
	return syscall(SYS_WAIT, pid, 0, 0);
}

int kill(int pid)
{
	return syscall(SYS_KILL, pid, 0, 0);
}

bool process_info(u32 slot, struct process_info *info)
{
	return syscall(SYS_PROCESS, slot, (u32)info, 0) == 1;
}

struct system_info system_info(void)
{
	struct system_info info;

	syscall(SYS_SYSTEM, (u32)&info, 0, 0);
	return info;
}

void halt(void)
{
	syscall(SYS_HALT, 0, 0, 0);
}

bool disk_read(u32 sector, void *buffer)
{
	return syscall(SYS_DISK_READ, sector, (u32)buffer, 0) == 0;
}

bool disk_write(u32 sector, const void *buffer)
{
	return syscall(SYS_DISK_WRITE, sector, (u32)buffer, 0) == 0;
}

void print(const char *format, ...)
{
	char text[160];
	va_list args;
	u32 length;

	va_start(args, format);
	length = format_text(text, sizeof text, format, args);
	va_end(args);
	syscall(SYS_WRITE, (u32)text, length, 0);
}

u32 number(const char *text, u32 otherwise)
{
	u32 value = 0;

	if (*text < '0' || *text > '9')
		return otherwise;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (*text - '0');
	return value;
}
