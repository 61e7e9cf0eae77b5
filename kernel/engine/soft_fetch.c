/*
 * The instruction that trapped.
 *
 * A kernel traps at a few places again and again. What was decoded there is kept by its linear
 * address, and holds as long as the same bytes are found: nobody has to tell of new code.
 */
#include "engine/soft.h"

/* Code of 32 bits in a segment of 4 GiB, as kernels have it: its bytes alone say what it means. */
static inline bool is_flat(const struct segment *cs)
{
	return cs->limit == ~0u && (cs->attr & ATTR_DB);
}

static struct trapped *take_slot(struct soft *s, u32 at)
{
	struct trapped *t = soft_trapped_at(s, at);

	s->emulation = &t->emulation;
	return t;
}

/* The instruction that is a HLT in the code cache: as long as the block lives, so do its bytes. */
static enum step fetch_translated(struct soft *s)
{
	const struct soft_xlate *x = &s->xlate;
	struct trapped *t = take_slot(s, x->where->host);
	enum step step;

	if (t->mask == ~0u && t->at == x->where->host && t->bytes == x->counts->flushes) {
		emulation_begin(&t->emulation);
		return STEP_DONE;
	}
	t->mask = 0;
	step = cpu_fetch(s->vcpu, &t->emulation);
	/* The walk has set accessed bits, and they may lie in what was translated from: nothing may be left. */
	if (step == STEP_DONE && x->where->block && !x->where->block->dead) {
		t->at = x->where->host;
		t->bytes = x->counts->flushes;
		t->mask = ~0u;
	}
	return step;
}

enum step soft_fetch(struct soft *s)
{
	struct vcpu *v = s->vcpu;
	struct trapped *t;

	if (s->way == WAY_TRANSLATED)
		return fetch_translated(s);
	t = take_slot(s, v->seg[CS].base + v->eip);
	t->mask = 0;
	return cpu_fetch(v, &t->emulation);
}

/* Keeps what was decoded if its bytes can be looked at by one read. */
static void keep(struct trapped *t, u32 at)
{
	unsigned length = t->emulation.insn.length;

	if (length > sizeof t->bytes || (at & PAGE_MASK) > PAGE_SIZE - sizeof t->bytes)
		return;
	t->at = at;
	t->mask = ~0u >> (32 - 8 * length);
	t->bytes = *(const u32 *)at & t->mask;
}

enum step soft_fetch_mapped(struct soft *s)
{
	const struct segment *cs = &s->vcpu->seg[CS];
	u32 at = cs->base + s->vcpu->eip; /* the page is mapped where the guest sees it */
	struct trapped *t;
	enum step step;

	/* A breakpoint of the guest on these bytes must not see the monitor read them. */
	if (s->vcpu->dr[7] & 0xff)
		return soft_fetch(s);
	t = take_slot(s, at);
	if (is_flat(cs) && t->at == at && t->mask && (*(const u32 *)at & t->mask) == t->bytes) {
		emulation_begin(&t->emulation);
		return STEP_DONE;
	}
	t->mask = 0;
	step = cpu_fetch_mapped(s->vcpu, &t->emulation, (const u8 *)at);
	if (step == STEP_DONE && is_flat(cs))
		keep(t, at);
	return step;
}
