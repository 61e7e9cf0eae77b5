/*
 * Runs a piece of code that may fault, in kernel or user mode, and tells what became of it.
 *
 *   struct outcome o = guard_kernel(snippet);
 *   if (o.trapped) ... o.frame.vector, o.frame.error, o.cr2 ...
 *
 * Whatever exception or interrupt without a handler of its own arrives meanwhile ends the code: the
 * stack goes back to where guard_kernel() was called. Interrupts are masked afterwards.
 */
#pragma once

#include "trap.h"

struct outcome {
	bool trapped;
	u32 value; /* what the code returned, if it was not trapped */
	u32 cr2;
	struct frame frame;
	u32 frame_at; /* where the frame was: which stack the processor used */
};

struct outcome guard_kernel(u32 (*code)(void));

/*
 * In user mode, on a stack of its own (one page, user_stack). Returning from `code` is INT 0x80
 * with EAX = 0.
 */
struct outcome guard_user(u32 (*code)(void));

extern u8 user_stack[PAGE_SIZE];

#define SYSCALL_VECTOR 0x80
#define SYSCALL_LEAVE  0 /* EBX: the value to return */

/* Handles every other system call of guarded user code. */
void guard_set_syscall(trap_handler);
/* Leaves the guarded code from within a handler. */
NORETURN void guard_leave(u32 value);

/*
 * What guard_user() starts user code with: at first the top of user_stack, and only the flag that
 * is always one.
 */
extern u32 guard_user_esp, guard_user_eflags;
