/*
 * Direct execution: the guest's instructions run on the real processor, in ring 3, and what it must
 * not do there traps.
 *
 *        +--> deliver v->event --> soft_load --> hw_enter ==== ring 3 ==== trap
 *        |                                                                  |
 *        +----------- settled or pending <----- soft_trap <---- soft_store -+
 *                                                  |
 *                                                  +--> exit to the vmm
 */
#include "engine/soft.h"

#include "cpu/event.h"
#include "hw/cpu.h"
#include "hw/memory.h"

static void frame_written(struct gmem *mem, gpa_t address, u32 bytes, unsigned watchers)
{
	if (watchers & WATCH_DESCRIPTORS)
		soft_descriptors_written(mem->owner, address.v >> PAGE_SHIFT);
}

static const char *soft_attach(struct vcpu *v)
{
	struct soft *s = memory_pages(PAGE_COUNT(sizeof *s));
	void *tables = memory_pages(PAGE_COUNT(SHADOW_TABLES_BYTES));
	void *shadow = memory_pages(SHADOW_PAGES);
	const u32 *window[ROOT_COUNT] = {memory_window_entries(), memory_window_entries()};

	if (!s || !tables || !shadow)
		return "the monitor's own memory is used up: start fewer machines, or give QEMU "
		       "more (-m)";
	v->engine = s;
	v->mem->owner = s;
	v->mem->written = frame_written;
	s->vcpu = v;
	s->cr4_features = cpu_cr4_features();
	s->rebuild[0] = s->rebuild[1] = true;
	descriptor_init(&s->tables, tables);
	for (unsigned level = 0; level < TABLE_COUNT; level++)
		cpu_fill_gdt(s->tables.gdt.slot[level]);
	shadow_init(&s->shadow, v->mem, shadow, memory_physical(shadow), SHADOW_PAGES);
	shadow_set_window(&s->shadow, memory_window_start() >> 22, WINDOW_PDES, window);
	return NULL;
}

/* One turn in ring 3. */
static enum step enter(struct soft *s, struct exit *exit)
{
	enum step step;

	/* An interrupt waits for the end of the next instruction: run just that one (SDM 3A 6.8.3). */
	s->stepping = s->vcpu->intr && s->vcpu->shadow && (s->vcpu->eflags & EFLAGS_IF);
	/* IRET to ring 3 would be the monitor's fault; the fetch there is the guest's (SDM 2A, IRET). */
	if (s->vcpu->eip > s->vcpu->seg[CS].limit) {
		vcpu_raise(s->vcpu, VECTOR_GP, 0);
		return STEP_FAULT;
	}
	soft_load(s);
	hw_enter(&s->frame);
	s->counts.traps++;
	if (s->frame.vector == VECTOR_VM86) {
		exit->kind = EXIT_UNSUPPORTED;
		exit->reason = "it entered virtual-8086 mode, which is not virtualized";
		return STEP_EXIT;
	}
	if (s->frame.vector == VECTOR_REFUSED) {
		/* Not a fault of the guest's: its handler could not be entered either, for ever. */
		exit->kind = EXIT_UNSUPPORTED;
		exit->reason = "the processor refuses its segment registers";
		return STEP_EXIT;
	}
	soft_store(s);
	step = soft_trap(s, exit);
	s->stepping = false;
	return step;
}

static void soft_run(struct vcpu *v, struct exit *exit)
{
	struct soft *s = soft_of(v);
	enum step step = STEP_DONE;

	if (s->asked)
		step = soft_resume(s, exit);
	while (step != STEP_EXIT) {
		if (v->event.kind != EVENT_NONE) {
			step = event_deliver(v, exit);
			s->reselect = s->reload = true;
		} else if (v->intr && vcpu_interruptible(v)) {
			exit->kind = EXIT_INTR_WINDOW;
			return;
		} else {
			step = enter(s, exit);
		}
	}
}

static const struct engine_counts *soft_counts(struct vcpu *v)
{
	return &soft_of(v)->counts;
}

static const char *soft_audit(struct vcpu *v)
{
	return shadow_audit(&soft_of(v)->shadow, NULL);
}

const struct engine direct_engine = {
	.name = "direct execution",
	.attach = soft_attach,
	.run = soft_run,
	.counts = soft_counts,
	.audit = soft_audit,
};

const struct engine translate_engine = {
	.name = "binary translation",
	.attach = soft_attach,
	.run = soft_run,
	.counts = soft_counts,
	.audit = soft_audit,
};
