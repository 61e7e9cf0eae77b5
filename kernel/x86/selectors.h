/*
 * Where the monitor keeps its own descriptors: at the top of every real GDT, since guests number
 * theirs from the bottom. The same selectors serve in every machine's table and in the monitor's.
 *
 *   0x0000             ...            0xff80                                    0xfff8
 *   | the guest's, promoted            | code data TSS #DF LDT  stand-ins  translation's |
 */
#pragma once

#define GDT_ENTRIES 8192

#define SELECTOR_MONITOR     0xff80 /* the first of them */
#define SELECTOR_CODE        0xff80
#define SELECTOR_DATA        0xff88
#define SELECTOR_TSS         0xff90
#define SELECTOR_DF_TSS      0xff98 /* the task of the monitor's own double fault */
#define SELECTOR_LDT         0xffa0
#define SELECTOR_STAND_IN    0xffa8 /* six, one for each segment register */
#define SELECTOR_XLATE_CODE  0xffd8 /* a code cache, for ring 3; in kernel tables alone */
#define SELECTOR_XLATE_STATE 0xffe0 /* what translated code reaches through GS */

#define DESCRIPTOR_INDEX(selector) ((selector) >> 3)

#ifndef __ASSEMBLER__
#include "x86/regs.h"

_Static_assert(SELECTOR_STAND_IN + SREG_COUNT * 8 <= SELECTOR_XLATE_CODE, "they fit");
#endif
