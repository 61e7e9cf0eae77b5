/*
 * Far transfers, software interrupts, and everything that loads or inspects a segment register:
 * the instructions that protected mode checks against descriptor tables.
 */
#include "cpu/alu.h"
#include "cpu/event.h"
#include "cpu/instructions.h"
#include "cpu/segment.h"

/* Gates and tasks as the target of a far JMP or CALL are refused, in one sentence. */
static enum step refuse_system(struct emulation *e)
{
	return emulation_unsupported(e,
		"a far jump or call through a gate or to a task: call gates "
		"and hardware task switching are not virtualized");
}

/* CS:EIP to a segment that was checked; `eip` must lie within it (SDM 3A 5.3). */
static enum step enter_segment(struct vcpu *v, struct emulation *e, struct segment *code, u32 eip)
{
	if (e->insn.op_size == 2)
		eip &= 0xffff;
	if (eip > code->limit)
		return emulation_fault(v, VECTOR_GP, 0);
	TRY(segment_mark(v, code));
	v->seg[CS] = *code;
	v->eip = eip;
	v->eflags &= ~EFLAGS_RF;
	e->effects |= EFFECT_SEGMENTS;
	return STEP_DONE;
}

/* A far pointer: an immediate (9A, EA), or memory (FF /3, FF /5, LDS and its like). */
static enum step read_pointer(struct vcpu *v, struct emulation *e, u32 *offset, u32 *selector)
{
	u32 at = access_offset(v, &e->insn);

	if (!e->insn.has_modrm) {
		*offset = e->insn.imm;
		*selector = e->insn.imm2;
		return STEP_DONE;
	}
	if (!e->insn.has_memory)
		return emulation_fault(v, VECTOR_UD, 0);
	TRY(access_read(v, e, e->insn.seg, at, e->insn.op_size, offset));
	return access_read(v, e, e->insn.seg, at + e->insn.op_size, 2, selector);
}

/* SDM 2A JMP, "Far jumps in protected mode". */
static enum step jump_far(struct vcpu *v, struct emulation *e)
{
	struct segment code;
	u32 offset, selector;

	TRY(read_pointer(v, e, &offset, &selector));
	TRY(segment_check_jump(v, selector, &code));
	if (!(code.attr & ATTR_S))
		return refuse_system(e);
	return enter_segment(v, e, &code, offset);
}

/* SDM 2A CALL, "Far calls in protected mode": CS and the next EIP are pushed. */
static enum step call_far(struct vcpu *v, struct emulation *e)
{
	struct segment code;
	u32 offset, selector, esp = v->gpr[ESP];
	unsigned size = e->insn.op_size;

	TRY(read_pointer(v, e, &offset, &selector));
	TRY(segment_check_jump(v, selector, &code));
	if (!(code.attr & ATTR_S))
		return refuse_system(e);
	TRY(access_probe_pushes(v, e, 2, size));
	if ((size == 2 ? offset & 0xffff : offset) > code.limit)
		return emulation_fault(v, VECTOR_GP, 0);
	TRY(access_push(v, e, &esp, size, v->seg[CS].selector));
	TRY(access_push(v, e, &esp, size, v->eip + e->insn.length));
	TRY(enter_segment(v, e, &code, offset));
	v->gpr[ESP] = esp;
	return STEP_DONE;
}

/*
 * RETF, RETF imm16. To an outer level SS:ESP are taken from the stack too, and the parameters are
 * dropped from both stacks (SDM 2B RET, 3A 5.8.6).
 */
static enum step return_far(struct vcpu *v, struct emulation *e)
{
	struct segment code, stack = v->seg[SS];
	u32 eip, cs, ss, esp = v->gpr[ESP], extra = e->insn.opcode == 0xca ? e->insn.imm : 0;
	unsigned size = e->insn.op_size, cpl;

	TRY(access_pop(v, e, &esp, size, &eip));
	TRY(access_pop(v, e, &esp, size, &cs));
	TRY(segment_check_return(v, cs, &code));
	cpl = cs & SELECTOR_RPL;
	if (cpl % 3)
		return emulation_unsupported(
			e, "a far return to ring 1 or 2: only rings 0 and 3 are virtualized");
	esp = stack_move(&v->seg[SS], esp, extra);
	if (cpl != v->cpl) {
		u32 outer;

		TRY(access_pop(v, e, &esp, size, &outer));
		TRY(access_pop(v, e, &esp, size, &ss));
		TRY(segment_check_stack(v, ss, cpl, VECTOR_GP, 0, &stack));
		TRY(segment_mark(v, &stack));
		esp = stack_move(&stack, outer, extra);
	}
	TRY(enter_segment(v, e, &code, eip));
	v->seg[SS] = stack;
	v->gpr[ESP] = esp;
	if (cpl != v->cpl) {
		v->cpl = cpl;
		segment_drop_privileged(v);
	}
	return STEP_DONE;
}

/*
 * INT n, INT3, INTO: an event of the vcpu, pending like a fault. EIP stays here, since a gate that
 * refuses must find the instruction; event.c adds the length.
 */
static enum step interrupt(struct vcpu *v, struct emulation *e)
{
	u8 vector = e->insn.opcode == 0xcd   ? e->insn.imm
		    : e->insn.opcode == 0xcc ? VECTOR_BP
					     : VECTOR_OF;

	if (e->insn.opcode == 0xce && !(v->eflags & EFLAGS_OF))
		return emulation_next(v, e);
	v->event =
		(struct event){.kind = EVENT_SOFTWARE, .vector = vector, .length = e->insn.length};
	v->eflags &= ~EFLAGS_RF;
	return STEP_FAULT;
}

static enum step load_sreg(struct vcpu *v, struct emulation *e, enum sreg which, u16 selector)
{
	TRY(segment_load(v, which, selector));
	e->effects |= EFFECT_SEGMENTS;
	return STEP_DONE;
}

/* MOV Sreg, r/m16. MOV SS keeps interrupts off for one instruction (SDM 2B MOV). */
static enum step move_to_sreg(struct vcpu *v, struct emulation *e)
{
	u32 selector;

	if (e->insn.reg == CS || e->insn.reg >= SREG_COUNT)
		return emulation_fault(v, VECTOR_UD, 0);
	TRY(rm_read(v, e, 2, &selector));
	TRY(load_sreg(v, e, e->insn.reg, selector));
	v->shadow |= e->insn.reg == SS;
	return emulation_next(v, e);
}

static enum sreg popped_sreg(u16 opcode)
{
	switch (opcode) {
	case 0x07:
		return ES;
	case 0x17:
		return SS;
	case 0x1f:
		return DS;
	case OPCODE_0F | 0xa1:
		return FS;
	default:
		return GS;
	}
}

static enum step pop_sreg(struct vcpu *v, struct emulation *e)
{
	enum sreg which = popped_sreg(e->insn.opcode);
	u32 esp = v->gpr[ESP], selector;

	TRY(access_pop(v, e, &esp, e->insn.op_size, &selector));
	TRY(load_sreg(v, e, which, selector));
	v->gpr[ESP] = esp;
	v->shadow |= which == SS;
	return emulation_next(v, e);
}

/* LES LDS LSS LFS LGS: a far pointer into a segment and a general register. */
static enum step load_pointer(struct vcpu *v, struct emulation *e, enum sreg which)
{
	u32 offset, selector;

	TRY(read_pointer(v, e, &offset, &selector));
	TRY(load_sreg(v, e, which, selector));
	access_set_reg(v, e->insn.reg, e->insn.op_size, offset);
	return emulation_next(v, e);
}

/*
 * Whether LAR, LSL, VERR and VERW may see a descriptor at all; none of them faults over a selector
 * (SDM 2A LAR). Page faults of the table are real ones.
 */
static enum step see_descriptor(struct vcpu *v, u16 selector, bool *seen, struct segment *s)
{
	unsigned level = MAX(v->cpl, selector & SELECTOR_RPL);
	gva_t address;

	*seen = !selector_is_null(selector) && segment_address(v, selector, &address);
	if (!*seen)
		return STEP_DONE;
	TRY(segment_read(v, selector, VECTOR_GP, 0, s));
	if (!(segment_is_code(s) && (s->attr & ATTR_CONFORM)))
		*seen = segment_dpl(s) >= level;
	return STEP_DONE;
}

/* System types that LAR and LSL accept (SDM 2A tables 3-53 and 3-62). */
#define LAR_TYPES                                                                             \
	(1u << TYPE_TSS16 | 1u << TYPE_LDT | 1u << TYPE_TSS16_BUSY | 1u << TYPE_CALL_GATE16 | \
		1u << TYPE_TASK_GATE | 1u << TYPE_TSS32 | 1u << TYPE_TSS32_BUSY |             \
		1u << TYPE_CALL_GATE32)
#define LSL_TYPES                                                                       \
	(1u << TYPE_TSS16 | 1u << TYPE_LDT | 1u << TYPE_TSS16_BUSY | 1u << TYPE_TSS32 | \
		1u << TYPE_TSS32_BUSY)

static enum step inspect(struct vcpu *v, struct emulation *e)
{
	bool limit = e->insn.opcode == (OPCODE_0F | 0x03), seen;
	u32 selector, types = limit ? LSL_TYPES : LAR_TYPES;
	struct segment s;

	TRY(rm_read(v, e, 2, &selector));
	TRY(see_descriptor(v, selector, &seen, &s));
	if (seen && !(s.attr & ATTR_S))
		seen = types & 1u << (s.attr & ATTR_TYPE);
	if (seen) {
		/* LAR gives the high word under the mask 00fxff00, its limit bits undefined. */
		u32 value = limit ? s.limit : (u32)s.attr << 8;

		access_set_reg(v, e->insn.reg, e->insn.op_size, value);
	}
	alu_set_flag(&v->eflags, EFLAGS_ZF, seen);
	return emulation_next(v, e);
}

/* VERR (0F 00 /4), VERW (0F 00 /5). */
static enum step verify(struct vcpu *v, struct emulation *e)
{
	bool seen, write = e->insn.reg == 5;
	struct segment s;
	u32 selector;

	TRY(rm_read(v, e, 2, &selector));
	TRY(see_descriptor(v, selector, &seen, &s));
	if (seen)
		seen = (s.attr & ATTR_S) &&
		       (write ? segment_is_writable(&s)
			      : !segment_is_code(&s) || (s.attr & ATTR_READABLE));
	alu_set_flag(&v->eflags, EFLAGS_ZF, seen);
	return emulation_next(v, e);
}

enum step emulate_transfer(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.opcode) {
	case 0x07:
	case 0x17:
	case 0x1f:
	case OPCODE_0F | 0xa1:
	case OPCODE_0F | 0xa9:
		return pop_sreg(v, e);
	case 0x8e:
		return move_to_sreg(v, e);
	case 0x9a:
		return call_far(v, e);
	case 0xc4:
		return load_pointer(v, e, ES);
	case 0xc5:
		return load_pointer(v, e, DS);
	case 0xca:
	case 0xcb:
		return return_far(v, e);
	case 0xcc:
	case 0xcd:
	case 0xce:
		return interrupt(v, e);
	case 0xcf:
		return emulate_iret(v, e);
	case 0xea:
		return jump_far(v, e);
	case 0xff:
		return e->insn.reg == 3 ? call_far(v, e) : jump_far(v, e);
	case OPCODE_0F | 0x00:
		return verify(v, e);
	case OPCODE_0F | 0x02:
	case OPCODE_0F | 0x03:
		return inspect(v, e);
	case OPCODE_0F | 0xb2:
		return load_pointer(v, e, SS);
	case OPCODE_0F | 0xb4:
		return load_pointer(v, e, FS);
	case OPCODE_0F | 0xb5:
		return load_pointer(v, e, GS);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
