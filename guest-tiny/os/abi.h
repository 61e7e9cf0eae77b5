/*
 * What the kernel and its programs have agreed on: the system calls, and where a program lies.
 *
 * INT 0x80: EAX holds the number, EBX, ECX and EDX the arguments; the result comes back in EAX.
 */
#pragma once

#include "base/types.h"

#define SYSCALL_VECTOR 0x80

/* A negative result means no; pointers are checked by the kernel before it uses them. */
enum syscall {
	SYS_EXIT,      /* (status): does not return */
	SYS_WRITE,     /* (text, bytes): to the console, in one piece */
	SYS_READ,      /* (buffer, bytes): waits for a line; its length, the newline not counted */
	SYS_SLEEP,     /* (ticks) */
	SYS_GROW,      /* (bytes): more heap; its address, as sbrk of UNIX does */
	SYS_RUN,       /* ("program argument", bytes): starts it; its process number */
	SYS_WAIT,      /* (process number): waits for its end; its exit status */
	SYS_KILL,      /* (process number) */
	SYS_PROCESS,   /* (slot, struct process_info *): what `ps` shows; 1 if the slot is in use */
	SYS_SYSTEM,    /* (struct system_info *): what `mem` and `uptime` show */
	SYS_HALT,      /* powers the machine off */
	SYS_DISK_READ, /* (sector, buffer of SECTOR bytes) */
	SYS_DISK_WRITE, /* (sector, buffer) */
	SYS_COUNT,
};

#define TICKS_PER_SECOND 100u
#define SECTOR           512u
#define STATUS_KILLED    (-1)
#define COMMAND_MAX      160 /* bytes of a command line, the ending zero included */
#define NAME_MAX         16
#define PROCESS_MAX      16

struct process_info {
	u32 pid, ticks;
	char name[NAME_MAX], state[NAME_MAX];
};

struct system_info {
	u32 ticks, frames_used, frames_free;
};

/*
 * A process's address space. Nothing of it has a frame until it is touched.
 *
 *   0          1 MiB            RAM's end     1 GiB                                      2 GiB
 *   +--+-------+----------------+             +------+-----------+---------+   +----------+
 *   |  | low   | kernel, frames |             | code | data, bss | heap -> |   | <- stack |
 *   +--+-------+----------------+             +------+-----------+---------+   +----------+
 *    ^ page 0 is never mapped                   64 KiB of stack; the heap ends 16 MiB below 2 GiB
 *   |------- supervisor --------|             |----------------- user --------------------|
 */
#define USER_BASE   0x40000000u
#define USER_END    0x80000000u
#define STACK_LIMIT (64 * KIB)
#define HEAP_END    (USER_END - 16 * MIB)
