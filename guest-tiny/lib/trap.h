/*
 * Exceptions, interrupts and system calls: all of them come to one C function with one picture of
 * the stack.
 */
#pragma once

#include "base/types.h"
#include "x86/desc.h"
#include "x86/vector.h"

/* What entry.S and the processor have pushed, lowest address first. */
struct frame {
	u32 edi, esi, ebp, esp_of_pushal, ebx, edx, ecx, eax;
	u32 es, ds;
	u32 vector;
	u32 error; /* 0 where the vector has none */
	u32 eip, cs, eflags;
	u32 esp, ss; /* pushed by the processor only if it came from user mode: frame_from_user() */
};

static inline bool frame_from_user(const struct frame *f)
{
	return f->cs & SELECTOR_RPL;
}

/* A handler may change the frame: what it leaves there is what IRET returns to. */
typedef void (*trap_handler)(struct frame *);

#define IDT_ENTRIES 256
extern struct descriptor idt[PAGE_SIZE / sizeof(struct descriptor)]; /* a page; the rest is zeros */

/*
 * Loads an IDT of interrupt gates with DPL 0, each leading to its handler, or to the default one.
 */
void trap_init(void);

/* NULL takes a handler away. */
void trap_set(unsigned vector, trap_handler);
/*
 * For whatever has no handler of its own. NULL: print the registers and end the machine with status
 * 1.
 */
void trap_set_default(trap_handler);

/* Rewrites one gate, for another type (enum system_type) or DPL. */
void trap_gate(unsigned vector, enum system_type, unsigned dpl);

/*
 * Where the stub of a vector begins, for gates made by hand; the stubs are TRAP_STUB_BYTES apart.
 */
#define TRAP_STUB_BYTES 16
extern u8 trap_stubs[];
