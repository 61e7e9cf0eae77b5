/*
 * A block under way, and what the files that translate instructions share. Each file owns some rows
 * of the opcode map (the tables in translate.c); the rest is copied.
 *
 *   flags.c      CLI STI PUSHF POPF: the virtual interrupt flag
 *   branch.c     near jumps, calls and returns: to other blocks
 *   segments.c   segment registers and VERW: what is real in ring 3, and what is not
 *   clock.c      RDTSC: the machine's clock, and the delay that kernels make by a port
 *
 * In each sequence the accesses to the guest's memory come while its registers are its own, so that
 * a fault leaves nothing half done. Where ECX or the flags are borrowed nothing can fault any more.
 */
#pragma once

#include "xlate/cache.h"

struct translation {
	struct emitter out;
	const struct xlate_source *from;
	struct xlate_block *block;
	struct insn insn;
	const u8 *bytes;       /* of the instruction */
	u8 crossing[INSN_MAX]; /* they lie here if it may cross into the next page */
	u32 eip;               /* its own, */
	u32 next;              /* and that of the one behind it */
	bool covers;           /* interrupts are to wait for the next one */
};

/* Whether the block goes on behind the instruction. */
enum flow { FLOW_ON, FLOW_END };

/* The instruction as it is. */
static inline enum flow translate_copy(struct translation *t)
{
	emit_bytes(&t->out, t->bytes, t->insn.length);
	return FLOW_ON;
}

/* A HLT: the engine does it, and comes back behind it. */
static inline enum flow translate_trap(struct translation *t)
{
	emit_hlt(&t->out);
	return FLOW_ON;
}

/* The same for what never goes on behind itself. */
static inline enum flow translate_trap_and_end(struct translation *t)
{
	emit_hlt(&t->out);
	return FLOW_END;
}

enum flow translate_cli(struct translation *);
enum flow translate_sti(struct translation *);
enum flow translate_pushf(struct translation *);
enum flow translate_popf(struct translation *);
enum flow translate_jump_if(struct translation *);
enum flow translate_loop(struct translation *);
enum flow translate_jump(struct translation *);
enum flow translate_call(struct translation *);
enum flow translate_ret(struct translation *);
enum flow translate_group_5(struct translation *);
enum flow translate_read_segment(struct translation *);
enum flow translate_load_segment(struct translation *);
enum flow translate_push_segment(struct translation *);
enum flow translate_pop_segment(struct translation *);
enum flow translate_group_6(struct translation *);
enum flow translate_rdtsc(struct translation *);
enum flow translate_out_immediate(struct translation *);

/* branch.c: a jump to a guest address that is known, at the end of a block. */
void translate_exit(struct translation *, u32 target);
/*
 * branch.c: the operand that ModRM.rm names, into ECX, by an opcode of `count` bytes in place of this
 * instruction's own, which has `old`.
 */
void translate_load(struct translation *, unsigned old, const u8 *opcode, unsigned count);
