/*
 * Control registers, features and model-specific registers: which values the guest may set, what it
 * reads, and what the real registers hold while it runs.
 */
#pragma once

#include "cpu/emulate.h"

/*
 * The guest writes CR0 or CR4. Checks the value (SDM 3A 2.5: reserved bits, PG without PE, NW
 * without CD, bits that CPUID does not offer), stores it and sets the effects that follow.
 * STEP_FAULT: #GP(0). STEP_EXIT: real mode is asked for.
 */
enum step control_set_cr0(struct vcpu *, struct emulation *, u32 value);
enum step control_set_cr4(struct vcpu *, struct emulation *, u32 value);

/* The guest writes CR3: drops every translation but those of global pages (SDM 3A 4.10.4.1). */
void control_set_cr3(struct vcpu *, struct emulation *, u32 value);

/*
 * The real CR0 and CR4 while this vcpu runs in ring 3, composed from what the guest asked for and
 * what the engine needs. `owns_fpu`: the real FPU holds this vcpu's state. `features`: the CR4 bits
 * that the real processor has. `translated`: what runs is a translation.
 */
u32 control_real_cr0(const struct vcpu *, bool owns_fpu);
u32 control_real_cr4(const struct vcpu *, u32 features, bool translated);

/*
 * The guest's CPUID: one table, whatever the host is. EAX and ECX in, EAX EBX ECX EDX out (SDM 2A
 * CPUID).
 */
void control_cpuid(u32 leaf, u32 subleaf, u32 out[4]);

/* Model-specific registers. False: not offered, #GP(0). */
bool control_read_msr(const struct vcpu *, u32 msr, u64 *value);
bool control_write_msr(struct vcpu *, u32 msr, u64 value);
