/*
 * What the real segment registers hold, so that they mean to ring 3 what the guest's mean to the guest; and
 * what becomes of it when the guest loads one without a trap, or writes to a descriptor table.
 */
#include "engine/soft.h"

#include "base/string.h"
#include "cpu/segment.h"

/* Something is remembered of what this selector leads to. */
static inline void remember(struct soft *s, u16 selector)
{
	s->remembered |= 1u << DESCRIPTOR_INDEX(selector) % 32;
}

static void protect_table(struct soft *s, const struct shadow_table *table)
{
	for (unsigned i = 0; i < table->frames; i++)
		shadow_protect(&s->shadow, table->frame[i]);
}

/* A program's loads do not trap; and a table that is read again is watched again. */
static void tighten(struct soft *s, bool local)
{
	if (!(s->loose & 1u << local) || (s->vcpu->cpl == 0 && !(s->due & DUE_GDT << local)))
		return;
	s->loose &= ~(1u << local);
	s->due |= DUE_GDT << local;
	soft_xlate_forget(s);
}

/* Reads a table of the guest's again. What was chosen from it before may be wrong. */
static void rebuild(struct soft *s, bool local)
{
	if (descriptor_rebuild(&s->tables, s->vcpu, local))
		protect_table(s, local ? &s->tables.ldt : &s->tables.gdt);
	s->due &= ~(DUE_GDT << local);
	s->due |= DUE_SEGMENTS;
	memset(s->chosen, 0, sizeof s->chosen);
	memset(s->followed, 0, sizeof s->followed);
	s->remembered = 0;
	soft_pass_forget(s);
}

/* A register that holds what it held when it was chosen for, at this level, gets the same again. */
static void choose_selectors(struct soft *s)
{
	const struct segment *now = s->vcpu->seg;
	struct chosen *c = s->chosen[descriptor_level(s->vcpu)];

	for (unsigned i = 0; i < SREG_COUNT; i++, c++, now++) {
		if (!c->valid || !segment_equal(&c->segment, now)) {
			u16 selector = descriptor_select(&s->tables, s->vcpu, i);

			*c = (struct chosen){*now, selector, true, selector < SELECTOR_STAND_IN};
			remember(s, now->selector);
		}
		s->loaded[i] = c->selector;
	}
}

static inline bool is_chosen(const struct chosen *c, const struct segment *segment)
{
	return c->usual && segment_equal(&c->segment, segment);
}

/*
 * Whether the real register may keep its selector at another level: both tables have the same descriptor of the
 * guest's there, and so the register holds what was chosen for.
 */
static inline bool may_keep(const struct chosen *c, u16 selector)
{
	return c->usual && c->selector == selector;
}

bool soft_choose_known(struct soft *s, enum table_level level, const struct segment *code,
	const struct segment *stack)
{
	const struct chosen *c = s->chosen[level];

	if (s->due | s->loose || !may_keep(&c[DS], s->loaded[DS]) ||
		!may_keep(&c[ES], s->loaded[ES]) || !may_keep(&c[FS], s->loaded[FS]) ||
		!is_chosen(&c[GS], &s->vcpu->seg[GS]) || !is_chosen(&c[CS], code) ||
		!is_chosen(&c[SS], stack))
		return false;
	s->loaded[CS] = c[CS].selector;
	s->loaded[SS] = c[SS].selector;
	s->loaded[GS] = c[GS].selector;
	return true;
}

/*
 * A page of a table that was not mapped when the table was read may be by now: nothing told us, nor need it
 * (SDM 3A 4.10.4.3).
 */
static void look_for_pages(struct soft *s, bool local)
{
	if (s->due & DUE_SEGMENTS && descriptor_lies_in(&s->tables, ~0u, local) &&
		!descriptor_located(&s->tables, s->vcpu, local))
		s->due |= DUE_GDT << local;
}

void soft_select(struct soft *s)
{
	if (!(s->due & ~DUE_MACHINE) && !s->loose)
		return;
	for (unsigned local = 0; local < 2; local++) {
		look_for_pages(s, local);
		tighten(s, local);
		if (s->due & DUE_GDT << local)
			rebuild(s, local);
	}
	if (!(s->due & DUE_SEGMENTS))
		return;
	if (s->loose)
		memset(s->chosen, 0, sizeof s->chosen);
	choose_selectors(s);
	s->due = (s->due & ~DUE_SEGMENTS) | DUE_MACHINE;
	soft_segments_changed(s);
}

/* A segment register that the guest may have loaded without a trap. */
static void follow_segment(struct soft *s, enum sreg which, u16 now)
{
	if (now == s->loaded[which])
		return;
	descriptor_follow(&s->tables, s->vcpu, which, now);
	remember(s, now);
	s->loaded[which] = now;
}

/*
 * The same for one whose RPL is the guest's own. Kernels load a few selectors there, and what they lead
 * to is remembered until a descriptor is written.
 */
static void follow_data(struct soft *s, enum sreg which, u16 now)
{
	struct chosen *c = &s->followed[DESCRIPTOR_INDEX(now) % FOLLOWED_KEPT];

	if (now == s->loaded[which])
		return;
	if (c->valid && c->selector == now && s->vcpu->cpl == 0) {
		s->vcpu->seg[which] = c->segment;
		s->loaded[which] = now;
		return;
	}
	follow_segment(s, which, now);
	*c = (struct chosen){
		.segment = s->vcpu->seg[which], .selector = now, .valid = s->vcpu->cpl == 0};
}

void soft_follow(struct soft *s)
{
	const struct hw_frame *f = &s->frame;

	follow_data(s, DS, f->ds);
	follow_data(s, ES, f->es);
	follow_data(s, FS, f->fs);
	follow_segment(s, SS, f->ss);
	if (s->way == WAY_TRANSLATED)
		return;
	follow_segment(s, CS, f->cs);
	follow_segment(s, GS, f->gs);
}

/*
 * Linux's decompressor has its stack in the page of its GDT. A kernel that is translated can do
 * without a watch on it, as long as its loads of segment registers trap.
 */
static void loosen(struct soft *s, bool local)
{
	descriptor_release(&s->tables, s->vcpu, local);
	s->loose |= 1u << local;
	memset(s->followed, 0, sizeof s->followed);
	soft_pass_forget(s);
	soft_xlate_forget(s);
}

/* A set of descriptors, as far as 32 bits can tell them apart. */
static u32 bits_of(unsigned first, unsigned count)
{
	u32 bits = 0;

	for (unsigned i = 0; i < MIN(count, 32u); i++)
		bits |= 1u << (first + i) % 32;
	return bits;
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
	u32 written = bits_of(first, count);

	if (s->pass.remembered & written)
		soft_pass_forget(s);
	if (!(s->remembered & written))
		return;
	for (unsigned i = 0; i < FOLLOWED_KEPT; i++)
		if (is_of(&s->followed[i].segment, first, count, local))
			s->followed[i].valid = false;
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		for (unsigned level = 0; level < TABLE_COUNT; level++)
			if (is_of(&s->chosen[level][i].segment, first, count, local))
				s->chosen[level][i].valid = s->chosen[level][i].usual = false;
		if (is_of(&s->vcpu->seg[i], first, count, local))
			s->due |= DUE_SEGMENTS;
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
