/*
 * What the files that emulate instructions share. Each file owns some rows of the opcode map (the
 * tables in emulate.c) and shows one handler here:
 *
 *   integer.c     arithmetic and logic        string.c      MOVS STOS LODS CMPS SCAS INS OUTS, REP
 *   bits.c        shifts, rotates, bits       fxstate.c     FXSAVE FXRSTOR
 *   move.c        MOV and what only moves     exchange.c    XCHG XADD CMPXCHG, with LOCK
 *   stack.c       PUSH POP ENTER LEAVE        transfer.c    far transfers, INT, segment registers
 *   branch.c      near jumps, calls           system.c      table and debug registers, MSRs, time
 *   privileged.c  what only a kernel may do, for students to write
 *
 * A handler has three parts, in this order, so that it can be stopped and begun again: it gets its
 * operands and makes sure that its write cannot fault; it writes memory or asks a device; it
 * changes registers and flags, and moves EIP on.
 */
#pragma once

#include "cpu/access.h"
#include "cpu/emulate.h"

/* Goes on if the call is done; otherwise the instruction stops here, with nothing changed. */
#define TRY(call)                         \
	do {                              \
		enum step step_ = (call); \
		if (step_ != STEP_DONE)   \
			return step_;     \
	} while (0)

typedef enum step (*handler)(struct vcpu *, struct emulation *);

enum step emulate_integer(struct vcpu *, struct emulation *);
enum step emulate_exchange(struct vcpu *, struct emulation *);
enum step emulate_bits(struct vcpu *, struct emulation *);
enum step emulate_move(struct vcpu *, struct emulation *);
enum step emulate_stack(struct vcpu *, struct emulation *);
enum step emulate_branch(struct vcpu *, struct emulation *);
enum step emulate_string(struct vcpu *, struct emulation *);
enum step emulate_fxstate(struct vcpu *, struct emulation *);
enum step emulate_privileged(struct vcpu *, struct emulation *);
enum step emulate_transfer(struct vcpu *, struct emulation *);

/*
 * The end of every instruction that does not jump: EIP moves on, and the resume flag is used up
 * (SDM 3B 17.3.1.1).
 */
static inline enum step emulation_next(struct vcpu *v, const struct emulation *e)
{
	v->eip += e->insn.length;
	v->eflags &= ~EFLAGS_RF;
	return STEP_DONE;
}

/* An exception of the instruction itself. */
static inline enum step emulation_fault(struct vcpu *v, enum vector vector, u32 error)
{
	vcpu_raise(v, vector, error);
	return STEP_FAULT;
}

/* For instructions that only virtual ring 0 may run: #GP(0) elsewhere (SDM 3A 5.9). */
static inline enum step privileged(struct vcpu *v)
{
	return v->cpl == 0 ? STEP_DONE : emulation_fault(v, VECTOR_GP, 0);
}

/* The operand size of the many opcodes whose lowest bit says: byte, or word and doubleword. */
static inline unsigned opcode_size(const struct insn *i)
{
	return i->opcode & 1 ? i->op_size : 1;
}

/*
 * The operand that ModRM.rm names, a register or memory. rm_modify() reads it and makes sure that
 * rm_write() cannot fault.
 */
enum step rm_read(struct vcpu *, struct emulation *, unsigned size, u32 *value);
enum step rm_modify(struct vcpu *, struct emulation *, unsigned size, u32 *value);
enum step rm_write(struct vcpu *, struct emulation *, unsigned size, u32 value);
