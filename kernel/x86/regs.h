/*
 * Registers of the architecture and the meaning of their bits. Source: SDM 1 3.4.3 (EFLAGS), SDM 3A
 * 2.5 (control registers).
 */
#pragma once

#include "base/types.h"

/* General registers, in the order that ModRM and PUSHA number them (SDM 2A table 2-2). */
enum gpr { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI, GPR_COUNT };

/* Segment registers, in the order that ModRM.reg numbers them (SDM 2A table 2-2). */
enum sreg { ES, CS, SS, DS, FS, GS, SREG_COUNT };

#define EFLAGS_CF    (1u << 0)
#define EFLAGS_FIXED (1u << 1) /* always one */
#define EFLAGS_PF    (1u << 2)
#define EFLAGS_AF    (1u << 4)
#define EFLAGS_ZF    (1u << 6)
#define EFLAGS_SF    (1u << 7)
#define EFLAGS_TF    (1u << 8)
#define EFLAGS_IF    (1u << 9)
#define EFLAGS_DF    (1u << 10)
#define EFLAGS_OF    (1u << 11)
#define EFLAGS_IOPL  (3u << 12)
#define EFLAGS_NT    (1u << 14)
#define EFLAGS_RF    (1u << 16)
#define EFLAGS_VM    (1u << 17)
#define EFLAGS_AC    (1u << 18)
#define EFLAGS_VIF   (1u << 19)
#define EFLAGS_VIP   (1u << 20)
#define EFLAGS_ID    (1u << 21)

#define EFLAGS_IOPL_SHIFT 12
#define EFLAGS_ARITH      (EFLAGS_CF | EFLAGS_PF | EFLAGS_AF | EFLAGS_ZF | EFLAGS_SF | EFLAGS_OF)
/* What ring 3 changes without asking: everything else is virtual, and the monitor's to keep. */
#define EFLAGS_USER (EFLAGS_ARITH | EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_AC | EFLAGS_ID)

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)

#define CR3_PWT (1u << 3)
#define CR3_PCD (1u << 4)

#define CR4_VME        (1u << 0)
#define CR4_PVI        (1u << 1)
#define CR4_TSD        (1u << 2)
#define CR4_DE         (1u << 3)
#define CR4_PSE        (1u << 4)
#define CR4_PAE        (1u << 5)
#define CR4_MCE        (1u << 6)
#define CR4_PGE        (1u << 7)
#define CR4_PCE        (1u << 8)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP       (1u << 11)
#define CR4_OSXSAVE    (1u << 18)
#define CR4_SMEP       (1u << 20)
#define CR4_SMAP       (1u << 21)

#define DR6_FIXED       0xffff0ff0u /* bits that read as one (SDM 3B 17.2.3) */
#define DR6_ZERO        (1u << 12)  /* and as zero */
#define DR6_BREAKPOINTS 0xfu        /* B0 to B3 */
#define DR6_BD          (1u << 13)
#define DR6_BS          (1u << 14)
#define DR7_FIXED       0x00000400u /* the same of DR7 (SDM 3B 17.2.4) */
#define DR7_ZERO        0x0000d800u
#define DR7_GD          (1u << 13)

/* Of breakpoint n: the bits that enable it, and what it watches (SDM 3B 17.2.4). */
#define DR7_ENABLE(n)  (3u << (2 * (n)))
#define DR7_RW(dr7, n) ((dr7) >> (16 + 4 * (n)) & 3)

/* Model-specific registers (SDM 4). */
#define MSR_TSC         0x10
#define MSR_PLATFORM_ID 0x17
#define MSR_MICROCODE   0x8b /* IA32_BIOS_SIGN_ID: the revision of what has been loaded */
#define MSR_EFER        0xc0000080u
