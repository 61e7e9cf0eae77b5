/*
 * An interrupt at every instruction. A piece of code is stepped once, which tells every state that it
 * can be in; then it runs again and again, and a timer that is set a little later each time interrupts
 * it: registers, flags and EIP in the frame must be one of those states, never one that only a monitor
 * has seen. The same once more with steps on, none of which may be lost.
 */
#pragma once

#include "probe.h"

/* The assembly knows these names. */
extern u32 phase_flags, phase_result, phase_esp, phase_words[8];
extern u8 phase_stack[4096];

/* Where the code begins, behind what gives it the same registers and the same stack in every run. */
#define PHASE_LOOP 56
#define PHASE_MOST 128 /* bytes, with the end */
#define PHASE_BEGIN                                                                            \
	"pushal; movl %esp, phase_esp; movl $phase_stack + 4096, %esp; movl $3, %ebx;"         \
	"movl $4, %edx; movl $5, %ebp; movl $phase_words, %esi; movl $phase_words + 12, %edi;" \
	"movl $6, %ecx; " VALUE "pushl phase_flags; popfl; "
#define PHASE_END "pushl $2; popfl; movl phase_esp, %esp; movl %eax, phase_result; popal"

/* Code of the kernel, with interrupts on from its start; ECX is 6.  */
#define PHASES(name, code) SNIPPET(name, PHASE_BEGIN "sti; nop; " code "; cli; " PHASE_END)
/* Of a user program. */
#define USER_PHASES(name, code) SNIPPET(name, PHASE_BEGIN "nop; nop; " code "; " PHASE_END)

/* Handlers and the timer. `verbose`: say too how many states the interrupts have found. */
void phases_init(bool verbose);

/* The code's result in EAX; then what went wrong, if anything, in all its runs. */
void phases_try(const char *what, u32 (*code)(void), bool user);
/* Without steps, but with breakpoints 0 (on an instruction) and 1 (on data) that each run hits so often. */
void phases_try_breakpoints(const char *what, u32 (*code)(void), unsigned hits);
