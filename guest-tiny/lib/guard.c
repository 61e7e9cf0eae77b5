/* The C half of guard.h: keeps what a trap looked like. */
#include "guard.h"

#include "base/string.h"
#include "guard_stack.h"
#include "insn.h"
#include "segment.h"
#include "x86/regs.h"

u8 user_stack[PAGE_SIZE] PAGE_ALONE;
u32 guard_user_esp = (u32)user_stack + sizeof user_stack;
u32 guard_user_eflags = EFLAGS_FIXED;

static struct outcome last;
static trap_handler syscall;

static void trapped(struct frame *f)
{
	u32 bytes = frame_from_user(f) ? sizeof *f : offsetof(struct frame, esp);

	last.trapped = true;
	last.cr2 = cr2_get();
	last.frame_at = (u32)f;
	memcpy(&last.frame, f, bytes);
	guard_unwind(0);
}

static void on_syscall(struct frame *f)
{
	if (f->eax == SYSCALL_LEAVE)
		guard_unwind(f->ebx);
	syscall(f);
}

void guard_set_syscall(trap_handler handler)
{
	syscall = handler;
}

void guard_leave(u32 value)
{
	guard_unwind(value);
}

static void begin(void)
{
	memset(&last, 0, sizeof last);
	trap_set_default(trapped);
}

static struct outcome finish(u32 value)
{
	trap_set_default(NULL);
	last.value = value;
	return last;
}

struct outcome guard_kernel(u32 (*code)(void))
{
	begin();
	return finish(guard_call(code));
}

struct outcome guard_user(u32 (*code)(void))
{
	begin();
	trap_gate(SYSCALL_VECTOR, TYPE_INTERRUPT_GATE32, 3);
	trap_set(SYSCALL_VECTOR, on_syscall);
	return finish(guard_call_user(code, guard_user_esp, guard_user_eflags));
}
