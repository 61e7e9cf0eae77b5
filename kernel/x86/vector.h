/* Exceptions and their error codes. Source: SDM 3A 6.3 table 6-1, 6.13. */
#pragma once

#include "base/types.h"

enum vector {
	VECTOR_DE = 0,  /* divide error */
	VECTOR_DB = 1,  /* debug */
	VECTOR_NMI = 2, /* non-maskable interrupt */
	VECTOR_BP = 3,  /* INT3 */
	VECTOR_OF = 4,  /* INTO */
	VECTOR_BR = 5,  /* BOUND */
	VECTOR_UD = 6,  /* invalid opcode */
	VECTOR_NM = 7,  /* no FPU available */
	VECTOR_DF = 8,  /* double fault, error code 0 */
	VECTOR_CSO = 9, /* coprocessor segment overrun, 386 only */
	VECTOR_TS = 10, /* invalid TSS, error code */
	VECTOR_NP = 11, /* segment not present, error code */
	VECTOR_SS = 12, /* stack fault, error code */
	VECTOR_GP = 13, /* general protection, error code */
	VECTOR_PF = 14, /* page fault, error code */
	VECTOR_MF = 16, /* x87 floating point */
	VECTOR_AC = 17, /* alignment check, error code 0 */
	VECTOR_MC = 18, /* machine check */
	VECTOR_XM = 19, /* SIMD floating point */
	VECTOR_EXTERNAL = 32,
	VECTOR_COUNT = 256,
};

/* Exceptions that push an error code. */
#define VECTORS_WITH_ERROR                                                                         \
	(1u << VECTOR_DF | 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_SS | 1u << VECTOR_GP | \
		1u << VECTOR_PF | 1u << VECTOR_AC)

/* The low bits of an error code that names a selector (SDM 3A figure 6-7). */
#define ERROR_EXT (1u << 0) /* while an event from outside the program was delivered */
#define ERROR_IDT (1u << 1) /* the index is one of the IDT */
#define ERROR_TI  (1u << 2) /* the index is one of the LDT */

/* The error code of a page fault (SDM 3A figure 4-12). */
#define PF_PRESENT  (1u << 0) /* 0: not present, 1: a protection violation */
#define PF_WRITE    (1u << 1)
#define PF_USER     (1u << 2)
#define PF_RESERVED (1u << 3)
#define PF_FETCH    (1u << 4) /* only where NX or SMEP is on: never for our guests */
