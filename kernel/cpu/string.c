/*
 * String instructions. Each iteration is an instruction of its own in all but its bytes: it is
 * committed before the next begins, while EIP stays until the last, so that a fault, a device or an
 * interrupt between two of them loses nothing (SDM 2B, REP; SDM 1 7.3.9.1).
 *
 *   source       seg:[eSI], DS unless overridden        eSI and eDI move by the operand size,
 *   destination  ES:[eDI], never overridden             down if EFLAGS.DF
 */
#include "cpu/alu.h"
#include "cpu/instructions.h"
#include "cpu/privileged.h"

/* Iterations done before interrupts get their chance again. */
#define STRING_BATCH 256

static u32 index_of(const struct vcpu *v, const struct insn *i, enum gpr reg)
{
	return access_get_reg(v, reg, i->addr_size);
}

static void advance(struct vcpu *v, const struct insn *i, enum gpr reg)
{
	unsigned size = opcode_size(i);
	u32 distance = v->eflags & EFLAGS_DF ? -size : size;

	access_set_reg(v, reg, i->addr_size, index_of(v, i, reg) + distance);
}

static enum step read_source(struct vcpu *v, struct emulation *e, u32 *value)
{
	const struct insn *i = &e->insn;

	return access_read(v, e, i->seg, index_of(v, i, ESI), opcode_size(i), value);
}

static enum step read_destination(struct vcpu *v, struct emulation *e, u32 *value)
{
	const struct insn *i = &e->insn;

	return access_read(v, e, ES, index_of(v, i, EDI), opcode_size(i), value);
}

static enum step probe_destination(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;

	return access_probe_write(v, e, ES, index_of(v, i, EDI), opcode_size(i));
}

static enum step write_destination(struct vcpu *v, struct emulation *e, u32 value)
{
	const struct insn *i = &e->insn;

	TRY(access_write(v, e, ES, index_of(v, i, EDI), opcode_size(i), value));
	advance(v, i, EDI);
	return STEP_DONE;
}

/* The destination is probed before the source is read, which may be a device: it is read once. */
static enum step movs(struct vcpu *v, struct emulation *e)
{
	u32 value;

	TRY(probe_destination(v, e));
	TRY(read_source(v, e, &value));
	TRY(write_destination(v, e, value));
	advance(v, &e->insn, ESI);
	return STEP_DONE;
}

static enum step lods(struct vcpu *v, struct emulation *e)
{
	u32 value;

	TRY(read_source(v, e, &value));
	access_set_reg(v, EAX, opcode_size(&e->insn), value);
	advance(v, &e->insn, ESI);
	return STEP_DONE;
}

/* CMPS compares the source with the destination, SCAS the accumulator. */
static enum step compare(struct vcpu *v, struct emulation *e, bool scan)
{
	unsigned size = opcode_size(&e->insn);
	u32 a = access_get_reg(v, EAX, size), b;

	if (!scan)
		TRY(read_source(v, e, &a));
	TRY(read_destination(v, e, &b));
	alu_binary(ALU_CMP, &v->eflags, size, a, b);
	if (!scan)
		advance(v, &e->insn, ESI);
	advance(v, &e->insn, EDI);
	return STEP_DONE;
}

/* As for MOVS: a byte that a port has given cannot be given back. */
static enum step ins(struct vcpu *v, struct emulation *e)
{
	unsigned size = opcode_size(&e->insn);
	u32 value;

	TRY(cpu_io_allowed(v, v->gpr[EDX], size));
	TRY(probe_destination(v, e));
	TRY(access_port_in(v, e, v->gpr[EDX], size, &value));
	return write_destination(v, e, value);
}

/* The processor asks for permission at every iteration, and so do we (SDM 2B, OUTS). */
static enum step outs(struct vcpu *v, struct emulation *e)
{
	unsigned size = opcode_size(&e->insn);
	u32 value;

	TRY(cpu_io_allowed(v, v->gpr[EDX], size));
	TRY(read_source(v, e, &value));
	TRY(access_port_out(v, e, v->gpr[EDX], size, value));
	advance(v, &e->insn, ESI);
	return STEP_DONE;
}

static bool is_port_string(const struct insn *i)
{
	return (i->opcode & ~3u) == 0x6c;
}

/*
 * REP INS and REP OUTS upwards: what lies in one page of RAM goes by one exit instead of one for each
 * value. All that could fault has been checked, so the registers move on now, and the data follow before
 * anybody looks. STEP_DONE: nothing has happened, the next value goes alone.
 */
static enum step port_run(struct vcpu *v, struct emulation *e, u32 left)
{
	const struct insn *i = &e->insn;
	bool out = i->opcode & 2;
	enum gpr index = out ? ESI : EDI;
	u32 offset = index_of(v, i, index), count;
	unsigned size = opcode_size(i);
	struct exit run = {.kind = EXIT_STRING, .write = out, .size = size, .port = v->gpr[EDX]};

	if (v->eflags & (EFLAGS_TF | EFLAGS_DF) || i->addr_size != 4 || e->answers)
		return STEP_DONE;
	TRY(cpu_io_allowed(v, run.port, size));
	count = access_run(v, out ? i->seg : ES, offset, size, left, !out, &run.address);
	if (!count)
		return STEP_DONE;
	run.value = count;
	*e->exit = run;
	access_set_reg(v, index, i->addr_size, offset + count * size);
	access_set_reg(v, ECX, i->addr_size, left - count);
	if (count == left)
		emulation_next(v, e);
	return STEP_EXIT;
}

static enum step iterate(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode & ~1u) {
	case 0x6c:
		return ins(v, e);
	case 0x6e:
		return outs(v, e);
	case 0xa4:
		return movs(v, e);
	case 0xa6:
		return compare(v, e, false);
	case 0xaa:
		return write_destination(v, e, access_get_reg(v, EAX, opcode_size(&e->insn)));
	case 0xac:
		return lods(v, e);
	case 0xae:
		return compare(v, e, true);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}

/* Only CMPS and SCAS look at ZF; to the others both prefixes mean REP. */
static bool comparison_ends(const struct vcpu *v, const struct insn *i)
{
	bool compares = (i->opcode & ~9u) == 0xa6;

	return compares && !(v->eflags & EFLAGS_ZF) == (i->rep == REP_E);
}

enum step emulate_string(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;

	if (i->rep == REP_NONE) {
		TRY(iterate(v, e));
		return emulation_next(v, e);
	}
	/* A program that is stepped through stops after each iteration (SDM 3B 17.3.1.4). */
	unsigned batch = v->eflags & EFLAGS_TF ? 1 : STRING_BATCH;

	for (unsigned n = 0; n < batch; n++) {
		u32 count = index_of(v, i, ECX);

		if (count == 0)
			return emulation_next(v, e);
		if (is_port_string(i))
			TRY(port_run(v, e, count));
		TRY(iterate(v, e));
		access_set_reg(v, ECX, i->addr_size, count - 1);
		e->answers = e->used = 0; /* the devices of this iteration are done with */
		if (count == 1 || comparison_ends(v, i))
			return emulation_next(v, e);
		/* An interrupt comes between two iterations, and finds EIP here (SDM 2B REP). */
		if (e->effects & EFFECT_OUT || (v->intr && vcpu_interruptible(v)))
			break;
	}
	return STEP_DONE;
}
