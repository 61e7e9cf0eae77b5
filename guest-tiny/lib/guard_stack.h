/* The assembly half of guard.h, guard_stack.S: calls that can be left from any depth. */
#pragma once

#include "base/types.h"

/* Calls `code` and returns its value, or that of guard_unwind(). Calls may be nested. */
u32 guard_call(u32 (*code)(void));
/*
 * The same in user mode: sets TSS.esp0 below this call's own frame and IRETs to `code` with that
 * stack and those EFLAGS.
 */
u32 guard_call_user(u32 (*code)(void), u32 esp, u32 eflags);
NORETURN void guard_unwind(u32 value);
