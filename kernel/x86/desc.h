/*
 * Segment descriptors, gates, selectors and the task-state segment. Source: SDM 3A 3.4.5, 5.8.3,
 * 6.11, 7.2.1.
 *
 *   31          24 23  22 21 20 19      16 15 14 13 12 11     8 7            0
 *  +--------------+---+--+--+--+----------+--+-----+--+--------+--------------+
 *  | base 31:24   | G |DB| L|AV| lim 19:16| P| DPL | S|  type  | base 23:16   |  high
 *  +--------------+---+--+--+--+----------+--+-----+--+--------+--------------+
 *  |           base 15:0                  |          limit 15:0               |  low
 *  +--------------------------------------+-----------------------------------+
 */
#pragma once

#include "base/types.h"

struct descriptor {
	u32 low;
	u32 high;
};

_Static_assert(sizeof(struct descriptor) == 8, "a descriptor is two words");

/*
 * A segment's attributes: bits 23:8 of a descriptor's high word, as LAR and an SVM control block
 * hold them, limit bits zero.
 */
#define ATTR_TYPE      0x000fu
#define ATTR_ACCESSED  0x0001u
#define ATTR_WRITABLE  0x0002u /* data */
#define ATTR_READABLE  0x0002u /* code */
#define ATTR_EXPAND    0x0004u /* data: expand-down */
#define ATTR_CONFORM   0x0004u /* code: conforming */
#define ATTR_CODE      0x0008u
#define ATTR_S         0x0010u /* 1: code or data, 0: system */
#define ATTR_DPL       0x0060u
#define ATTR_DPL_SHIFT 5
#define ATTR_P         0x0080u
#define ATTR_AVL       0x1000u
#define ATTR_L         0x2000u
#define ATTR_DB        0x4000u
#define ATTR_G         0x8000u

/* System types (SDM 3A table 3-2). */
enum system_type {
	TYPE_TSS16 = 0x1,
	TYPE_LDT = 0x2,
	TYPE_TSS16_BUSY = 0x3,
	TYPE_CALL_GATE16 = 0x4,
	TYPE_TASK_GATE = 0x5,
	TYPE_INTERRUPT_GATE16 = 0x6,
	TYPE_TRAP_GATE16 = 0x7,
	TYPE_TSS32 = 0x9,
	TYPE_TSS32_BUSY = 0xb,
	TYPE_CALL_GATE32 = 0xc,
	TYPE_INTERRUPT_GATE32 = 0xe,
	TYPE_TRAP_GATE32 = 0xf,
};

#define SELECTOR_RPL   3u
#define SELECTOR_TI    4u
#define SELECTOR_INDEX 0xfff8u

static inline u32 descriptor_base(struct descriptor d)
{
	return d.low >> 16 | (d.high & 0xff) << 16 | (d.high & 0xff000000);
}

/* The limit in bytes, that is, the last valid offset of a segment that does not expand down. */
static inline u32 descriptor_limit(struct descriptor d)
{
	u32 limit = (d.low & 0xffff) | (d.high & 0xf0000);

	return d.high & 1u << 23 ? limit << 12 | 0xfff : limit;
}

static inline u32 descriptor_attr(struct descriptor d)
{
	return d.high >> 8 & 0xf0ff;
}

/* Takes a limit in bytes; where ATTR_G is set the low twelve bits must be ones and are dropped. */
static inline struct descriptor descriptor_make(u32 base, u32 limit, u32 attr)
{
	if (attr & ATTR_G)
		limit >>= 12;
	return (struct descriptor){
		.low = base << 16 | (limit & 0xffff),
		.high = (base & 0xff000000) | (attr & 0xf0ff) << 8 | (limit & 0xf0000) |
			(base >> 16 & 0xff),
	};
}

/* An interrupt or trap gate, or a call gate. `type` from enum system_type. */
static inline struct descriptor gate_make(u16 selector, u32 offset, unsigned type, unsigned dpl)
{
	return (struct descriptor){
		.low = (u32)selector << 16 | (offset & 0xffff),
		.high = (offset & 0xffff0000) | ATTR_P << 8 | (dpl << ATTR_DPL_SHIFT | type) << 8,
	};
}

static inline u16 gate_selector(struct descriptor d)
{
	return d.low >> 16;
}

static inline u32 gate_offset(struct descriptor d)
{
	return (d.high & 0xffff0000) | (d.low & 0xffff);
}

/* What LGDT, LIDT, SGDT and SIDT move (SDM 3A 3.5.1). */
struct table_register {
	u16 limit;
	u32 base;
} __attribute__((packed));

_Static_assert(sizeof(struct table_register) == 6, "a limit of two bytes, a base of four");

/* The 32-bit task-state segment (SDM 3A figure 7-2). */
struct tss {
	u32 link;
	u32 esp0, ss0, esp1, ss1, esp2, ss2;
	u32 cr3, eip, eflags;
	u32 gpr[8];
	u32 sreg[6];
	u32 ldt;
	u16 trap, io_map;
};

_Static_assert(sizeof(struct tss) == 104, "SDM 3A figure 7-2");
_Static_assert(offsetof(struct tss, cr3) == 28, "SDM 3A figure 7-2");
_Static_assert(offsetof(struct tss, gpr) == 40, "SDM 3A figure 7-2");
_Static_assert(offsetof(struct tss, ldt) == 96, "SDM 3A figure 7-2");
_Static_assert(offsetof(struct tss, io_map) == 102, "SDM 3A figure 7-2");
