/* Why an engine gave a virtual CPU back: the one record that travels from engine/ to vmm/. */
#pragma once

#include "base/types.h"

enum exit_kind {
	EXIT_NONE,
	EXIT_PORT,        /* IN: answer in `value`, run again. OUT: the instruction is complete */
	EXIT_MMIO,        /* an access to what is not RAM: answer in `value`, run again */
	EXIT_STRING,      /* REP INS, OUTS: `value` times `port`, with RAM at `address` */
	EXIT_HALT,        /* HLT */
	EXIT_INTERRUPT,   /* the real machine interrupted: `value` is the vector */
	EXIT_INTR_WINDOW, /* the guest can take the interrupt that vcpu->intr announces */
	EXIT_YIELD,       /* nothing, but for some time nobody has looked at the time */
	EXIT_FPU_ERROR,   /* an unmasked FPU exception of a guest with CR0.NE clear: IRQ 13 */
	EXIT_SHUTDOWN,    /* triple fault */
	EXIT_UNSUPPORTED, /* the engine cannot go on: `reason` says what and why */
	EXIT_KIND_COUNT,
};

struct exit {
	enum exit_kind kind;
	bool write;
	u8 size;            /* bytes: 1, 2 or 4 */
	u16 port;           /* EXIT_PORT, EXIT_STRING */
	gpa_t address;      /* EXIT_MMIO; EXIT_STRING: all of it lies in one page */
	u32 value;          /* what is written; or, filled in by the vmm, what was read */
	const char *reason; /* EXIT_UNSUPPORTED, EXIT_SHUTDOWN: one clear sentence */
};
