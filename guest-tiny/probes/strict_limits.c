/*
 * Far transfers to offsets that the code segment does not have: #GP(0), and nothing has happened yet
 * (SDM 2A JMP, CALL, RET, IRET, INT n). TCG looks at the limit for JMP alone, so the expected lines
 * are all the manual's.
 */
#include "probe/known.h"

#define CODE   FREE_SELECTOR /* both end with the byte at limit_last */
#define U_CODE (FREE_SELECTOR + 8)

extern u8 limit_last[];
asm(".text; .balign 4096; .skip 4095; .global limit_last; limit_last: .byte 0xcc; .text");

KNOWN(jump_within, "ljmp $0x30, $limit_last");
KNOWN(jump_beyond, "ljmp $0x30, $limit_last + 1");
KNOWN(call_beyond, "lcall $0x30, $limit_last + 2");
KNOWN(return_beyond, "pushl $0x30; pushl $limit_last + 1; lret");
KNOWN(return_within, "pushl $0x30; pushl $limit_last; lret");
KNOWN(iret_beyond, "pushl $0x46; pushl $0x30; pushl $limit_last + 1; iret");
KNOWN(iret_to_user,
	"pushl $0x23; pushl $user_stack + 4096; pushl $0x46; pushl $0x3b; pushl $limit_last + 1; iret");
KNOWN(by_gate, "int $0x42");
KNOWN(user_jump, "ljmp $0x3b, $limit_last + 1");

/* Where INT3 at the last byte was, for what gets there. */
static void try_within(const char *what, u32 (*code)(void))
{
	struct outcome o = guard_kernel(code);

	print("%s: vector %u eip %d cs %x\n", what, o.frame.vector, o.frame.eip - (u32)limit_last,
		o.frame.cs);
}

PROBE(strict_limits)
{
	segment_set(CODE, 0, (u32)limit_last, ATTR_KERNEL_CODE);
	segment_set(U_CODE, 0, (u32)limit_last, ATTR_USER_CODE);
	idt[0x42] = gate_make(CODE, (u32)limit_last + 1, TYPE_INTERRUPT_GATE32, 3);
	known_init();
	try_within("jump within", jump_within);
	try_within("return within", return_within);
	known_kernel("jump beyond", jump_beyond);
	known_kernel("call beyond", call_beyond);
	known_kernel("return beyond", return_beyond);
	known_kernel("iret beyond", iret_beyond);
	known_kernel("iret to user, beyond", iret_to_user);
	known_kernel("by a gate", by_gate);
	known_user("user jump", user_jump);
	known_user("user, by a gate", by_gate);
}
