/* Between the virtual CPU and the real registers. */
#include "engine/soft.h"

#include "hw/insn.h"
#include "hw/timer.h"

/* What reading a register that is not real gives to translated code. CR2 changes with each page fault. */
static void load_copies(struct soft *s)
{
	struct xlate_state *state = s->xlate.state;
	const struct vcpu *v = s->vcpu;

	state->cs = v->seg[CS].selector;
	state->ss = v->seg[SS].selector;
	state->gs = v->seg[GS].selector;
	state->cr[0] = v->cr0;
	state->cr[3] = v->cr3;
	state->cr[4] = v->cr4;
}

/* Translated code runs in the cache's segment, and has the monitor's word in GS. */
static void load_selectors(struct soft *s)
{
	struct hw_frame *f = &s->frame;
	bool translated = s->way == WAY_TRANSLATED;

	f->es = s->loaded[ES];
	f->cs = translated ? SELECTOR_XLATE_CODE | 3 : s->loaded[CS];
	f->ss = s->loaded[SS];
	f->ds = s->loaded[DS];
	f->fs = s->loaded[FS];
	f->gs = translated ? SELECTOR_XLATE_STATE | 3 : s->loaded[GS];
	if (translated)
		load_copies(s);
}

/* All but the general registers. Most traps change nothing of it, so that it can stay as it is. */
static void load_machine(struct soft *s)
{
	soft_select(s);
	load_selectors(s);
	soft_real_load(s);
	s->due = 0;
}

static void load_frame(struct soft *s, u32 host_eip)
{
	struct hw_frame *f = &s->frame;
	const struct vcpu *v = s->vcpu;

	f->eip = host_eip;
	f->eflags = vcpu_real_eflags(v);
	if (s->stepping)
		f->eflags |= EFLAGS_TF;
	if (s->stepping && v->shadow)
		f->eflags &= ~EFLAGS_IF;
}

/*
 * RDTSC in translated code goes on from a moment less than 2^32 ticks ago: while ring 3 runs a real interrupt,
 * the alarm at least (hw/timer.h), comes far more often than that, and each makes this due.
 */
static void load_clock(struct soft *s)
{
	struct timer_moment now = timer_moment();
	struct xlate_state *state = s->xlate.state;

	state->clock_from = now.ticks;
	state->clock_scale = now.scale;
	state->clock_base = now.ns - s->vcpu->clock_zero + s->vcpu->tsc_offset;
	s->xlate.clock_zero = s->vcpu->clock_zero;
	s->xlate.clock_due = false;
}

static inline void load_state(struct soft *s)
{
	struct xlate_state *state = s->xlate.state;
	const struct vcpu *v = s->vcpu;

	if (s->xlate.clock_due)
		load_clock(s);
	state->vif = v->eflags & EFLAGS_IF;
	state->intr = v->intr ? EFLAGS_IF : 0;
	state->cr[2] = v->cr2;
}

void soft_enter_level(struct soft *s, enum soft_way way)
{
	s->way = way;
	load_selectors(s);
	soft_real_load_level(s);
	if (way == WAY_TRANSLATED)
		load_state(s);
}

void soft_load(struct soft *s, enum soft_way way, u32 host_eip)
{
	if (way != s->way)
		s->due |= DUE_MACHINE;
	s->way = way;
	s->stepping = way == WAY_ALONE;
	if (s->due || s->shadow.stale)
		load_machine(s);
	load_frame(s, host_eip);
	if (way == WAY_TRANSLATED)
		load_state(s);
}

/* Where the guest is now: its EIP, and whether interrupts still have to wait (SDM 3A 6.8.3). */
static void store_place(struct soft *s)
{
	const struct xlate_where *w = s->xlate.where;
	struct vcpu *v = s->vcpu;
	u32 eip = s->frame.eip;
	bool covered = false;

	if (s->way == WAY_TRANSLATED) {
		eip = w->eip;
		covered = w->place == XLATE_COVERS;
		v->eflags = (v->eflags & ~EFLAGS_IF) | (s->xlate.state->vif & EFLAGS_IF);
	}
	v->shadow = covered || (v->shadow && v->eip == eip);
	v->eip = eip;
}

void soft_store(struct soft *s)
{
	const struct hw_frame *f = &s->frame;
	struct vcpu *v = s->vcpu;

	store_place(s);
	/* While we step, the real TF is not the guest's. */
	vcpu_set_user_eflags(
		v, s->stepping ? (f->eflags & ~EFLAGS_TF) | (v->eflags & EFLAGS_TF) : f->eflags);
	if (soft_segments_moved(s))
		soft_follow(s);
}

/* Whether the guest's GDT or LDT may be mapped elsewhere since an instruction with these effects. */
static bool may_have_moved(const struct soft *s, unsigned effects, bool local)
{
	const struct vcpu *v = s->vcpu;
	u32 base = local ? v->ldtr.base : v->gdtr.base;
	u32 limit = MIN(local ? v->ldtr.limit : v->gdtr.limit, 0xffffu);

	if (effects & (EFFECT_FLUSH | EFFECT_CR3))
		return true;
	return effects & EFFECT_INVLPG &&
	       s->emulation->page.v - (base & ~PAGE_MASK) <= limit + PAGE_SIZE;
}

void soft_apply(struct soft *s, unsigned effects)
{
	struct paging paging = vcpu_paging(s->vcpu);

	/* INVLPG alone changes nothing that is loaded. */
	if (effects != EFFECT_INVLPG)
		s->due |= DUE_MACHINE;
	if (effects & EFFECT_FLUSH)
		shadow_flush(&s->shadow, &paging);
	if (effects & EFFECT_CR3)
		shadow_switch(&s->shadow, &paging);
	if (effects & EFFECT_INVLPG) {
		shadow_invlpg(&s->shadow, &paging, s->emulation->page);
		flush_page((const void *)s->emulation->page.v);
	}
	for (unsigned local = 0; local < 2; local++)
		if (may_have_moved(s, effects, local) &&
			!descriptor_located(&s->tables, s->vcpu, local))
			s->due |= DUE_GDT << local;
	if (s->xlate.cache)
		soft_xlate_remapped(s, effects);
	if (effects & EFFECT_GDT)
		s->due |= DUE_GDT;
	if (effects & EFFECT_LDT)
		s->due |= DUE_LDT;
	if (effects & EFFECT_SEGMENTS)
		s->due |= DUE_SEGMENTS;
	if (effects & EFFECT_CONTROL) /* the debug registers may be what changed */
		soft_debug_changed(s);
}

void soft_returned(struct soft *s)
{
	struct paging paging;

	if (!s->shadow.owed)
		return;
	paging = vcpu_paging(s->vcpu);
	shadow_returned(&s->shadow, &paging);
}
