/*
 * Segment registers and descriptor tables as the guest sees them, with the checks of protected
 * mode.
 */
#include "cpu/segment.h"

#include "cpu/instructions.h"

struct segment segment_make(u16 selector, struct descriptor d)
{
	return (struct segment){
		.selector = selector,
		.attr = descriptor_attr(d),
		.base = descriptor_base(d),
		.limit = descriptor_limit(d),
	};
}

bool segment_address(const struct vcpu *v, u16 selector, gva_t *address)
{
	u32 offset = selector & SELECTOR_INDEX;
	bool local = selector & SELECTOR_TI;
	u32 base = local ? v->ldtr.base : v->gdtr.base;
	u32 limit = local ? v->ldtr.limit : v->gdtr.limit;

	*address = gva(base + offset);
	return offset + 7 <= limit && (!local || (v->ldtr.attr & ATTR_P));
}

enum step segment_read(
	struct vcpu *v, u16 selector, enum vector vector, u32 ext, struct segment *segment)
{
	struct descriptor d;
	gva_t address;
	enum step step;

	if (!segment_address(v, selector, &address)) {
		vcpu_raise(v, vector, (selector & ~SELECTOR_RPL) | ext);
		return STEP_FAULT;
	}
	step = access_linear(v, address, &d, sizeof d, ACCESS_READ, 0);
	if (step == STEP_DONE)
		*segment = segment_make(selector, d);
	return step;
}

enum step segment_mark(struct vcpu *v, struct segment *segment)
{
	gva_t address;
	u8 access;

	if (segment->attr & ATTR_ACCESSED)
		return STEP_DONE;
	segment->attr |= ATTR_ACCESSED;
	access = segment->attr;
	segment_address(v, segment->selector, &address);
	return access_linear(v, gva(address.v + 5), &access, 1, ACCESS_WRITE, 0);
}

static enum step refuse(struct vcpu *v, enum vector vector, u16 selector, u32 ext)
{
	vcpu_raise(v, vector, (selector & ~SELECTOR_RPL) | ext);
	return STEP_FAULT;
}

enum step segment_check_stack(struct vcpu *v, u16 selector, unsigned cpl, enum vector vector,
	u32 ext, struct segment *segment)
{
	enum step step;

	if (selector_is_null(selector))
		return refuse(v, vector, 0, ext);
	step = segment_read(v, selector, vector, ext, segment);
	if (step != STEP_DONE)
		return step;
	/* SDM 3A 5.7: RPL, CPL and DPL of a stack segment are all the same. */
	if ((selector & SELECTOR_RPL) != cpl || segment_dpl(segment) != cpl ||
		!segment_is_writable(segment))
		return refuse(v, vector, selector, ext);
	if (!(segment->attr & ATTR_P))
		return refuse(v, VECTOR_SS, selector, ext);
	return STEP_DONE;
}

/* Data, or code that can be read; of what is not conforming code, nothing more privileged (5.6). */
static enum step check_data(struct vcpu *v, u16 selector, struct segment *segment)
{
	enum step step = segment_read(v, selector, VECTOR_GP, 0, segment);
	bool conforming;

	if (step != STEP_DONE)
		return step;
	if (!(segment->attr & ATTR_S) ||
		(segment_is_code(segment) && !(segment->attr & ATTR_READABLE)))
		return refuse(v, VECTOR_GP, selector, 0);
	conforming = segment_is_code(segment) && (segment->attr & ATTR_CONFORM);
	if (!conforming && MAX(v->cpl, selector & SELECTOR_RPL) > segment_dpl(segment))
		return refuse(v, VECTOR_GP, selector, 0);
	if (!(segment->attr & ATTR_P))
		return refuse(v, VECTOR_NP, selector, 0);
	return STEP_DONE;
}

enum step segment_load(struct vcpu *v, enum sreg which, u16 selector)
{
	struct segment segment = {.selector = selector}; /* null: not usable */
	enum step step = STEP_DONE;

	if (which == SS)
		step = segment_check_stack(v, selector, v->cpl, VECTOR_GP, 0, &segment);
	else if (!selector_is_null(selector))
		step = check_data(v, selector, &segment);
	if (step == STEP_DONE && segment.attr)
		step = segment_mark(v, &segment);
	if (step == STEP_DONE)
		v->seg[which] = segment;
	return step;
}

/* Gates and free tasks may be jumped to from their own level or inner ones (SDM 2A JMP). */
static enum step check_system_jump(struct vcpu *v, u16 selector, const struct segment *s)
{
	const u32 targets = 1u << TYPE_CALL_GATE16 | 1u << TYPE_CALL_GATE32 | 1u << TYPE_TASK_GATE |
			    1u << TYPE_TSS16 | 1u << TYPE_TSS32;

	if (!(targets & 1u << (s->attr & ATTR_TYPE)) ||
		segment_dpl(s) < MAX(v->cpl, selector & SELECTOR_RPL))
		return refuse(v, VECTOR_GP, selector, 0);
	return s->attr & ATTR_P ? STEP_DONE : refuse(v, VECTOR_NP, selector, 0);
}

enum step segment_check_jump(struct vcpu *v, u16 selector, struct segment *segment)
{
	unsigned rpl = selector & SELECTOR_RPL;

	if (selector_is_null(selector))
		return refuse(v, VECTOR_GP, 0, 0);
	TRY(segment_read(v, selector, VECTOR_GP, 0, segment));
	if (!(segment->attr & ATTR_S))
		return check_system_jump(v, selector, segment);
	/* 5.8.1: conforming code of this level or inner ones, other code of this level alone. */
	if (!segment_is_code(segment) ||
		(segment->attr & ATTR_CONFORM ? segment_dpl(segment) > v->cpl
					      : rpl > v->cpl || segment_dpl(segment) != v->cpl))
		return refuse(v, VECTOR_GP, selector, 0);
	if (!(segment->attr & ATTR_P))
		return refuse(v, VECTOR_NP, selector, 0);
	segment->selector = (selector & ~SELECTOR_RPL) | v->cpl;
	return STEP_DONE;
}

enum step segment_check_return(struct vcpu *v, u16 selector, struct segment *segment)
{
	unsigned rpl = selector & SELECTOR_RPL;
	enum step step;

	if (selector_is_null(selector))
		return refuse(v, VECTOR_GP, 0, 0);
	step = segment_read(v, selector, VECTOR_GP, 0, segment);
	if (step != STEP_DONE)
		return step;
	/* SDM 3A 5.8.6: never inwards, and to the level that the selector names. */
	if (!segment_is_code(segment) || rpl < v->cpl ||
		(segment->attr & ATTR_CONFORM ? segment_dpl(segment) > rpl
					      : segment_dpl(segment) != rpl))
		return refuse(v, VECTOR_GP, selector, 0);
	if (!(segment->attr & ATTR_P))
		return refuse(v, VECTOR_NP, selector, 0);
	return STEP_DONE;
}

void segment_drop_privileged(struct vcpu *v)
{
	static const enum sreg data[] = {ES, DS, FS, GS};

	for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
		struct segment *s = &v->seg[data[i]];
		bool conforming = segment_is_code(s) && (s->attr & ATTR_CONFORM);

		if (s->attr && !conforming && segment_dpl(s) < v->cpl)
			*s = (struct segment){0};
	}
}
