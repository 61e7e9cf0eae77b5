/*
 * What a kernel's services cost, measured from a process under Linux: one static program without a
 * library, so that each number is the kernel's, the processor's and nobody else's.
 *
 *   measure NAME               one of the measures below, or `all`
 *   measure run NAME FILE ...  how long a program takes, from fork to wait
 *   measure now NAME           the time stamp counter as it is
 *
 * Each prints "measure NAME TICKS", in ticks of the time stamp counter: a nanosecond of virtual
 * time each, bare under -icount and in the cave, and an instruction takes 8.
 */
#include "base/printf.h"
#include "base/string.h"
#include "base/types.h"

/* Linux's numbers for system calls by INT 0x80: arch/x86/entry/syscalls/syscall_32.tbl */
enum call {
	CALL_EXIT = 1,
	CALL_FORK = 2,
	CALL_READ = 3,
	CALL_WRITE = 4,
	CALL_EXECVE = 11,
	CALL_PIPE = 42,
	CALL_GETPPID = 64,
	CALL_MUNMAP = 91,
	CALL_WAIT4 = 114,
	CALL_MMAP2 = 192,
};

#define PROT_READ_WRITE       3
#define MAP_PRIVATE_ANONYMOUS 0x22
#define SELF                  "/bin/measure"

void start(char **stack) __attribute__((noreturn));

/* A process begins with its argument count at ESP, the arguments above: System V ABI i386, 3.4.1 */
asm(".globl _start\n"
    "_start:\n"
    "	movl %esp, %eax\n"
    "	andl $-16, %esp\n"
    "	subl $12, %esp\n"
    "	pushl %eax\n"
    "	call start\n");

static char **environment;

static int call6(enum call number, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
{
	struct {
		u32 number, f;
	} in = {number, f};
	int result;

	/* The sixth argument goes in EBP, which the compiler may need for itself. */
	asm volatile("pushl %%ebp\n\t"
		     "movl 4(%%eax), %%ebp\n\t"
		     "movl (%%eax), %%eax\n\t"
		     "int $0x80\n\t"
		     "popl %%ebp"
		     : "=a"(result)
		     : "a"(&in), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory");
	return result;
}

static int call(enum call number, u32 a, u32 b, u32 c)
{
	int result;

	asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static u64 now(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void print(const char *format, ...)
{
	char line[120];
	va_list args;
	size_t length;

	va_start(args, format);
	length = format_text(line, sizeof line, format, args);
	va_end(args);
	call(CALL_WRITE, 1, (u32)line, length);
}

static void __attribute__((noreturn)) exit(int status)
{
	for (;;)
		call(CALL_EXIT, status, 0, 0);
}

/* A call that did not do its work would measure nothing. */
static u32 must(const char *what, int result)
{
	if (result < 0 && result > -4096) { /* -errno; an address above 2 GiB is negative, too */
		print("measure: %s: error %d\n", what, -result);
		exit(1);
	}
	return result;
}

static u32 fork(void)
{
	return must("fork", call(CALL_FORK, 0, 0, 0));
}

/* Waits for a child, which must have ended well. */
static void wait(void)
{
	u32 status = 0;

	must("wait", call6(CALL_WAIT4, -1, (u32)&status, 0, 0, 0, 0));
	if (status) {
		print("measure: a child ended with status %x\n", status);
		exit(1);
	}
}

static u32 map(u32 bytes)
{
	return must(
		"mmap", call6(CALL_MMAP2, 0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
}

static void unmap(u32 start, u32 bytes)
{
	must("munmap", call(CALL_MUNMAP, start, bytes, 0));
}

/* Writes a word to each page. */
static void touch(u32 start, u32 bytes)
{
	for (u32 page = start; page < start + bytes; page += PAGE_SIZE)
		*(volatile u32 *)page = page;
}

/* --- the measures ----------------------------------------------------------------------------- */

static void measure_getppid(void)
{
	for (int i = 0; i < 20000; i++)
		call(CALL_GETPPID, 0, 0, 0);
}

/* A byte to and fro between two processes: each round is two switches. */
static void measure_pingpong(void)
{
	u32 there[2], back[2];
	char byte = 0;

	must("pipe", call(CALL_PIPE, (u32)there, 0, 0));
	must("pipe", call(CALL_PIPE, (u32)back, 0, 0));
	if (fork() == 0) {
		for (int i = 0; i < 2000; i++) {
			must("read", call(CALL_READ, there[0], (u32)&byte, 1));
			must("write", call(CALL_WRITE, back[1], (u32)&byte, 1));
		}
		exit(0);
	}
	for (int i = 0; i < 2000; i++) {
		must("write", call(CALL_WRITE, there[1], (u32)&byte, 1));
		must("read", call(CALL_READ, back[0], (u32)&byte, 1));
	}
	wait();
}

static void measure_fork(void)
{
	for (int i = 0; i < 200; i++) {
		if (fork() == 0)
			exit(0);
		wait();
	}
}

/* This program again, which then does nothing. */
static void measure_exec(void)
{
	char *arguments[] = {SELF, "nothing", NULL};

	for (int i = 0; i < 100; i++) {
		if (fork() == 0)
			must("exec",
				call(CALL_EXECVE, (u32)SELF, (u32)arguments, (u32)environment));
		wait();
	}
}

static void measure_mmap(void)
{
	for (int i = 0; i < 3; i++) {
		u32 start = map(16 * MIB);

		touch(start, 16 * MIB);
		unmap(start, 16 * MIB);
	}
}

/* A child writes to each page that it shares with its parent. */
static void measure_cow(void)
{
	u32 start = map(4 * MIB);

	touch(start, 4 * MIB);
	for (int i = 0; i < 5; i++) {
		if (fork() == 0) {
			touch(start, 4 * MIB);
			exit(0);
		}
		wait();
	}
	unmap(start, 4 * MIB);
}

static void measure_touch60(void)
{
	u32 start = map(60 * MIB);

	touch(start, 60 * MIB);
	unmap(start, 60 * MIB);
}

/* The harmonic series; the kernel is not asked for anything. */
static void measure_fpu(void)
{
	u32 count = 3000000;

	asm volatile("fldz\n\t"
		     "fldz\n"
		     "1:	fld1\n\t"
		     "faddp\n\t" /* i += 1 */
		     "fld1\n\t"
		     "fdiv %%st(1)\n\t" /* 1 / i */
		     "faddp %%st, %%st(2)\n\t"
		     "decl %0\n\t"
		     "jnz 1b\n\t"
		     "fstp %%st(0)\n\t"
		     "fstp %%st(0)"
		     : "+r"(count)
		     :
		     : "cc");
}

static const struct measure {
	const char *name;
	void (*run)(void);
} measures[] = {
	{"getppid", measure_getppid},
	{"pingpong", measure_pingpong},
	{"fork", measure_fork},
	{"exec", measure_exec},
	{"mmap", measure_mmap},
	{"cow", measure_cow},
	{"touch60", measure_touch60},
	{"fpu", measure_fpu},
};

/* --- the command line ------------------------------------------------------------------------- */

/* Runs the measures of that name, or all: how many there were. */
static int run_measures(const char *name)
{
	int found = 0;

	for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++) {
		const struct measure *m = &measures[i];
		u64 before;

		if (strcmp(name, "all") && strcmp(name, m->name))
			continue;
		before = now();
		m->run();
		print("measure %s %llu\n", m->name, now() - before);
		found++;
	}
	return found;
}

static void run_program(const char *name, char **arguments)
{
	u64 before = now();

	if (fork() == 0)
		must("exec",
			call(CALL_EXECVE, (u32)arguments[0], (u32)arguments, (u32)environment));
	wait();
	print("measure %s %llu\n", name, now() - before);
}

void start(char **stack)
{
	u32 count = (u32)stack[0];
	char **arguments = stack + 1;

	environment = arguments + count + 1;
	if (count == 2 && !strcmp(arguments[1], "nothing"))
		exit(0);
	if (count == 3 && !strcmp(arguments[1], "now"))
		print("measure %s %llu\n", arguments[2], now());
	else if (count >= 4 && !strcmp(arguments[1], "run"))
		run_program(arguments[2], arguments + 3);
	else if (count != 2 || !run_measures(arguments[1])) {
		print("usage: measure NAME | run NAME FILE ARGUMENT... | now NAME\n");
		exit(2);
	}
	exit(0);
}
