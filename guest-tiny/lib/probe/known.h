/*
 * Code that begins with known registers and flags, and a report that names only what it has changed
 * of them: an instruction that faults must leave everything as it found it (SDM 3A 6.6).
 *
 *   KNOWN(store, "movl %eax, (%ebx)")
 *   known_kernel("store", store);		"store: vector 14 error 2 eip +50 cs 8 flags 8d7 cr2 ..."
 */
#pragma once

#include "probe.h"

/* What EBX, ESI and EDI hold at the start, and what ESP held then: the assembly knows these names. */
extern u32 known_pointer, known_esp;

#define KNOWN_ECX  3
#define KNOWN_EDX  0x3ff /* a port where nobody minds */
#define KNOWN_EBP  0x0b0b0b0b
#define KNOWN_DONE 0x41 /* the vector that the code ends with */

/* As SNIPPET; `code` begins at +50, with EAX = SECRET and the flags OF SF ZF AF PF CF. */
#define KNOWN(name, code)                                                         \
	SNIPPET(name, "movl %esp, known_esp; pushl $0x8d7; popfl;" VALUE          \
		      "movl $3, %ecx; movl $0x3ff, %edx; movl $0x0b0b0b0b, %ebp;" \
		      "movl known_pointer, %ebx; movl known_pointer, %esi;"       \
		      "movl known_pointer, %edi;" code "; int $0x41")

/* Once, before the first of them in user mode. */
void known_init(void);

/*
 * Runs the code and says in a line how it ended: in a vector as report() says it, or `done`; all
 * flags; and the registers that are not as they were. EIP is an
 * offset into the code, ESP one from where it was, as long as they are near.
 */
struct outcome known_kernel(const char *what, u32 (*code)(void));
struct outcome known_user(const char *what, u32 (*code)(void));
