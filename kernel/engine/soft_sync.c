/* Between the virtual CPU and the real registers. */
#include "engine/soft.h"

#include "base/string.h"
#include "cpu/control.h"
#include "cpu/segment.h"
#include "hw/cpu.h"
#include "hw/insn.h"
#include "hw/timer.h"

/* What the real registers hold now; writing them is dear, so they are written when they differ. */
static struct {
	u32 cr0, cr3, cr4;
	struct descriptor *gdt, *ldt;
	struct soft *loaded; /* who was the last to load them */
	struct vcpu *debug;  /* whose DR0-3 and DR7 are loaded */
	struct vcpu *fpu;    /* whose state the FPU holds */
} real;

bool soft_owns_fpu(const struct soft *s)
{
	return real.fpu == s->vcpu;
}

void soft_take_fpu(struct soft *s)
{
	if (real.fpu)
		cpu_save_fpu(&real.fpu->fpu);
	cpu_restore_fpu(&s->vcpu->fpu);
	real.fpu = s->vcpu;
	s->reload = true; /* TS goes */
	s->counts.fpu_loads++;
}

void soft_release_fpu(struct soft *s)
{
	if (!soft_owns_fpu(s))
		return;
	cpu_save_fpu(&s->vcpu->fpu);
	real.fpu = NULL;
	s->reload = true;
}

static void load_control(struct soft *s)
{
	u32 cr0 = control_real_cr0(s->vcpu, soft_owns_fpu(s));
	u32 cr4 = control_real_cr4(s->vcpu, s->cr4_features, s->way == WAY_TRANSLATED);
	u32 cr3 = shadow_root(&s->shadow, s->vcpu->cpl == 0 ? ROOT_KERNEL : ROOT_USER).v;

	if (cr0 != real.cr0)
		write_cr0(real.cr0 = cr0);
	if (cr4 != real.cr4)
		write_cr4(real.cr4 = cr4);
	/* Entries that the virtual TLB has dropped may still be in the real one. */
	if (cr3 != real.cr3 || s->shadow.stale)
		write_cr3(real.cr3 = cr3);
	s->shadow.stale = false;
}

/*
 * The guest's breakpoints, as far as they may be real: DR7.GD would trap the monitor, and so would
 * one on the monitor's window, or on a port (R/W = 2) that the monitor uses itself. Those lie
 * where only emulated accesses go, which no breakpoint sees.
 */
static u32 real_dr7(const struct soft *s)
{
	const struct vcpu *v = s->vcpu;
	u32 dr7 = v->dr[7] & ~DR7_GD;

	for (unsigned i = 0; i < 4; i++)
		if (shadow_in_window(&s->shadow, gva(v->dr[i])) || DR7_RW(v->dr[7], i) == 2)
			dr7 &= ~DR7_ENABLE(i);
	return dr7;
}

static void load_debug(struct soft *s)
{
	struct vcpu *v = s->vcpu;
	bool wanted = v->dr[7] & 0xff;

	if (wanted && real.debug != v) {
		write_dr0(v->dr[0]);
		write_dr1(v->dr[1]);
		write_dr2(v->dr[2]);
		write_dr3(v->dr[3]);
		write_dr7(real_dr7(s));
		real.debug = v;
	} else if (!wanted && real.debug) {
		write_dr7(DR7_FIXED);
		real.debug = NULL;
	}
}

static void load_tables(struct soft *s)
{
	enum table_level level = descriptor_level(s->vcpu);
	struct descriptor *gdt = s->tables.gdt.slot[level];
	struct descriptor *ldt = s->vcpu->ldtr.attr & ATTR_P ? s->tables.ldt.slot[level] : NULL;

	if (gdt == real.gdt && ldt == real.ldt)
		return;
	cpu_use_tables(gdt, ldt);
	real.gdt = gdt;
	real.ldt = ldt;
}

static void protect_table(struct soft *s, const struct shadow_table *table)
{
	for (unsigned i = 0; i < table->frames; i++)
		shadow_protect(&s->shadow, table->frame[i]);
}

/* A program's loads do not trap; and a table that is read again is watched again. */
static void tighten(struct soft *s, bool local)
{
	if (!s->loose[local] || (s->vcpu->cpl == 0 && !s->rebuild[local]))
		return;
	s->loose[local] = false;
	s->rebuild[local] = true;
	soft_xlate_forget(s);
}

/* Reads a table of the guest's again. What was chosen from it before may be wrong. */
static void rebuild(struct soft *s, bool local)
{
	if (descriptor_rebuild(&s->tables, s->vcpu, local))
		protect_table(s, local ? &s->tables.ldt : &s->tables.gdt);
	s->rebuild[local] = false;
	s->reselect = true;
	memset(s->chosen, 0, sizeof s->chosen);
	memset(s->followed, 0, sizeof s->followed);
	s->pass.in = s->pass.out = false;
}

/* A register that holds what it held when it was chosen for, at this level, gets the same again. */
static void choose_selectors(struct soft *s)
{
	const struct segment *now = s->vcpu->seg;
	struct chosen *c = s->chosen[descriptor_level(s->vcpu)];

	for (unsigned i = 0; i < SREG_COUNT; i++, c++, now++) {
		if (!c->valid || !segment_equal(&c->segment, now))
			*c = (struct chosen){*now, descriptor_select(&s->tables, s->vcpu, i), true};
		s->loaded[i] = c->selector;
	}
}

void soft_select(struct soft *s)
{
	for (unsigned local = 0; local < 2; local++) {
		tighten(s, local);
		if (s->rebuild[local])
			rebuild(s, local);
	}
	if (!s->reselect)
		return;
	if (s->loose[0] || s->loose[1])
		memset(s->chosen, 0, sizeof s->chosen);
	choose_selectors(s);
	s->reselect = false;
	s->reload = true;
	soft_segments_changed(s);
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
}

/* All but the general registers. Most traps change nothing of it, so that it can stay as it is. */
static void load_machine(struct soft *s)
{
	soft_select(s);
	load_selectors(s);
	load_tables(s);
	load_control(s);
	load_debug(s);
	real.loaded = s;
	s->reload = false;
}

static void load_frame(struct soft *s, u32 host_eip)
{
	struct hw_frame *f = &s->frame;
	const struct vcpu *v = s->vcpu;

	f->eax = v->gpr[EAX];
	f->ecx = v->gpr[ECX];
	f->edx = v->gpr[EDX];
	f->ebx = v->gpr[EBX];
	f->esp = v->gpr[ESP];
	f->ebp = v->gpr[EBP];
	f->esi = v->gpr[ESI];
	f->edi = v->gpr[EDI];
	f->eip = host_eip;
	f->eflags = vcpu_real_eflags(v);
	if (s->stepping)
		f->eflags |= EFLAGS_TF;
	if (s->stepping && v->shadow)
		f->eflags &= ~EFLAGS_IF;
}

bool soft_reload_level(struct soft *s, enum table_level level, const struct segment seg[SREG_COUNT])
{
	const struct chosen *c = s->chosen[level];

	if (s->reload || s->reselect || real.loaded != s || s->loose[0] || s->loose[1])
		return false;
	for (unsigned i = 0; i < SREG_COUNT; i++)
		if (!c[i].valid || c[i].selector >= SELECTOR_STAND_IN ||
			!segment_equal(&c[i].segment, &seg[i]))
			return false;
	for (unsigned i = 0; i < SREG_COUNT; i++)
		s->loaded[i] = c[i].selector;
	return true;
}

/*
 * RDTSC in translated code goes on from a moment less than 2^32 ticks ago: a real interrupt, the alarm at
 * least (hw/timer.h), comes far more often than that.
 */
static void load_clock(struct soft *s, u64 zero)
{
	struct timer_moment now = timer_moment();
	struct xlate_state *state = s->xlate.state;

	state->clock_from = now.ticks;
	state->clock_scale = now.scale;
	state->clock_base = now.ns - zero;
	s->xlate.clock_zero = zero;
	s->xlate.clock_due = false;
}

static void load_state(struct soft *s)
{
	struct xlate_state *state = s->xlate.state;
	u64 clock_zero = s->vcpu->clock_zero - s->vcpu->tsc_offset;

	if (s->xlate.clock_due || clock_zero != s->xlate.clock_zero)
		load_clock(s, clock_zero);

	state->vif = s->vcpu->eflags & EFLAGS_IF;
	state->intr = s->vcpu->intr ? EFLAGS_IF : 0;
	state->cs = s->vcpu->seg[CS].selector;
	state->ss = s->vcpu->seg[SS].selector;
	state->gs = s->vcpu->seg[GS].selector;
	state->cr[0] = s->vcpu->cr0;
	state->cr[2] = s->vcpu->cr2;
	state->cr[3] = s->vcpu->cr3;
	state->cr[4] = s->vcpu->cr4;
}

void soft_enter_level(struct soft *s, enum soft_way way)
{
	s->way = way;
	load_selectors(s);
	load_tables(s);
	load_control(s);
	if (way == WAY_TRANSLATED)
		load_state(s);
}

void soft_load(struct soft *s, enum soft_way way, u32 host_eip)
{
	if (way != s->way)
		s->reload = true;
	s->way = way;
	s->stepping = way == WAY_ALONE;
	if (s->reload || s->shadow.stale || real.loaded != s)
		load_machine(s);
	load_frame(s, host_eip);
	if (way == WAY_TRANSLATED)
		load_state(s);
}

/* A segment register that the guest may have loaded without a trap. */
static inline void follow_segment(struct soft *s, enum sreg which, u16 now)
{
	if (now == s->loaded[which])
		return;
	descriptor_follow(&s->tables, s->vcpu, which, now);
	s->loaded[which] = now;
}

/*
 * The same for one whose RPL is the guest's own. Kernels load a few selectors there, and what they lead
 * to is remembered until a descriptor is written.
 */
static inline void follow_data(struct soft *s, enum sreg which, u16 now)
{
	struct chosen *c = &s->followed[DESCRIPTOR_INDEX(now) % FOLLOWED_KEPT];

	if (now == s->loaded[which])
		return;
	s->loaded[which] = now;
	if (c->valid && c->selector == now && s->vcpu->cpl == 0) {
		s->vcpu->seg[which] = c->segment;
		return;
	}
	descriptor_follow(&s->tables, s->vcpu, which, now);
	*c = (struct chosen){s->vcpu->seg[which], now, s->vcpu->cpl == 0};
}

void soft_follow_data(struct soft *s)
{
	const struct hw_frame *f = &s->frame;

	follow_data(s, DS, f->ds);
	follow_data(s, ES, f->es);
	follow_data(s, FS, f->fs);
}

/* Where the guest is now: its EIP, and whether interrupts still have to wait (SDM 3A 6.8.3). */
static void store_place(struct soft *s)
{
	const struct xlate_where *w = &s->xlate.where;
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

	v->gpr[EAX] = f->eax;
	v->gpr[ECX] = f->ecx;
	v->gpr[EDX] = f->edx;
	v->gpr[EBX] = f->ebx;
	v->gpr[ESP] = f->esp;
	v->gpr[EBP] = f->ebp;
	v->gpr[ESI] = f->esi;
	v->gpr[EDI] = f->edi;
	store_place(s);
	/* While we step, the real TF is not the guest's. */
	vcpu_set_user_eflags(
		v, s->stepping ? (f->eflags & ~EFLAGS_TF) | (v->eflags & EFLAGS_TF) : f->eflags);
	soft_follow_data(s);
	follow_segment(s, SS, f->ss);
	if (s->way == WAY_TRANSLATED)
		return;
	follow_segment(s, CS, f->cs);
	follow_segment(s, GS, f->gs);
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
	s->reload |= effects != EFFECT_INVLPG;
	if (effects & EFFECT_FLUSH)
		shadow_flush(&s->shadow, &paging);
	if (effects & EFFECT_CR3)
		shadow_switch(&s->shadow, &paging);
	if (effects & EFFECT_INVLPG) {
		shadow_invlpg(&s->shadow, &paging, s->emulation->page);
		flush_page((const void *)s->emulation->page.v);
	}
	for (unsigned local = 0; local < 2; local++)
		s->rebuild[local] |= may_have_moved(s, effects, local) &&
				     !descriptor_located(&s->tables, s->vcpu, local);
	if (s->xlate.cache)
		soft_xlate_remapped(s, effects);
	if (s->emulation->insn.opcode == 0xcf) /* IRET */
		shadow_returned(&s->shadow, &paging);
	s->rebuild[0] |= !!(effects & EFFECT_GDT);
	s->rebuild[1] |= !!(effects & EFFECT_LDT);
	s->reselect |= !!(effects & EFFECT_SEGMENTS);
	if ((effects & EFFECT_CONTROL) && real.debug == s->vcpu) {
		write_dr7(DR7_FIXED); /* the debug registers may be what changed */
		real.debug = NULL;
	}
}

/*
 * Linux's decompressor has its stack in the page of its GDT. A kernel that is translated can do
 * without a watch on it, as long as its loads of segment registers trap.
 */
static void loosen(struct soft *s, bool local)
{
	descriptor_release(&s->tables, s->vcpu, local);
	s->loose[local] = true;
	memset(s->followed, 0, sizeof s->followed);
	s->pass.in = s->pass.out = false;
	soft_xlate_forget(s);
}

/* Whether the segment was loaded from one of `count` descriptors, from number `first` on. */
static bool is_of(const struct segment *segment, unsigned first, unsigned count, bool local)
{
	return !(segment->selector & SELECTOR_TI) != local &&
	       DESCRIPTOR_INDEX(segment->selector) - first < count;
}

/* What was chosen for registers of these descriptors is chosen anew. */
static void choose_again(struct soft *s, unsigned first, unsigned count, bool local)
{
	struct soft_pass *p = &s->pass;

	if (is_of(&p->code, first, count, local) || is_of(&p->stack, first, count, local))
		p->in = false;
	if (is_of(&p->user_code, first, count, local) || is_of(&p->user_stack, first, count, local))
		p->out = false;
	memset(s->followed, 0, sizeof s->followed);
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		for (unsigned level = 0; level < TABLE_COUNT; level++)
			if (is_of(&s->chosen[level][i].segment, first, count, local))
				s->chosen[level][i].valid = false;
		if (is_of(&s->vcpu->seg[i], first, count, local))
			s->reselect = s->reload = true;
	}
}

void soft_descriptors_written(struct soft *s, gpa_t address, u32 bytes)
{
	bool may_loosen = s->streak >= STREAK_MOST && s->xlate.cache && s->vcpu->cpl == 0;

	for (unsigned local = 0; local < 2; local++) {
		unsigned first, count = descriptor_written(
					&s->tables, s->vcpu, address, bytes, local, &first);

		if (count)
			choose_again(s, first, count, local);
		else if (may_loosen &&
			 descriptor_lies_in(&s->tables, address.v >> PAGE_SHIFT, local))
			loosen(s, local);
	}
}
