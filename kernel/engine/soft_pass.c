/*
 * The short way between a program and its kernel. A program calls its kernel by INT n and comes back
 * by IRET, again and again, and each time event_deliver() and cpu_emulate() look at a gate, a TSS and
 * descriptors. What they found the last time holds as long as the words that they looked at are the
 * same: these are compared here. The descriptors need no look, since writes to them are heard of. All
 * that is unusual (a trace flag, an interrupt that waits, a page that is not known) goes the long way.
 *
 * The general registers stay in the frame, where the trap has put them.
 */
#include "engine/soft.h"

#include "cpu/access.h"
#include "cpu/event.h"
#include "cpu/segment.h"

#define INT_BYTES 2u /* CD n */

void soft_pass_in(struct soft *s, const struct event *event, unsigned from_cpl)
{
	struct soft_pass *p = &s->pass;
	struct vcpu *v = s->vcpu;
	const struct descriptor *gate;
	const u32 *tss;

	p->in = false;
	if (!s->xlate.cache || event->kind != EVENT_SOFTWARE || from_cpl != 3 || v->cpl != 0)
		return;
	gate = access_known(v, gva(v->idtr.base + event->vector * 8u), 8, ACCESS_READ, 0);
	if (!gate)
		return;
	p->gate = *gate;
	tss = access_known(v, gva(v->tr.base + offsetof(struct tss, esp0)), 8, ACCESS_READ, 0);
	if (!tss)
		return;
	p->ss0 = tss[1];
	p->vector = event->vector;
	p->idtr = v->idtr;
	p->tr = v->tr;
	p->code = v->seg[CS];
	p->stack = v->seg[SS];
	p->eip = v->eip;
	p->eflags_cleared = event_eflags_cleared(p->gate);
	/* Another handler, if a fault came on the way to this one. */
	p->in = v->eip == gate_offset(p->gate) && p->code.attr & p->stack.attr & ATTR_DB &&
		p->stack.limit == ~0u;
}

void soft_pass_out(struct soft *s)
{
	struct soft_pass *p = &s->pass;

	p->user_code = s->vcpu->seg[CS];
	p->user_stack = s->vcpu->seg[SS];
	p->out = s->xlate.cache && s->vcpu->cpl == 3;
}

/* Whether the registers are those that the program was given: it has loaded no others. */
static bool has_own_segments(const struct soft *s)
{
	const struct hw_frame *f = &s->frame;
	const u16 *l = s->loaded;

	return f->cs == l[CS] && f->ss == l[SS] && f->ds == l[DS] && f->es == l[ES] &&
	       f->fs == l[FS] && f->gs == l[GS];
}

/* INT n, the same as last time: its gate, and the stack segment in the TSS. *esp0: of the TSS now. */
static bool is_same_call(struct soft *s, u32 *esp0)
{
	const struct soft_pass *p = &s->pass;
	const struct hw_frame *f = &s->frame;
	struct vcpu *v = s->vcpu;
	const struct descriptor *gate;
	const u32 *tss;

	if (!p->in || f->error != (p->vector * 8u | ERROR_IDT) || f->eflags & EFLAGS_TF ||
		v->eflags & EFLAGS_IOPL || v->dr[7] & 0xff || v->idtr.base != p->idtr.base ||
		v->idtr.limit != p->idtr.limit || !segment_equal(&v->tr, &p->tr) ||
		!has_own_segments(s) || *(const u8 *)(v->seg[CS].base + f->eip) != 0xcd)
		return false;
	gate = access_known(v, gva(v->idtr.base + p->vector * 8u), 8, ACCESS_READ, 0);
	if (!gate || gate->low != p->gate.low || gate->high != p->gate.high)
		return false;
	tss = access_known(v, gva(v->tr.base + offsetof(struct tss, esp0)), 8, ACCESS_READ, 0);
	if (!tss || (u16)tss[1] != p->ss0)
		return false;
	*esp0 = tss[0];
	return true;
}

/* The frame that INT pushes (SDM 3A figure 6-4), if its page is known. */
static bool push_frame(struct soft *s, u32 esp)
{
	const struct hw_frame *f = &s->frame;
	struct vcpu *v = s->vcpu;
	u32 *word = access_known(v, gva(s->pass.stack.base + esp), 20, ACCESS_WRITE, 0);

	if (!word)
		return false;
	vcpu_set_user_eflags(v, f->eflags);
	word[0] = f->eip + INT_BYTES;
	word[1] = v->seg[CS].selector;
	word[2] = v->eflags;
	word[3] = f->esp;
	word[4] = v->seg[SS].selector;
	return true;
}

static bool call_kernel(struct soft *s)
{
	const struct soft_pass *p = &s->pass;
	struct hw_frame *f = &s->frame;
	struct vcpu *v = s->vcpu;
	struct segment code = v->seg[CS], stack = v->seg[SS];
	struct xlate_block *b;
	u32 esp0;

	if (!is_same_call(s, &esp0))
		return false;
	b = xlate_find(s->xlate.cache, p->eip);
	if (!b || s->xlate.cs.base != p->code.base || s->xlate.cs.limit != p->code.limit ||
		!push_frame(s, esp0 - 20))
		return false;
	v->seg[CS] = p->code;
	v->seg[SS] = p->stack;
	if (!soft_reload_level(s, TABLE_KERNEL, v->seg)) { /* INT pushes the same again */
		v->seg[CS] = code;
		v->seg[SS] = stack;
		return false;
	}
	soft_blame(s, CAUSE_INT);
	v->cpl = 0;
	v->shadow = false;
	v->eflags &= ~p->eflags_cleared;
	v->eip = p->eip;
	f->esp = esp0 - 20;
	f->eip = b->host;
	f->eflags = vcpu_real_eflags(v);
	s->xlate.where.block = NULL;
	soft_enter_level(s, WAY_TRANSLATED);
	return true;
}

/* Whether what trapped in the cache is a 32-bit IRET, which has been there before. */
static bool is_iret(const struct soft *s)
{
	const struct trapped *t = &s->trapped[s->frame.eip % TRAPPED_KEPT];

	return t->at == s->frame.eip && t->mask == ~0u &&
	       t->bytes == xlate_counts(s->xlate.cache)->flushes &&
	       t->emulation.insn.opcode == 0xcf && t->emulation.insn.op_size == 4;
}

/* Data segments of the kernel's that the program must not keep (SDM 3A 5.8.6). */
static bool keeps_data(const struct vcpu *v)
{
	static const enum sreg data[] = {ES, DS, FS, GS};

	for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
		if (v->seg[data[i]].attr && segment_dpl(&v->seg[data[i]]) != 3)
			return false;
	return true;
}

static bool return_to_program(struct soft *s)
{
	const u32 unusual = EFLAGS_TF | EFLAGS_NT | EFLAGS_VM | EFLAGS_IOPL;
	const struct soft_pass *p = &s->pass;
	struct hw_frame *f = &s->frame;
	struct vcpu *v = s->vcpu;
	struct segment code = v->seg[CS], stack = v->seg[SS];
	const u32 *word;
	u32 eip, esp, eflags;
	struct paging paging;

	if (!p->out || !is_iret(s) || f->ss != s->loaded[SS] || f->eflags & EFLAGS_NT || v->intr ||
		v->dr[7] & 0xff)
		return false;
	word = access_known(v, gva(stack.base + f->esp), 20, ACCESS_READ, 0);
	if (!word || word[1] != p->user_code.selector || word[4] != p->user_stack.selector ||
		word[2] & unusual || word[0] > p->user_code.limit)
		return false;
	eip = word[0];
	eflags = word[2];
	esp = word[3];
	soft_follow_data(s);
	v->seg[CS] = p->user_code;
	v->seg[SS] = p->user_stack;
	if (!keeps_data(v) || !soft_reload_level(s, TABLE_USER, v->seg)) {
		v->seg[CS] = code;
		v->seg[SS] = stack;
		return false;
	}
	soft_blame(s, CAUSE_IRET);
	v->eflags = event_returned_flags(v, eflags, 4);
	v->cpl = 3;
	v->shadow = false;
	v->eip = f->eip = eip;
	f->esp = esp;
	f->eflags = vcpu_real_eflags(v);
	paging = vcpu_paging(v);
	shadow_returned(&s->shadow, &paging);
	soft_enter_level(s, WAY_DIRECT);
	return true;
}

bool soft_pass(struct soft *s, enum soft_way *way)
{
	bool passed = *way == WAY_DIRECT       ? s->vcpu->cpl == 3 && call_kernel(s)
		      : *way == WAY_TRANSLATED ? return_to_program(s)
					       : false;

	*way = s->way;
	return passed;
}
