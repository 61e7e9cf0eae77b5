/*
 * What every probe needs. A probe is a kernel that does one thing and says what it sees, a line
 * each:
 *
 *   key: value
 *   end: PROBE-NAME HASH
 *
 * What it says on the bare machine is the reference for what it says in the cave. Values come from
 * SECRET wherever they can, which the build gives, so that only a machine that works can know them.
 */
#pragma once

#include "base/types.h"
#include "guard.h"
#include "insn.h"
#include "machine.h"
#include "pic.h"
#include "segment.h"
#include "trap.h"
#include "x86/regs.h"

#ifndef SECRET
#define SECRET 0x5eed1234
#endif

/* PROBE(name) { ... } is a whole probe. */
#define PROBE(name)                                              \
	static void probe_##name(const struct multiboot_info *); \
	void guest_main(const struct multiboot_info *info)       \
	{                                                        \
		probe_##name(info);                              \
		probe_end(#name);                                \
	}                                                        \
	static void probe_##name(const struct multiboot_info *info)

/* A value that depends on SECRET and n alone: 32 well-mixed bits. */
u32 secret(u32 n);

/* The number after NAME= in the guest's command line, or `otherwise`. */
u32 probe_option(const struct multiboot_info *, const char *name, u32 otherwise);

/* The last line, then a good end of the machine. */
NORETURN void probe_end(const char *name);

/*
 * A place where a grader stops the machine and looks at it from outside: the global label stop_N.
 */
#define PROBE_STOP(n) asm volatile(".global stop_" #n "\nstop_" #n ": nop" : : : "memory")

/*
 * A function in assembly, u32 name(void), so that the place of a fault is known to the byte: `code`
 * begins at `name`. It may change EAX, ECX and EDX. SECRET_TEXT is SECRET for it.
 */
#define SNIPPET(name, code) \
	u32 name(void);     \
	asm(".text; .global " #name "; .align 16\n" #name ": " code "; ret")
#define TEXT(x)     #x
#define TEXT_OF(x)  TEXT(x)
#define SECRET_TEXT TEXT_OF(SECRET)
/* How most snippets begin: five bytes, so that what follows is at +5. */
#define VALUE "movl $" SECRET_TEXT ", %eax; "

/* What a probe says of saved flags; the arithmetic ones depend on the compiler. */
#define FLAGS_SHOWN (EFLAGS_TF | EFLAGS_IF | EFLAGS_IOPL | EFLAGS_NT)

/*
 * One line on what became of a snippet: vector, error code, EIP as an offset into it, CS, the saved
 * flags, EAX; CR2 if it is a page fault; SS and ESP (from the top of user_stack) if it was in user
 * mode.
 */
void report(const char *what, u32 (*code)(void), const struct outcome *);
/* guard_kernel() or guard_user(), and the line. */
struct outcome try_kernel(const char *what, u32 (*code)(void));
struct outcome try_user(const char *what, u32 (*code)(void));
