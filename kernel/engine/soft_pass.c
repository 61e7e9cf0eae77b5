/*
 * The short way into the guest's kernel, and back. The same few events enter a kernel again and again, and each
 * time event_deliver() and cpu_emulate() look at a gate, a TSS and descriptors. What they found the last time
 * holds as long as the words that they looked at are the same: these are compared here. The descriptors
 * need no look, since writes to them are heard of, and while they are not nothing goes this way. All that is
 * unusual (a page that is not known, a stack that is not flat) goes the long way; and so does all of direct
 * execution, where the long way is what students write, and every event is to show it.
 *
 *      a program's INT n  -->  call_kernel()      \
 *                                                  enter_kernel()  -->  handler  -->  return_from_kernel()
 *      any other event    -->  soft_pass_deliver() /
 */
#include "engine/soft.h"

#include "cpu/access.h"
#include "cpu/event.h"
#include "cpu/segment.h"

#define INT_BYTES 2u /* CD n */

static struct soft_way_in *find_way(struct soft *s, enum table_level from, u8 vector)
{
	return &s->pass.in[from][(vector ^ vector >> 4) % WAYS_KEPT];
}

static void remember(struct soft_pass *p, const struct segment *segment)
{
	p->remembered |= 1u << DESCRIPTOR_INDEX(segment->selector) % 32;
}

void soft_pass_forget(struct soft *s)
{
	struct soft_pass *p = &s->pass;

	for (unsigned level = 0; level < TABLE_COUNT; level++)
		for (unsigned i = 0; i < WAYS_KEPT; i++)
			p->in[level][i].known = false;
	p->kernel_code.attr = p->user_code.attr = 0;
	p->remembered = 0;
}

/* Where every ESP has room above and below it, as far as its page goes. */
static bool is_flat_stack(const struct segment *ss)
{
	return ss->limit == ~0u && (ss->attr & (ATTR_DB | ATTR_EXPAND | ATTR_CODE)) == ATTR_DB;
}

static const struct descriptor *known_gate(struct vcpu *v, u8 vector)
{
	return access_known(v, gva(v->idtr.base + vector * 8u), 8, ACCESS_READ, 0);
}

/* ESP0 and SS0 of the guest's TSS. */
static const u32 *known_inner_stack(struct vcpu *v)
{
	u32 at = v->tr.base + offsetof(struct tss, esp0);

	return access_known(v, gva(at), 8, ACCESS_READ, 0);
}

/* Whether writes to the guest's descriptors are heard of, and all that were made have been. */
static inline bool knows_descriptors(const struct soft *s)
{
	return !s->loose && !(s->due & (DUE_GDT | DUE_LDT));
}

/*
 * Whether the event's own gate has led to where the vcpu is now; a fault on the way may have led to another
 * handler, at the same address even.
 */
static bool has_led_here(const struct vcpu *v, struct descriptor gate, const struct event *event,
	enum table_level from)
{
	unsigned attr = descriptor_attr(gate), type = attr & (ATTR_S | ATTR_TYPE);

	if (!(attr & ATTR_P) || event->vector * 8u + 7 > v->idtr.limit)
		return false;
	if (type != TYPE_INTERRUPT_GATE32 && type != TYPE_TRAP_GATE32)
		return false;
	if (event->kind == EVENT_SOFTWARE && from == TABLE_USER && (attr & ATTR_DPL) != ATTR_DPL)
		return false;
	return gate_offset(gate) == v->eip &&
	       !((gate_selector(gate) ^ v->seg[CS].selector) & ~SELECTOR_RPL);
}

void soft_pass_in(struct soft *s, const struct event *event, enum table_level from)
{
	struct soft_way_in *w = find_way(s, from, event->vector);
	struct vcpu *v = s->vcpu;
	const struct descriptor *gate;

	w->known = false;
	if (!s->xlate.cache || v->cpl != 0 || event->vector == VECTOR_DB)
		return;
	gate = known_gate(v, event->vector);
	if (!gate)
		return;
	w->gate = *gate;
	w->kind = event->kind;
	w->vector = event->vector;
	w->idtr = v->idtr;
	w->tr = v->tr;
	w->code = v->seg[CS];
	w->stack = v->seg[SS];
	w->eflags_cleared = event_eflags_cleared(w->gate);
	w->known = has_led_here(v, w->gate, event, from) && w->code.attr & ATTR_DB &&
		   is_flat_stack(&w->stack);
	remember(&s->pass, &w->code);
	remember(&s->pass, &w->stack);
}

void soft_pass_out(struct soft *s)
{
	const struct vcpu *v = s->vcpu;
	struct soft_pass *p = &s->pass;

	if (!s->xlate.cache)
		return;
	remember(p, &v->seg[CS]);
	if (v->cpl == 0) {
		p->kernel_code = v->seg[CS];
		return;
	}
	remember(p, &v->seg[SS]);
	p->user_code = v->seg[CS];
	p->user_stack = v->seg[SS];
}

/* --- in --- */

static bool is_same_gate(struct vcpu *v, const struct soft_way_in *w, const struct event *event)
{
	const struct descriptor *gate;

	if (!w->known || w->vector != event->vector || w->kind != event->kind ||
		w->idtr.base != v->idtr.base || w->idtr.limit != v->idtr.limit)
		return false;
	gate = known_gate(v, event->vector);
	return gate && gate->low == w->gate.low && gate->high == w->gate.high;
}

/* The stack for a program's event. *esp: where it begins now. */
static bool is_same_stack(struct vcpu *v, const struct soft_way_in *w, u32 *esp)
{
	const u32 *tss;

	if (!segment_equal(&v->tr, &w->tr))
		return false;
	tss = known_inner_stack(v);
	if (!tss || (u16)tss[1] != w->stack.selector)
		return false;
	*esp = tss[0];
	return true;
}

/* The frame of SDM 3A figure 6-4, from its lowest word on. */
static void write_frame(const struct vcpu *v, const struct event *event, u32 return_eip, u32 *word)
{
	if (event->has_error)
		*word++ = event->error;
	word[0] = return_eip;
	word[1] = v->seg[CS].selector;
	word[2] = event->kind == EVENT_EXCEPTION ? v->eflags | EFLAGS_RF : v->eflags;
	if (v->cpl == 0)
		return;
	word[3] = v->gpr[ESP];
	word[4] = v->seg[SS].selector;
}

/* Enters the handler as the last time; or does nothing. The vcpu's flags are up to date. */
static inline bool enter_kernel(struct soft *s, const struct soft_way_in *w, enum table_level from,
	const struct event *event, u32 return_eip)
{
	struct vcpu *v = s->vcpu;
	const struct segment *stack = from == TABLE_USER ? &w->stack : &v->seg[SS];
	u32 bytes = 4 * ((from == TABLE_USER ? 5 : 3) + event->has_error), esp = v->gpr[ESP], *word;

	if (!knows_descriptors(s) || !is_same_gate(v, w, event))
		return false;
	if (from == TABLE_USER ? !is_same_stack(v, w, &esp)
			       : !segment_equal(&v->seg[CS], &w->code) || !is_flat_stack(stack))
		return false;
	esp -= bytes;
	word = access_known(v, gva(stack->base + esp), bytes, ACCESS_WRITE, 0);
	if (!word || (from == TABLE_USER && !soft_choose_known(s, TABLE_KERNEL, &w->code, stack)))
		return false;
	write_frame(v, event, return_eip, word);
	if (from == TABLE_USER) {
		v->seg[CS] = w->code;
		v->seg[SS] = *stack;
		v->cpl = 0;
		s->unusual = false; /* soft_choose_known() has seen to that */
	}
	v->shadow = v->halted = false;
	v->eflags &= ~w->eflags_cleared;
	v->eip = gate_offset(w->gate);
	v->gpr[ESP] = esp;
	return true;
}

bool soft_pass_deliver(struct soft *s)
{
	struct vcpu *v = s->vcpu;
	enum table_level from = descriptor_level(v);
	u32 skip = v->event.kind == EVENT_SOFTWARE ? v->event.length : 0;

	if (!enter_kernel(s, find_way(s, from, v->event.vector), from, &v->event, v->eip + skip))
		return false;
	v->event.kind = EVENT_NONE;
	if (from == TABLE_USER)
		soft_enter_level(s, WAY_TRANSLATED);
	/* A kernel that goes one by one still does. */
	s->straight = s->way == WAY_TRANSLATED && !(v->dr[7] & 0xff);
	return true;
}

/* The error code names the gate that ring 3 may not use: of INT n, or INT3 and INTO (SDM 3A 6.13). */
static bool is_int(const struct soft *s, u8 *vector)
{
	const struct hw_frame *f = &s->frame;
	const u8 *insn = (const u8 *)(s->vcpu->seg[CS].base + f->eip);

	*vector = f->error >> 3;
	return (f->error & 7) == ERROR_IDT && insn[0] == 0xcd && insn[1] == *vector;
}

/* Ring 3 goes on in this block. */
static void enter_block(struct soft *s, const struct xlate_block *b)
{
	s->frame.eip = b->host;
	s->frame.eflags = vcpu_real_eflags(s->vcpu);
	s->xlate.where = &xlate_nowhere;
}

static bool call_kernel(struct soft *s)
{
	struct event event = {.kind = EVENT_SOFTWARE};
	const struct hw_frame *f = &s->frame;
	const struct xlate_block *b;
	const struct soft_way_in *w;
	struct vcpu *v = s->vcpu;

	if (!s->xlate.cache || v->cpl != 3 || f->eflags & EFLAGS_TF || v->eflags & EFLAGS_IOPL ||
		v->dr[7] & 0xff || soft_segments_moved(s) || !is_int(s, &event.vector))
		return false;
	w = find_way(s, TABLE_USER, event.vector);
	b = soft_xlate_block(s, &w->code, gate_offset(w->gate));
	if (!b)
		return false;
	/* The long way would begin with this, too: RF is used up by an INT (SDM 3B 17.3.1.1). */
	vcpu_set_user_eflags(v, f->eflags & ~EFLAGS_RF);
	if (!enter_kernel(s, w, TABLE_USER, &event, f->eip + INT_BYTES))
		return false;
	soft_blame(s, CAUSE_INT);
	soft_enter_level(s, WAY_TRANSLATED);
	enter_block(s, b);
	return true;
}

/* --- back --- */

/* Whether the IRET that is kept for this place is what trapped there: a translation as it was, of 32 bits. */
static inline bool is_iret(struct soft *s)
{
	const struct trapped *t = soft_trapped_at(s, s->frame.eip);

	return t->at == s->frame.eip && t->mask == ~0u && t->bytes == s->xlate.counts->flushes &&
	       t->emulation.insn.op_size == 4;
}

static void take_flags(struct vcpu *v, u32 popped)
{
	v->eflags = event_returned_flags(v, popped, 4);
	v->shadow = false;
}

static bool return_to_program(struct soft *s, const u32 *word)
{
	const struct segment *code = &s->pass.user_code, *stack = &s->pass.user_stack;
	struct hw_frame *f = &s->frame;
	struct vcpu *v = s->vcpu;

	if (word[1] != code->selector || word[4] != stack->selector || word[0] > code->limit)
		return false;
	if (soft_segments_moved(s))
		soft_follow(s);
	/* What was chosen for a program it may keep (SDM 3A 5.8.6). */
	if (!soft_choose_known(s, TABLE_USER, code, stack))
		return false;
	take_flags(v, word[2]);
	v->seg[CS] = *code;
	v->seg[SS] = *stack;
	v->cpl = 3;
	v->eip = f->eip = word[0];
	v->gpr[ESP] = word[3];
	f->eflags = vcpu_real_eflags(v);
	soft_enter_level(s, WAY_DIRECT);
	return true;
}

static bool return_in_kernel(struct soft *s, const u32 *word)
{
	const struct segment *code = &s->pass.kernel_code;
	struct vcpu *v = s->vcpu;
	const struct xlate_block *b;

	if (word[1] != v->seg[CS].selector || !segment_equal(code, &v->seg[CS]) ||
		word[0] > code->limit)
		return false;
	b = soft_xlate_block(s, code, word[0]);
	if (!b || s->shadow.stale)
		return false;
	take_flags(v, word[2]);
	v->eip = word[0];
	v->gpr[ESP] += 12;
	s->xlate.state->vif = v->eflags & EFLAGS_IF;
	enter_block(s, b);
	return true;
}

static bool return_from_kernel(struct soft *s)
{
	const u32 unusual = EFLAGS_TF | EFLAGS_NT | EFLAGS_VM | EFLAGS_IOPL;
	const struct hw_frame *f = &s->frame;
	struct vcpu *v = s->vcpu;
	u32 at = v->seg[SS].base + v->gpr[ESP];
	const u32 *word;
	bool inner;

	if (f->ss != s->loaded[SS] || f->eflags & EFLAGS_NT || v->intr || v->dr[7] & 0xff ||
		!knows_descriptors(s) || !is_flat_stack(&v->seg[SS]))
		return false;
	word = access_known(v, gva(at), 12, ACCESS_READ, 0);
	if (!word || word[2] & unusual)
		return false;
	inner = !(word[1] & SELECTOR_RPL);
	if (!inner && (at & PAGE_MASK) > PAGE_SIZE - 20)
		return false;
	soft_returned(s);
	if (!(inner ? return_in_kernel(s, word) : return_to_program(s, word)))
		return false;
	soft_blame(s, CAUSE_IRET);
	return true;
}

bool soft_pass(struct soft *s, enum soft_way *way)
{
	bool passed = *way == WAY_DIRECT       ? call_kernel(s)
		      : *way == WAY_TRANSLATED ? is_iret(s) && return_from_kernel(s)
					       : false;

	*way = s->way;
	return passed;
}
