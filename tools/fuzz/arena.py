"""Where programs live: guest-tiny/fuzz/arena.h has the same numbers, and a picture."""

PAGE = 4096

CODE, CODE_AGAIN, OTHER = 0x800000, 0x810000, 0x820000
DATA, STACK, INNER_STACK = 0x840000, 0x850000, 0x860000
USER, USER_STACK, TABLE, LDT, GDT = 0x861000, 0x862000, 0x870000, 0x871000, 0x872000
CODE_FRAMES, OTHER_FRAMES, DATA_FRAMES, DIRECTORY_FRAME = 0xC00000, 0xC04000, 0xC08000, 0xC24000

STACK_TOP = STACK + 16 * PAGE
GUARD = INNER_STACK + 0x400
KEPT_ESP = INNER_STACK + 0x410  # of the kernel, while a program is in user mode

READ_ONLY, USER_DATA = DATA + 3 * PAGE, DATA + 6 * PAGE
ABSENT = (DATA + 5 * PAGE, DATA + 7 * PAGE)

END_VECTOR, CALL_VECTOR, RETURN_VECTOR = 0x81, 0x82, 0x84
KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA_SELECTOR = 0x08, 0x10, 0x1B, 0x23
CODE_TOO, DATA_TOO = 0x88, 0x90  # flat as well

# Selectors of the GDT, and of the LDT, which holds 38 to b8 from 4 on.
GLOBAL = [0x08, 0x10, 0x18, 0x20, 0x28, 0x30, *range(0x38, 0xC0, 8)]
LOCAL = [4 + 8 * n for n in range(17)]
NEVER = [0, 1, 2, 3, 0xC0, 0x1F8, 0x1000, 0xFFF8, 0xFF80, 0xFF88, 0xFF90, 0xFFA8, 0xFFFC, 0x84 + 0x40]
LOADABLE = [0x10, 0x40, 0x80, 0x90, 0x23, 0x83, 0x4 + 8, 0x4 + 8 * 9, 0x4 + 8 * 11]

PTE_P, PTE_W, PTE_U, PTE_A, PTE_D = 1, 2, 4, 0x20, 0x40


def entry(linear: int) -> int:
    """Where the page table's entry for an address lies."""
    return TABLE + (linear >> 12 & 0x3FF) * 4
