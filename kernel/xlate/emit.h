/*
 * Machine code, byte by byte: the few instructions that translations are made of. Source: SDM 2A
 * chapter 2 and the pages of the instructions.
 *
 * `gs:` is struct xlate_state; its fields are named by their offset. ECX is the one register that a
 * translation borrows: it is in gs:ecx meanwhile.
 */
#pragma once

#include "xlate/xlate.h"

struct emitter {
	u8 *at;      /* where the next byte is written */
	u32 address; /* where ring 3 will find it */
};

#define STATE(field) ((u32)offsetof(struct xlate_state, field))

static inline void emit8(struct emitter *e, u8 byte)
{
	*e->at++ = byte;
	e->address++;
}

static inline void emit32(struct emitter *e, u32 value)
{
	__builtin_memcpy(e->at, &value, sizeof value); /* one store, aligned or not */
	e->at += sizeof value;
	e->address += sizeof value;
}

static inline void emit_bytes(struct emitter *e, const u8 *bytes, unsigned count)
{
	while (count--)
		emit8(e, *bytes++);
}

/* OPCODE r, gs:field, with ModRM.reg = `reg`: a displacement alone is mod 0, rm 5 (table 2-2). */
static inline void emit_state(struct emitter *e, u8 opcode, unsigned reg, u32 field)
{
	emit8(e, 0x65);
	emit8(e, opcode);
	emit8(e, reg << 3 | 5);
	emit32(e, field);
}

static inline void emit_save_ecx(struct emitter *e)
{
	emit_state(e, 0x89, ECX, STATE(ecx)); /* MOV gs:ecx, ECX */
}

static inline void emit_restore_ecx(struct emitter *e)
{
	emit_state(e, 0x8b, ECX, STATE(ecx));
}

/* MOV gs:field, imm32 */
static inline void emit_set_state(struct emitter *e, u32 field, u32 value)
{
	emit_state(e, 0xc7, 0, field);
	emit32(e, value);
}

static inline void emit_push(struct emitter *e, u32 value)
{
	emit8(e, 0x68);
	emit32(e, value);
}

#define HLT 0xf4

static inline void emit_hlt(struct emitter *e)
{
	emit8(e, HLT);
}

/* The displacement of a jump to `target`, at the end of the jump. */
static inline void emit_displacement(struct emitter *e, u32 target)
{
	emit32(e, target - (e->address + 4));
}

static inline void emit_jmp(struct emitter *e, u32 target)
{
	emit8(e, 0xe9);
	emit_displacement(e, target);
}

/*
 * Short forward jumps (JMP eb, JECXZ e3, Jcc 70-7f): emit_short() leaves the distance open,
 * emit_here() fills it in.
 */
static inline u8 *emit_short(struct emitter *e, u8 opcode)
{
	emit8(e, opcode);
	emit8(e, 0);
	return e->at;
}

static inline void emit_here(struct emitter *e, u8 *after_jump)
{
	after_jump[-1] = e->at - after_jump;
}
