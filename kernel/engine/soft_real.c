/*
 * The real processor's own registers while the guest runs: control and debug registers, descriptor tables,
 * the FPU. Writing them is dear, so they are written when they differ.
 */
#include "engine/soft.h"

#include "cpu/control.h"
#include "hw/cpu.h"
#include "hw/insn.h"

/* What they hold now. */
static struct {
	struct soft_real registers;
	struct soft *loaded; /* whose machine they were loaded for last */
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
	s->due |= DUE_MACHINE; /* TS goes */
	s->counts.fpu_loads++;
}

void soft_release_fpu(struct soft *s)
{
	if (!soft_owns_fpu(s))
		return;
	cpu_save_fpu(&s->vcpu->fpu);
	real.fpu = NULL;
	s->due |= DUE_MACHINE;
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

void soft_debug_changed(const struct soft *s)
{
	if (real.debug != s->vcpu)
		return;
	write_dr7(DR7_FIXED);
	real.debug = NULL;
}

static struct soft_real compose(const struct soft *s)
{
	const struct vcpu *v = s->vcpu;
	enum table_level level = descriptor_level(v);

	return (struct soft_real){
		.cr0 = control_real_cr0(v, soft_owns_fpu(s)),
		.cr3 = shadow_root(&s->shadow, v->cpl == 0 ? ROOT_KERNEL : ROOT_USER).v,
		.cr4 = control_real_cr4(v, s->cr4_features, s->way == WAY_TRANSLATED),
		.gdt = s->tables.gdt.slot[level],
		.has_ldt = v->ldtr.attr & ATTR_P,
	};
}

static inline void load(struct soft *s, const struct soft_real *want)
{
	struct soft_real *now = &real.registers;

	if (want->gdt != now->gdt || want->has_ldt != now->has_ldt)
		cpu_use_tables(now->gdt = want->gdt, now->has_ldt = want->has_ldt);
	if (want->cr0 != now->cr0)
		write_cr0(now->cr0 = want->cr0);
	if (want->cr4 != now->cr4)
		write_cr4(now->cr4 = want->cr4);
	/* Entries that the virtual TLB has dropped may still be in the real one. */
	if (want->cr3 != now->cr3 || s->shadow.stale)
		write_cr3(now->cr3 = want->cr3);
	s->shadow.stale = false;
}

void soft_real_load(struct soft *s)
{
	struct soft_real want = compose(s);

	load(s, &want);
	load_debug(s);
	s->usual[TABLE_KERNEL].cr0 = s->usual[TABLE_USER].cr0 = 0;
	real.loaded = s;
}

bool soft_real_is_loaded(const struct soft *s)
{
	return real.loaded == s;
}

/* PE is set in what was composed: 0 says that nothing was, since the machine was loaded. */
void soft_real_load_level(struct soft *s)
{
	struct soft_real *usual = &s->usual[descriptor_level(s->vcpu)];

	if (!usual->cr0)
		*usual = compose(s);
	load(s, usual);
}
