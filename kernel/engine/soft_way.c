/*
 * The choice: which way the next instructions of the guest are run. All of it is decided here.
 *
 *                    its programs (virtual ring 3)      its kernel (virtual ring 0)
 *   engine=direct    direct                             direct
 *   engine=translate direct                             translated
 *
 * Translated code is 32-bit code, whose flags other than IF are the real ones and whose data
 * segments are the real ones. Where that does not hold the kernel goes one instruction at a time:
 *
 *   - it single-steps itself (TF), or breaks at addresses of code: the real processor sees the
 *     addresses of the translation, not the guest's;
 *   - an interrupt is to be taken behind this one instruction (SDM 3A 6.8.3);
 *   - its IOPL is not 0, which PUSHF would show;
 *   - a data segment was changed in its table since it was loaded, so that the real selector is
 *     that of a stand-in;
 *   - its code or stack segment is of 16 bits.
 *
 * And so do programs that may change the interrupt flag (IOPL 3): POPF does not trap.
 */
#include "engine/soft.h"

/* A breakpoint on an instruction: R/W is 0 (SDM 3B 17.2.4). */
static bool is_on_code(const struct vcpu *v, unsigned i)
{
	return (v->dr[7] & DR7_ENABLE(i)) && DR7_RW(v->dr[7], i) == 0;
}

static bool breaks_at_code(const struct vcpu *v)
{
	for (unsigned i = 0; i < 4; i++)
		if (is_on_code(v, i))
			return true;
	return false;
}

u32 soft_breakpoints(const struct vcpu *v)
{
	u32 hit = 0;

	for (unsigned i = 0; i < 4; i++)
		if (is_on_code(v, i) && v->dr[i] == v->seg[CS].base + v->eip)
			hit |= 1u << i;
	return hit;
}

static bool has_stand_in(const struct soft *s)
{
	static const enum sreg real[] = {DS, ES, FS};

	for (unsigned i = 0; i < ARRAY_SIZE(real); i++)
		if ((s->loaded[real[i]] & ~SELECTOR_RPL) >= SELECTOR_STAND_IN)
			return true;
	return false;
}

static bool is_16_bit(const struct vcpu *v)
{
	return !(v->seg[CS].attr & ATTR_DB) || !(v->seg[SS].attr & ATTR_DB);
}

void soft_segments_changed(struct soft *s)
{
	s->unusual = is_16_bit(s->vcpu) || has_stand_in(s);
	if (s->xlate.cache && s->vcpu->cpl == 0)
		soft_xlate_segment(s);
}

static bool goes_one_by_one(const struct soft *s)
{
	const struct vcpu *v = s->vcpu;

	if (v->cpl == 3)
		return vcpu_iopl(v) == 3;
	return (v->eflags & (EFLAGS_TF | EFLAGS_IOPL)) || (v->intr && v->shadow) || s->unusual ||
	       (v->dr[7] & 0xff && breaks_at_code(v));
}

/* One instruction: by the real processor if it means the same in ring 3, or traps there. */
static enum soft_way choose_for_one(struct soft *s)
{
	s->way = WAY_EMULATED; /* so that it is fetched from the guest's own code */
	if (soft_fetch(s) == STEP_DONE && xlate_is_plain(&s->emulation->insn))
		return WAY_ALONE;
	return WAY_EMULATED;
}

enum soft_way soft_choose_way(struct soft *s)
{
	const struct vcpu *v = s->vcpu;

	soft_select(s);
	if (s->alone)
		return WAY_ALONE;
	if (!s->xlate.cache)
		return v->intr && v->shadow && (v->eflags & EFLAGS_IF) ? WAY_ALONE : WAY_DIRECT;
	if (goes_one_by_one(s))
		return choose_for_one(s);
	return v->cpl == 3 ? WAY_DIRECT : WAY_TRANSLATED;
}
