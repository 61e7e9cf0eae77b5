/*
 * The guest's instructions, or translations of them, run on the real processor, in ring 3, and what it
 * must not do there traps.
 *
 *        +--> deliver v->event --> choose --> soft_load --> hw_enter ==== ring 3 ==== trap
 *        |                                                                             |
 *        +------------- settled or pending <------ soft_trap <------- soft_store ------+
 *                                                  |
 *                                                  +--> exit to the vmm
 */
#include "engine/soft.h"

#include "cpu/event.h"
#include "hw/cpu.h"
#include "hw/insn.h"
#include "hw/memory.h"

/* A frame that is written again and again holds other things as well: it is let go, if it may be. */
static void frame_written(struct gmem *mem, gpa_t address, u32 bytes, unsigned watchers)
{
	u32 gfn = address.v >> PAGE_SHIFT;
	struct soft *s = mem->owner;

	s->streak = gfn == s->written ? s->streak + 1 : 1;
	s->written = gfn;
	if (watchers & WATCH_DESCRIPTORS)
		soft_descriptors_written(s, address, bytes);
	if (watchers & WATCH_CODE)
		soft_xlate_written(s, address, bytes);
}

static const char *attach(struct vcpu *v, bool translate)
{
	struct soft *s = memory_pages(PAGE_COUNT(sizeof *s));
	void *tables = memory_pages(PAGE_COUNT(SHADOW_TABLES_BYTES));
	u32 shadow_size = shadow_pages(SHADOW_TABLES(v->mem->size));
	void *shadow = memory_pages(shadow_size);
	const u32 *window[ROOT_COUNT] = {memory_window_entries(), memory_window_entries()};
	const char *wrong = NULL;

	if (!s || !tables || !shadow)
		return "the monitor's own memory is used up: start fewer machines, or give QEMU "
		       "more (-m)";
	v->engine = s;
	v->mem->owner = s;
	v->mem->written = frame_written;
	s->vcpu = v;
	s->cr4_features = cpu_cr4_features();
	s->due = DUE_GDT | DUE_LDT;
	descriptor_init(&s->tables, tables);
	for (unsigned level = 0; level < TABLE_COUNT; level++) {
		cpu_fill_gdt(s->tables.gdt.slot[level]);
		cpu_fill_ldt(s->tables.gdt.slot[level], s->tables.ldt.slot[level]);
	}
	shadow_init(&s->shadow, v->mem, shadow, memory_physical(shadow), shadow_size);
	if (translate) {
		wrong = soft_xlate_attach(s);
		window[ROOT_KERNEL] = s->xlate.window;
	}
	if (!wrong)
		shadow_set_window(&s->shadow, memory_window_start() >> 22, WINDOW_PDES, window);
	return wrong;
}

static const char *direct_attach(struct vcpu *v)
{
	return attach(v, false);
}

static const char *translate_attach(struct vcpu *v)
{
	return attach(v, true);
}

/* The frame does not hold what ring 3 left: why not. */
static enum step refuse(const struct soft *s, struct exit *exit)
{
	exit->kind = EXIT_UNSUPPORTED;
	/* Refused: not a fault of the guest's, whose handler could not be entered either, for ever. */
	exit->reason = s->frame.vector == VECTOR_VM86
			       ? "it entered virtual-8086 mode, which is not virtualized"
			       : "the processor refuses its segment registers";
	return STEP_EXIT;
}

#define EMULATED_MOST 64u /* instructions in a row, without ring 3 between them */

bool engine_meter;

/* The end of the visit that began when ring 3 was left last. */
static void meter_enter(struct soft *s)
{
	if (s->left) {
		s->counts.visits[s->cause]++;
		s->counts.ticks[s->cause] += read_tsc() - s->left;
	}
	s->cause = CAUSE_OTHER;
}

/* Whether it is worth asking soft_pass(): an error code of INT n's, a place where an IRET was. */
static inline bool may_pass(struct soft *s, enum soft_way way)
{
	const struct trapped *t = soft_trapped_at(s, s->frame.eip);

	if (hw_late_breakpoint)
		return false;
	return way == WAY_DIRECT ? s->frame.error & ERROR_IDT : t->emulation.insn.opcode == 0xcf;
}

/* One turn in ring 3, from host address `host_eip` on. */
static enum step enter(struct soft *s, enum soft_way way, u32 host_eip, struct exit *exit)
{
	enum step step;

	s->alone = false;
	s->in_a_row = 0;
	soft_load(s, way, host_eip);
	do {
		if (engine_meter)
			meter_enter(s);
		hw_enter(&s->frame, s->vcpu->gpr);
		if (engine_meter)
			s->left = read_tsc();
		s->counts.traps++;
	} while (s->frame.vector == VECTOR_GP && may_pass(s, way) && soft_pass(s, &way));
	if (s->frame.vector >= VECTOR_VM86)
		return refuse(s, exit);
	if (way == WAY_TRANSLATED)
		soft_xlate_left(s);
	soft_store(s);
	step = soft_trap(s, exit);
	s->stepping = false;
	return step;
}

/* No real interrupt comes in here, however long it lasts: now and then the vmm has to look. */
static enum step emulate_next(struct soft *s, struct exit *exit)
{
	struct vcpu *v = s->vcpu;
	u32 hit = v->dr[7] & 0xff && !(v->eflags & EFLAGS_RF) ? soft_breakpoints(v) : 0;

	s->way = WAY_EMULATED;
	if (hit) {
		v->dr[6] |= hit;
		vcpu_raise(v, VECTOR_DB, 0);
		return STEP_FAULT;
	}
	if (++s->in_a_row < EMULATED_MOST)
		return soft_emulate(s, exit);
	s->in_a_row = 0;
	exit->kind = EXIT_YIELD;
	return STEP_EXIT;
}

/* The next instruction, or as many as there are until something traps. */
static enum step go_on(struct soft *s, struct exit *exit)
{
	struct vcpu *v = s->vcpu;
	enum soft_way way;
	u32 host_eip = s->straight ? soft_xlate_straight(s) : 0;

	s->straight = false;
	if (host_eip)
		return enter(s, WAY_TRANSLATED, host_eip, exit);
	way = soft_choose_way(s);
	host_eip = v->eip;
	/* IRET to ring 3 would be the monitor's fault; the fetch there is the guest's (SDM 2A, IRET). */
	if (v->eip > v->seg[CS].limit) {
		vcpu_raise(v, VECTOR_GP, 0);
		return STEP_FAULT;
	}
	if (way == WAY_TRANSLATED)
		host_eip = soft_xlate_find(s);
	/* Code that cannot be fetched is not translated: the emulation of the fetch has the fault. */
	if (way == WAY_EMULATED || !host_eip)
		return emulate_next(s, exit);
	return enter(s, way, host_eip, exit);
}

static enum step deliver(struct soft *s, struct exit *exit)
{
	struct event event = s->vcpu->event;
	enum table_level from = descriptor_level(s->vcpu);
	enum step step;

	if (soft_pass_deliver(s))
		return STEP_DONE;
	step = event_deliver(s->vcpu, exit);
	s->due |= DUE_SEGMENTS;
	if (step == STEP_DONE)
		soft_pass_in(s, &event, from);
	return step;
}

static void soft_run(struct vcpu *v, struct exit *exit)
{
	struct soft *s = soft_of(v);
	enum step step = STEP_DONE;

	if (!soft_real_is_loaded(s))
		s->due |= DUE_MACHINE;
	if (v->clock_zero != s->xlate.clock_zero) /* its clock has stood */
		s->xlate.clock_due = true;
	if (s->asked)
		step = soft_resume(s, exit);
	while (step != STEP_EXIT) {
		if (v->event.kind != EVENT_NONE) {
			step = deliver(s, exit);
		} else if (v->intr && vcpu_interruptible(v)) {
			exit->kind = EXIT_INTR_WINDOW;
			return;
		} else {
			step = go_on(s, exit);
		}
	}
}

static const struct engine_counts *soft_counts(struct vcpu *v)
{
	struct soft *s = soft_of(v);

	if (s->xlate.cache)
		soft_xlate_count(s);
	return &s->counts;
}

static const char *soft_audit(struct vcpu *v)
{
	const struct soft *s = soft_of(v);
	const char *broken = shadow_audit(&soft_of(v)->shadow, NULL);

	return broken || !s->xlate.cache ? broken : xlate_audit(s->xlate.cache);
}

const struct engine direct_engine = {
	.name = "direct execution",
	.attach = direct_attach,
	.run = soft_run,
	.counts = soft_counts,
	.audit = soft_audit,
};

const struct engine translate_engine = {
	.name = "binary translation",
	.attach = translate_attach,
	.run = soft_run,
	.counts = soft_counts,
	.audit = soft_audit,
};
