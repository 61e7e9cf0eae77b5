/*
 * What each trap means. The real processor ran the guest in ring 3 and stopped at something; it is
 * one of three kinds:
 *   - the monitor's own affair (a hidden page fault, a lazy FPU): settle it, run on;
 *   - something that the guest's kernel may do and ring 3 may not: emulate the instruction, whose
 *     emulation has the last word on whether it is a fault;
 *   - the guest's own exception: make it pending in the vcpu.
 */
#include "engine/soft.h"

#include "base/check.h"
#include "base/printf.h"
#include "cpu/mnemonic.h"
#include "hw/insn.h"
#include "hw/timer.h"

static enum step exception(struct soft *s, enum vector vector, u32 error)
{
	s->counts.injected++;
	soft_blame(s, CAUSE_FAULT);
	vcpu_raise(s->vcpu, vector, error);
	return STEP_FAULT;
}

/* The end of an instruction that ran with TF set is a debug trap (SDM 3B 17.3.1.4). */
static enum step single_step(struct soft *s)
{
	s->vcpu->dr[6] |= DR6_BS;
	return exception(s, VECTOR_DB, 0);
}

static enum cause cause_of(const struct insn *i)
{
	switch (i->opcode) {
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		return CAUSE_PORT;
	case 0xcc ... 0xce:
		return CAUSE_INT;
	case 0xcf:
		return CAUSE_IRET;
	case OPCODE_0F | 0x01:
		return i->reg == 7 ? CAUSE_INVLPG : CAUSE_OTHER;
	case OPCODE_0F | 0x06:
	case OPCODE_0F | 0x20 ... OPCODE_0F | 0x23:
		return CAUSE_CONTROL;
	case OPCODE_0F | 0x31:
		return CAUSE_TIME;
	}
	return CAUSE_OTHER;
}

/* What an instruction is to find in the vcpu, and the vcpu does not have while it runs. */
static void prepare(struct soft *s, u16 opcode)
{
	if ((opcode & ~3u) == (OPCODE_0F | 0x30)) /* WRMSR RDTSC RDMSR RDPMC */
		s->vcpu->tsc = timer_now() - s->vcpu->clock_zero;
	if (opcode == (OPCODE_0F | 0x30)) /* perhaps it is the TSC that is written */
		s->xlate.clock_due = true;
	if (opcode == (OPCODE_0F | 0xae)) /* FXSAVE FXRSTOR */
		soft_release_fpu(s);
}

/* Behind MOV SS and POP SS debug traps wait as interrupts do, behind STI they do not (SDM 3A 6.8.3). */
static bool covers_next(const struct vcpu *v, const struct insn *i)
{
	return v->shadow && i->opcode != 0xfb;
}

/* Runs the instruction in s->emulation, from its start or again with one more answer. */
static enum step run_instruction(struct soft *s, struct exit *exit)
{
	struct emulation *e = s->emulation;
	struct vcpu *v = s->vcpu;
	bool trap_flag = v->eflags & EFLAGS_TF, shadow = v->shadow;
	enum step step;

	if (engine_meter)
		soft_blame(s, cause_of(&e->insn));
	e->exit = exit;
	if (e->insn.opcode >= OPCODE_0F)
		prepare(s, e->insn.opcode);
	step = cpu_emulate(v, e);
	if (step != STEP_DONE) {
		if (step == STEP_EXIT && exit->kind == EXIT_UNSUPPORTED)
			v->shadow = shadow; /* the real processor may still run it */
		s->asked =
			step == STEP_EXIT && (exit->kind == EXIT_PORT || exit->kind == EXIT_MMIO);
		return step;
	}
	s->counts.emulated++;
	if (e->effects & ~EFFECT_OUT)
		soft_apply(s, e->effects);
	s->straight = s->way == WAY_TRANSLATED && !(e->effects & ~(EFFECT_INVLPG | EFFECT_OUT));
	if (e->insn.opcode == 0xcf) { /* IRET */
		soft_returned(s);
		soft_pass_out(s);
	}
	if (trap_flag && !covers_next(v, &e->insn)) {
		step = single_step(s);
	} else if (v->halted) {
		exit->kind = EXIT_HALT;
		s->xlate.clock_due = true; /* there is no saying for how long */
		step = STEP_EXIT;
	}
	return e->effects & EFFECT_OUT ? STEP_EXIT : step;
}

enum step soft_emulate(struct soft *s, struct exit *exit)
{
	enum step step = soft_fetch(s);

	return step == STEP_DONE ? run_instruction(s, exit) : step;
}

enum step soft_resume(struct soft *s, struct exit *exit)
{
	s->asked = false;
	emulation_answer(s->emulation, exit->value);
	return run_instruction(s, exit);
}

/*
 * A protection fault: nearly always an instruction of the guest's kernel that ring 3 may not run.
 * What the emulator does not know is never privileged: then the fault is the guest's own.
 */
static enum step protection_fault(struct soft *s, struct exit *exit)
{
	enum step step = s->way == WAY_TRANSLATED ? soft_fetch(s) : soft_fetch_mapped(s);

	if (step == STEP_DONE)
		step = run_instruction(s, exit);
	if (step != STEP_EXIT || exit->kind != EXIT_UNSUPPORTED ||
		cpu_emulates(&s->emulation->insn))
		return step;
	if (s->way != WAY_TRANSLATED)
		return exception(s, s->frame.vector, s->frame.error);
	s->alone = true; /* it could not be copied, but where it lies it can be run */
	return STEP_DONE;
}

/* Why an access could not be served, for the report: the instruction is named. */
static enum step refuse_access(struct soft *s, struct exit *exit, const char *what)
{
	print_to(s->reason, sizeof s->reason, "%s at %08x accesses %s (linear address %08x)",
		insn_name(&s->emulation->insn), s->vcpu->eip, what, read_cr2());
	exit->reason = s->reason;
	return STEP_EXIT;
}

/* An access that the page tables cannot serve, so that the instruction must be emulated. */
static enum step emulate_access(
	struct soft *s, struct exit *exit, enum shadow_result cause, u32 gfn)
{
	enum step step = soft_emulate(s, exit);

	if (step != STEP_EXIT || exit->kind != EXIT_UNSUPPORTED ||
		cpu_emulates(&s->emulation->insn))
		return step;
	if (cause == SHADOW_WATCHED && gmem_watchers(s->vcpu->mem, gfn) == WATCH_CODE) {
		soft_xlate_release(s, gfn);
		return STEP_DONE;
	}
	if (cause == SHADOW_WINDOW)
		return refuse_access(
			s, exit, "the monitor's window; start cave with window=ADDRESS to move it");
	if (cause == SHADOW_DEVICE)
		return refuse_access(s, exit, "what is neither RAM nor done by simpler accesses");
	return refuse_access(s, exit, "the page of a descriptor table");
}

/* A write to a page that is known to be writable and watched: nothing can come of a walk. */
static bool is_watched(const struct vcpu *v, gva_t address, gpa_t *at)
{
	const struct tlb_entry *e = tlb_find(&v->tlb, address, ACCESS_WRITE, v->cpl);

	if (!e || !e->at)
		return false;
	*at = gpa(e->frame & PTE_FRAME);
	return gmem_watchers(v->mem, at->v >> PAGE_SHIFT);
}

static enum step page_fault(struct soft *s, struct exit *exit)
{
	gva_t address = gva(read_cr2());
	enum access access = s->frame.error & PF_WRITE ? ACCESS_WRITE : ACCESS_READ;
	struct paging paging = vcpu_paging(s->vcpu);
	enum shadow_result result;
	struct walk walk;

	if (access == ACCESS_WRITE && is_watched(s->vcpu, address, &walk.gpa))
		return emulate_access(s, exit, SHADOW_WATCHED, walk.gpa.v >> PAGE_SHIFT);
	result = shadow_fault(&s->shadow, &paging, address, access, s->vcpu->cpl, &walk);
	if (result == SHADOW_FILLED) {
		s->counts.hidden++;
		soft_blame(s, CAUSE_SHADOW);
		return STEP_DONE;
	}
	if (result != SHADOW_FAULT)
		return emulate_access(s, exit, result, walk.gpa.v >> PAGE_SHIFT);
	s->counts.injected++;
	soft_blame(s, CAUSE_FAULT);
	vcpu_raise_page(s->vcpu, address, walk.error);
	return STEP_FAULT;
}

/* Whoever holds the FPU and still comes here has set TS or EM itself. */
static enum step no_fpu(struct soft *s)
{
	if (soft_owns_fpu(s))
		return exception(s, VECTOR_NM, 0);
	soft_take_fpu(s);
	return STEP_DONE;
}

/* A guest with NE clear hears of an FPU error by IRQ 13, as on a PC/AT (SDM 3A 2.5). */
static enum step fpu_error(struct soft *s, struct exit *exit)
{
	if (s->vcpu->cr0 & CR0_NE)
		return exception(s, VECTOR_MF, 0);
	exit->kind = EXIT_FPU_ERROR;
	return STEP_EXIT;
}

/*
 * DR6 is sticky, so that it must be cleared for the next time (SDM 3B 17.2.3). No cause at all is
 * the guest's INT1. QEMU (7.2) goes on to report a data breakpoint with every step that follows, until
 * something else accesses its page: of our own steps only the first counts.
 */
static enum step debug_trap(struct soft *s)
{
	u32 cause = read_dr6() & (DR6_BS | 0xf);

	write_dr6(DR6_FIXED);
	if (s->stepping) {
		u32 again = cause & s->reported;

		s->reported = cause & DR6_BREAKPOINTS;
		cause &= ~again;
		s->vcpu->shadow = false;
		if (!(s->vcpu->eflags & EFLAGS_TF))
			cause &= ~DR6_BS;
		if (!cause)
			return STEP_DONE;
	}
	s->vcpu->dr[6] |= cause;
	return exception(s, VECTOR_DB, 0);
}

/*
 * A breakpoint of the instruction before the one that trapped. That trap comes again, or is an
 * interrupt, which is still served, or another debug trap, which finds this cause too.
 */
static enum step late_breakpoint(struct soft *s, struct exit *exit)
{
	u32 vector = s->frame.vector;

	hw_late_breakpoint = false;
	if (vector != VECTOR_DB)
		debug_trap(s);
	return vector == VECTOR_DB || vector >= VECTOR_IRQ ? soft_trap(s, exit) : STEP_FAULT;
}

enum step soft_trap(struct soft *s, struct exit *exit)
{
	u32 vector = s->frame.vector;

	if (hw_late_breakpoint)
		return late_breakpoint(s, exit);
	if (vector >= VECTOR_IRQ) {
		s->counts.interrupts++;
		s->xlate.clock_due = true;
		soft_blame(s, CAUSE_INTERRUPT);
		exit->kind = EXIT_INTERRUPT;
		exit->value = vector;
		return STEP_EXIT;
	}
	switch (vector) {
	case VECTOR_PF:
		return page_fault(s, exit);
	case VECTOR_GP:
		if (s->way != WAY_TRANSLATED || s->xlate.where->place < XLATE_EXIT)
			return protection_fault(s, exit);
		soft_blame(s, CAUSE_LINK);
		return STEP_DONE; /* the HLT of a way out: EIP is where it leads */
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_TS:
		return protection_fault(s, exit);
	case VECTOR_NM:
		return no_fpu(s);
	case VECTOR_MF:
		return fpu_error(s, exit);
	case VECTOR_DB:
		return debug_trap(s);
	case VECTOR_NMI:
	case VECTOR_MC:
		panic("non-maskable interrupt or machine check (vector %u)", vector);
	default:
		return exception(s, vector, s->frame.error);
	}
}
