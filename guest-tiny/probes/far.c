/*
 * Far jumps, calls and returns: to another segment, to user mode, and to selectors that will not
 * do.
 */
#include "probe.h"

#define CODE_2      0x30
#define CONFORMING  0x38
#define NOT_PRESENT 0x40

SNIPPET(jump_code_2, VALUE "ljmp $0x30, $1f; 1: int3");
SNIPPET(jump_conforming, VALUE "ljmp $0x38, $1f; 1: int3");
SNIPPET(jump_back, VALUE "ljmp $0x08, $1f; 1: nop");
SNIPPET(jump_null, VALUE "ljmp $0, $1f; 1: nop");
SNIPPET(jump_data, VALUE "ljmp $0x10, $1f; 1: nop");
SNIPPET(jump_user, VALUE "ljmp $0x1b, $1f; 1: nop");
SNIPPET(jump_user_rpl_0, VALUE "ljmp $0x18, $1f; 1: nop");
SNIPPET(jump_absent, VALUE "ljmp $0x40, $1f; 1: nop");
SNIPPET(jump_beyond, VALUE "ljmp $0xfff8, $1f; 1: nop");
SNIPPET(jump_memory, VALUE "ljmp *far_pointer");
SNIPPET(call_and_return,
	VALUE "lcall $0x30, $1f; incl %eax; ljmp $0x08, $2f; 1: incl %eax; lret; 2: nop");
SNIPPET(call_memory, VALUE "lcall *far_pointer; incl %eax");
SNIPPET(return_8, VALUE "movl %esp, %edx; pushl $1; pushl $2; pushl $8; pushl $1f; lret $8; "
			"1: subl %esp, %edx; addl %edx, %eax");
SNIPPET(return_null, VALUE "pushl $0; pushl $1f; lret; 1: nop");
SNIPPET(return_data, VALUE "pushl $0x10; pushl $1f; lret; 1: nop");
SNIPPET(return_absent, VALUE "pushl $0x40; pushl $1f; lret; 1: nop");
SNIPPET(return_user,
	VALUE "pushl $0x23; pushl $user_stack + 4096; pushl $0x1b; pushl $1f; lret; 1: int3");
SNIPPET(return_user_bad_stack,
	VALUE "pushl $0x10; pushl $0; pushl $0x1b; pushl $1f; lret; 1: int3");
SNIPPET(iret_same, VALUE "pushl $2; pushl $8; pushl $1f; iret; 1: nop");
SNIPPET(iret_null, VALUE "pushl $2; pushl $0; pushl $1f; iret; 1: nop");
SNIPPET(iret_data, VALUE "pushl $2; pushl $0x10; pushl $1f; iret; 1: nop");
SNIPPET(iret_absent, VALUE "pushl $2; pushl $0x40; pushl $1f; iret; 1: nop");
SNIPPET(iret_bad_stack,
	VALUE "pushl $0x2b; pushl $0; pushl $2; pushl $0x1b; pushl $1f; iret; 1: int3");
SNIPPET(iret_null_stack,
	VALUE "pushl $0; pushl $0; pushl $2; pushl $0x1b; pushl $1f; iret; 1: int3");
SNIPPET(user_jump_kernel, VALUE "ljmp $0x08, $1f; 1: nop");
SNIPPET(user_jump_task, VALUE "ljmp $0x28, $1f; 1: nop");
SNIPPET(user_call_ldt, VALUE "lcall $0x07, $1f; 1: nop");
SNIPPET(user_jump_self, VALUE "ljmp $0x1b, $1f; 1: incl %eax");
SNIPPET(user_call_self, VALUE "lcall $0x1b, $1f; jmp 2f; 1: incl %eax; lret; 2: incl %eax");
SNIPPET(user_return_kernel, VALUE "pushl $0x08; pushl $1f; lret; 1: nop");
SNIPPET(user_iret_self, VALUE "pushl $2; pushl $0x1b; pushl $1f; iret; 1: incl %eax");
SNIPPET(user_iret_kernel, VALUE "pushl $2; pushl $0x08; pushl $1f; iret; 1: nop");
SNIPPET(far_target, VALUE "int3");
SNIPPET(far_callee, "incl %eax; lret");

extern struct {
	u32 offset;
	u16 selector;
} __attribute__((packed)) far_pointer;
typeof(far_pointer) far_pointer;

static void try_jumps(void)
{
	try_kernel("jump", jump_code_2);
	try_kernel("jump to conforming", jump_conforming);
	try_kernel("jump within", jump_back);
	try_kernel("jump null", jump_null);
	try_kernel("jump data", jump_data);
	try_kernel("jump user", jump_user);
	try_kernel("jump user, rpl 0", jump_user_rpl_0);
	try_kernel("jump absent", jump_absent);
	try_kernel("jump beyond", jump_beyond);
	far_pointer.offset = (u32)far_target;
	far_pointer.selector = CODE_2;
	try_kernel("jump by memory", jump_memory);
}

static void try_returns(void)
{
	try_kernel("call", call_and_return);
	far_pointer.offset = (u32)far_callee;
	far_pointer.selector = KERNEL_CODE;
	try_kernel("call by memory", call_memory);
	try_kernel("return 8", return_8);
	try_kernel("return null", return_null);
	try_kernel("return data", return_data);
	try_kernel("return absent", return_absent);
	try_kernel("return to user", return_user);
	try_kernel("return to user, kernel stack", return_user_bad_stack);
	try_kernel("iret", iret_same);
	try_kernel("iret null", iret_null);
	try_kernel("iret data", iret_data);
	try_kernel("iret absent", iret_absent);
	try_kernel("iret, stack a tss", iret_bad_stack);
	try_kernel("iret, stack null", iret_null_stack);
}

static void try_in_user_mode(void)
{
	try_user("user jump to kernel", user_jump_kernel);
	try_user("user jump to a task", user_jump_task);
	try_user("user call into no ldt", user_call_ldt);
	try_user("user jump", user_jump_self);
	try_user("user call", user_call_self);
	try_user("user return to kernel", user_return_kernel);
	try_user("user iret", user_iret_self);
	try_user("user iret to kernel", user_iret_kernel);
}

PROBE(far)
{
	segment_set(CODE_2, 0, ~0u, ATTR_KERNEL_CODE);
	segment_set(CONFORMING, 0, ~0u, ATTR_KERNEL_CODE | ATTR_CONFORM);
	segment_set(NOT_PRESENT, 0, ~0u, ATTR_KERNEL_CODE & ~ATTR_P);
	lldt(0);
	PROBE_STOP(1);
	task.tss.esp0 = (u32)stack_top - 4096; /* for what arrives from user mode unplanned */
	try_jumps();
	try_returns();
	try_in_user_mode();
}
