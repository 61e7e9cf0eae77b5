/*
 * Events enter a guest through its own IDT, as the processor would make them enter a kernel:
 *
 *   event -> gate -> code segment -> [inner stack from the TSS] -> frame -> handler
 *
 *        higher addresses
 *       +----------------+
 *       |   SS  (old)    |  only if the stack was switched
 *       |   ESP (old)    |
 *       +----------------+
 *       |     EFLAGS     |
 *       |   CS  (old)    |
 *       |   EIP (old)    |
 *       |   error code   |  only some exceptions
 *       +----------------+  <- ESP of the handler
 *
 * Lab 2, part b. Nothing of the vcpu changes before the whole frame is written, so that a fault on
 * the way finds the interrupted program as it was.
 */
#include "cpu/event.h"

#include "cpu/instructions.h"
#include "cpu/segment.h"

struct gate {
	u16 selector;
	u32 offset;
	bool clears_if; /* an interrupt gate; a trap gate leaves IF alone */
	bool task;
	unsigned size; /* of what is pushed: 4, or 2 for the gates of the 286 */
};

/* What is on its way in: the handler, its stack, and the level they run at. */
struct entry {
	struct gate gate;
	struct segment code, stack;
	u32 esp, eip;
	unsigned cpl;
};

/* Whether [esp, esp + bytes) lies within the stack segment (SDM 3A 5.3). */
static bool stack_holds(const struct segment *ss, u32 esp, u32 bytes)
{
	u32 last = esp + bytes - 1;
	u32 top = ss->attr & ATTR_DB ? ~0u : 0xffff;

	if (last < esp)
		return false;
	return ss->attr & ATTR_EXPAND ? esp > ss->limit && last <= top : last <= ss->limit;
}

/*
 * Reads the gate of `event` from the guest's IDT, entry event->vector, with the rights of level 0.
 *
 * The caller guarantees: `ext` is ERROR_EXT, or 0 for a software interrupt.
 * After it: *gate is filled (a gate of the 286 has an offset of 16 bits; a task gate is no fault
 * here, deliver() refuses it), or a fault is pending whose error code is vector * 8 + ERROR_IDT +
 * ext: #GP if the gate lies outside the IDT, is none of the types that an IDT may hold, or (for
 * software interrupts only) has a DPL below the current privilege level; #NP if the gate is right
 * but not present.
 * Source: SDM 3A 6.11, 6.12.1.2; the order of the checks, SDM 2A INT n, "Operation".
 */
static enum step read_gate(struct vcpu *v, const struct event *event, u32 ext, struct gate *gate)
{
	/* LAB 2 BEGIN read_gate */
	u32 error = event->vector * 8u | ERROR_IDT | ext;
	u32 at = v->idtr.base + event->vector * 8u;
	struct descriptor d;
	unsigned type;

	if (event->vector * 8u + 7 > v->idtr.limit)
		return emulation_fault(v, VECTOR_GP, error);
	TRY(access_linear(v, gva(at), &d, sizeof d, ACCESS_READ, 0));

	type = descriptor_attr(d) & (ATTR_S | ATTR_TYPE);
	*gate = (struct gate){
		.selector = gate_selector(d),
		.offset = gate_offset(d),
		.clears_if = type == TYPE_INTERRUPT_GATE32 || type == TYPE_INTERRUPT_GATE16,
		.task = type == TYPE_TASK_GATE,
		.size = type == TYPE_INTERRUPT_GATE16 || type == TYPE_TRAP_GATE16 ? 2 : 4,
	};
	if (gate->size == 2)
		gate->offset &= 0xffff;
	if (!gate->clears_if && !gate->task && type != TYPE_TRAP_GATE32 && type != TYPE_TRAP_GATE16)
		return emulation_fault(v, VECTOR_GP, error);
	if (event->kind == EVENT_SOFTWARE &&
		(descriptor_attr(d) & ATTR_DPL) >> ATTR_DPL_SHIFT < v->cpl)
		return emulation_fault(v, VECTOR_GP, error);
	if (!(descriptor_attr(d) & ATTR_P))
		return emulation_fault(v, VECTOR_NP, error);
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * Reads the handler's code segment, by segment_read(), into in->code and sets in->cpl, the level it
 * runs at: the segment's DPL, or the current one if it is conforming. The RPL of in->code.selector
 * becomes that level.
 *
 * After it, or a fault: #GP(ext) for a null selector; #GP(selector + ext) if it lies outside its
 * table (segment_read does this), is no code, or is less privileged than the current level;
 * #NP(selector + ext) if it is not present. The selector in an error code has its RPL bits cleared.
 * Source: SDM 3A 6.12.1.
 */
static enum step read_handler(struct vcpu *v, u32 ext, struct entry *in)
{
	/* LAB 2 BEGIN read_handler */
	u16 selector = in->gate.selector;
	u32 error = (selector & ~SELECTOR_RPL) | ext;

	if (selector_is_null(selector))
		return emulation_fault(v, VECTOR_GP, ext);
	TRY(segment_read(v, selector, VECTOR_GP, ext, &in->code));
	if (!segment_is_code(&in->code) || segment_dpl(&in->code) > v->cpl)
		return emulation_fault(v, VECTOR_GP, error);
	if (!(in->code.attr & ATTR_P))
		return emulation_fault(v, VECTOR_NP, error);
	in->cpl = in->code.attr & ATTR_CONFORM ? v->cpl : segment_dpl(&in->code);
	in->code.selector = (selector & ~SELECTOR_RPL) | in->cpl;
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * Finds the stack on which a handler of level 0 runs when it interrupts level 3: in->stack and
 * in->esp, from SS0 and ESP0 of the guest's 32-bit TSS, read with the rights of level 0.
 *
 * After it, or a fault: #TS(TR's selector + ext) if the TSS is too short; #TS(SS0 + ext) for a
 * wrong segment; #SS(SS0 + ext) for one that is not present (segment_check_stack does these two).
 * Source: SDM 3A 6.12.1, 7.2.1.
 */
static enum step read_inner_stack(struct vcpu *v, u32 ext, struct entry *in)
{
	/* LAB 2 BEGIN read_inner_stack */
	u32 tss[2]; /* ESP0, SS0 */
	u32 offset = offsetof(struct tss, esp0);

	if (offset + sizeof tss - 1 > v->tr.limit)
		return emulation_fault(v, VECTOR_TS, (v->tr.selector & ~SELECTOR_RPL) | ext);
	TRY(access_linear(v, gva(v->tr.base + offset), tss, sizeof tss, ACCESS_READ, 0));
	in->esp = tss[0];
	return segment_check_stack(v, tss[1], 0, VECTOR_TS, ext, &in->stack);
	/* LAB 2 END */
}

/*
 * Writes the frame of the picture above onto in->stack, and lowers in->esp to its last word.
 *
 * The caller guarantees: in->stack and in->esp are the handler's stack before the frame; in->eip is
 * the EIP to return to. The old SS and ESP are part of the frame only if in->cpl differs from the
 * current level. EFLAGS are the guest's own (v->eflags), with RF set for an exception other than
 * #DB (SDM 3B 17.3.1.1). Every word takes in->gate.size bytes; stack_move() lowers ESP, and
 * stack_offset() tells where in the segment that is.
 * After it, or a fault: #SS if the frame does not fit (stack_holds() says), with error code `ext` on
 * the current stack, the new stack's selector + ext on another; or the page fault of the write,
 * which is made with the rights of in->cpl. Write the whole frame by one access_linear(), so that it
 * is there whole or not at all.
 * Source: SDM 3A 6.12.1, figure 6-4.
 */
static enum step push_frame(struct vcpu *v, const struct event *event, u32 ext, struct entry *in)
{
	/* LAB 2 BEGIN push_frame */
	bool fault = event->kind == EVENT_EXCEPTION && event->vector != VECTOR_DB;
	bool switched = in->cpl != v->cpl;
	u32 word[6], offset;
	unsigned n = 0, bytes;

	if (event->has_error)
		word[n++] = event->error;
	word[n++] = in->eip;
	word[n++] = v->seg[CS].selector;
	word[n++] = fault ? v->eflags | EFLAGS_RF : v->eflags;
	if (switched) {
		word[n++] = v->gpr[ESP];
		word[n++] = v->seg[SS].selector;
	}
	bytes = n * in->gate.size;
	if (in->gate.size == 2)
		for (unsigned i = 0; i < n; i++)
			((u16 *)word)[i] = word[i];

	in->esp = stack_move(&in->stack, in->esp, -bytes);
	offset = stack_offset(&in->stack, in->esp);
	if (!stack_holds(&in->stack, offset, bytes))
		return emulation_fault(
			v, VECTOR_SS, (switched ? in->stack.selector & ~SELECTOR_RPL : 0u) | ext);
	return access_linear(v, gva(in->stack.base + offset), word, bytes, ACCESS_WRITE, in->cpl);
	/* LAB 2 END */
}

/*
 * Makes the handler the next thing to run: CS:EIP, SS:ESP, the privilege level, and EFLAGS with TF,
 * NT, RF and VM clear, and IF clear behind an interrupt gate.
 *
 * The caller guarantees: everything is checked and the frame is written. This cannot fail.
 * Source: SDM 3A 6.12.1.3.
 */
static void enter_handler(struct vcpu *v, const struct entry *in)
{
	/* LAB 2 BEGIN enter_handler */
	v->seg[CS] = in->code;
	v->seg[SS] = in->stack;
	v->eip = in->gate.offset;
	v->gpr[ESP] = in->esp;
	v->cpl = in->cpl;
	v->eflags &= ~(EFLAGS_TF | EFLAGS_NT | EFLAGS_RF | EFLAGS_VM);
	if (in->gate.clears_if)
		v->eflags &= ~EFLAGS_IF;
	/* LAB 2 END */
}

u32 event_eflags_cleared(struct descriptor gate)
{
	unsigned type = descriptor_attr(gate) & ATTR_TYPE;
	bool interrupt = type == TYPE_INTERRUPT_GATE32 || type == TYPE_INTERRUPT_GATE16;

	return EFLAGS_TF | EFLAGS_NT | EFLAGS_RF | EFLAGS_VM | (interrupt ? EFLAGS_IF : 0);
}

static enum step unsupported(struct exit *exit, const char *reason)
{
	exit->kind = EXIT_UNSUPPORTED;
	exit->reason = reason;
	return STEP_EXIT;
}

static bool is_exception(const struct event *e, enum vector vector)
{
	return e->kind == EVENT_EXCEPTION && e->vector == vector;
}

/* Delivers one event, or leaves the fault that came on the way pending. */
static enum step deliver(struct vcpu *v, const struct event *event, struct exit *exit)
{
	u32 ext = event->kind == EVENT_SOFTWARE ? 0 : ERROR_EXT;
	struct entry in = {
		.stack = v->seg[SS],
		.esp = v->gpr[ESP],
		.eip = v->eip + (event->kind == EVENT_SOFTWARE ? event->length : 0u),
	};

	TRY(read_gate(v, event, ext, &in.gate));
	if (in.gate.task)
		return unsupported(exit, "the guest's IDT names a task gate: hardware task "
					 "switching is not virtualized");
	TRY(read_handler(v, ext, &in));
	if (in.cpl % 3)
		return unsupported(exit, "a handler in ring 1 or 2: only rings 0 and 3 are "
					 "virtualized");
	if (in.cpl != v->cpl)
		TRY(read_inner_stack(v, ext, &in));
	if (in.gate.offset > in.code.limit)
		return emulation_fault(v, VECTOR_GP, ext);
	TRY(push_frame(v, event, ext, &in));
	TRY(segment_mark(v, &in.code));
	TRY(segment_mark(v, &in.stack));
	enter_handler(v, &in);
	v->shadow = false;
	v->halted = false;
	/* So that its handler can use the debug registers (SDM 3B 17.2.4). */
	if (is_exception(event, VECTOR_DB))
		v->dr[7] &= ~DR7_GD;
	return STEP_DONE;
}

/* The exceptions that combine to a double fault (SDM 3A table 6-5: "contributory"). */
static bool is_contributory(const struct event *e)
{
	const u32 contributory = 1u << VECTOR_DE | 1u << VECTOR_TS | 1u << VECTOR_NP |
				 1u << VECTOR_SS | 1u << VECTOR_GP;

	return e->kind == EVENT_EXCEPTION && e->vector < 32 && (contributory & 1u << e->vector);
}

/*
 * Decides what follows when `second` came up during the delivery of `first`: true, and v->event is
 * the one to deliver next (`second` itself, or #DF with error code 0); false if it is the end (a
 * fault while a double fault is delivered: shutdown).
 *
 * Source: SDM 3A 6.15, "Interrupt 8", tables 6-5 and 6-6.
 */
static bool combine(struct vcpu *v, const struct event *first, const struct event *second)
{
	/* LAB 2 BEGIN combine */
	if (is_exception(first, VECTOR_DF))
		return false;
	v->event = *second;
	if ((is_contributory(first) && is_contributory(second)) ||
		(is_exception(first, VECTOR_PF) &&
			(is_contributory(second) || is_exception(second, VECTOR_PF))))
		vcpu_raise(v, VECTOR_DF, 0);
	return true;
	/* LAB 2 END */
}

enum step event_deliver(struct vcpu *v, struct exit *exit)
{
	for (;;) {
		struct event first = v->event, second;
		enum step step;

		v->event.kind = EVENT_NONE;
		step = deliver(v, &first, exit);
		if (step != STEP_FAULT)
			return step;
		second = v->event;
		if (!combine(v, &first, &second)) {
			exit->kind = EXIT_SHUTDOWN;
			exit->reason = "a fault while a double fault was delivered (triple fault)";
			return STEP_EXIT;
		}
	}
}

/* The frame that IRET takes off the stack, widened to 32 bits. */
struct return_frame {
	u32 eip, cs, eflags, esp, ss;
};

/* Reads `words` of the frame at SS:ESP. #SS(0) if they lie outside the stack. */
static enum step read_frame(
	struct vcpu *v, unsigned size, unsigned words, struct return_frame *frame)
{
	u32 *word = &frame->eip;
	u32 offset = stack_offset(&v->seg[SS], v->gpr[ESP]);
	gva_t at = gva(v->seg[SS].base + offset);

	if (!stack_holds(&v->seg[SS], offset, words * size))
		return emulation_fault(v, VECTOR_SS, 0);
	TRY(access_linear(v, at, word, words * size, ACCESS_READ, v->cpl));
	if (size == 2)
		for (unsigned i = words; i--;)
			word[i] = ((u16 *)word)[i];
	return STEP_DONE;
}

/* What `popped` may change depends on the level it is popped at. */
u32 event_returned_flags(const struct vcpu *v, u32 popped, unsigned size)
{
	u32 may = EFLAGS_ARITH | EFLAGS_TF | EFLAGS_DF | EFLAGS_NT;

	if (size == 4)
		may |= EFLAGS_RF | EFLAGS_AC | EFLAGS_ID;
	if (v->cpl <= vcpu_iopl(v))
		may |= EFLAGS_IF;
	if (v->cpl == 0)
		may |= EFLAGS_IOPL;
	return (v->eflags & ~may) | (popped & may) | EFLAGS_FIXED;
}

/*
 * IRET: goes back to where the frame at SS:ESP says, at the same level or to an outer one.
 *
 * The caller guarantees: EFLAGS.NT is clear, and the frame is not of virtual-8086 mode.
 * Steps, each of which may fail: read_frame() of EIP, CS, EFLAGS (three words of `size` bytes);
 * segment_check_return() of CS; if its RPL is an outer level, read_frame() of ESP and SS too (five
 * words in all) and segment_check_stack() of SS, with #GP; EIP beyond the limit of the new code
 * segment is #GP(0); segment_mark() of both segments.
 * Only then change the vcpu: CS:EIP; EFLAGS by event_returned_flags(), which needs the old level; SS:ESP
 * from the frame and the level; and by segment_drop_privileged(), which needs the new one, the data
 * segments that it may not use. At the same level SS stays and ESP moves over the three words, by
 * stack_move().
 * Source: SDM 2A IRET, "Operation"; SDM 3A 5.8.6.
 */
static enum step return_from_event(struct vcpu *v, unsigned size)
{
	/* LAB 2 BEGIN return_from_event */
	struct segment code, stack = v->seg[SS];
	struct return_frame f;
	u32 esp = stack_move(&stack, v->gpr[ESP], 3 * size);
	unsigned cpl;

	TRY(read_frame(v, size, 3, &f));
	TRY(segment_check_return(v, f.cs, &code));
	cpl = f.cs & SELECTOR_RPL;
	if (cpl != v->cpl) {
		TRY(read_frame(v, size, 5, &f));
		TRY(segment_check_stack(v, f.ss, cpl, VECTOR_GP, 0, &stack));
		esp = f.esp;
	}
	if (f.eip > code.limit)
		return emulation_fault(v, VECTOR_GP, 0);
	TRY(segment_mark(v, &code));
	TRY(segment_mark(v, &stack));

	v->eflags = event_returned_flags(v, f.eflags, size);
	v->seg[CS] = code;
	v->seg[SS] = stack;
	v->eip = f.eip;
	v->gpr[ESP] = esp;
	if (cpl != v->cpl) {
		v->cpl = cpl;
		segment_drop_privileged(v);
	}
	return STEP_DONE;
	/* LAB 2 END */
}

/*
 * IRET with NT set goes back to the task that the TSS links to. A link to no busy TSS is #TS, as in
 * SDM 2A IRET, "TASK-RETURN"; one that is good asks for what is not virtualized.
 */
static enum step return_to_task(struct vcpu *v, struct emulation *e)
{
	struct segment task;
	u16 link;
	gva_t at = gva(v->tr.base + offsetof(struct tss, link));

	TRY(access_linear(v, at, &link, sizeof link, ACCESS_READ, 0));
	if (link & SELECTOR_TI)
		return emulation_fault(v, VECTOR_TS, link & ~SELECTOR_RPL);
	TRY(segment_read(v, link, VECTOR_TS, 0, &task));
	if ((task.attr & (ATTR_S | ATTR_TYPE)) != TYPE_TSS32_BUSY)
		return emulation_fault(v, VECTOR_TS, link & ~SELECTOR_RPL);
	return emulation_unsupported(
		e, "IRET to another task: hardware task switching is not virtualized");
}

enum step emulate_iret(struct vcpu *v, struct emulation *e)
{
	struct segment from = v->seg[CS];
	struct return_frame f;

	if (v->eflags & EFLAGS_NT)
		return return_to_task(v, e);
	TRY(read_frame(v, e->insn.op_size, 3, &f));
	if (e->insn.op_size == 4 && v->cpl == 0 && (f.eflags & EFLAGS_VM))
		return emulation_unsupported(
			e, "IRET to virtual-8086 mode, which is not virtualized");
	if (v->cpl == 0 && (f.cs & SELECTOR_RPL) % 3)
		return emulation_unsupported(
			e, "IRET to ring 1 or 2: only rings 0 and 3 are virtualized");
	TRY(return_from_event(v, e->insn.op_size));
	v->shadow = false;
	/* Another segment is another level, or may be: SS may have changed too. */
	if (!segment_equal(&from, &v->seg[CS]))
		e->effects |= EFFECT_SEGMENTS;
	return STEP_DONE;
}
