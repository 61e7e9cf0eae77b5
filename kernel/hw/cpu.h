/* The real processor: its own descriptor tables, what it can do, whose FPU state it holds. */
#pragma once

#include "base/types.h"
#include "x86/desc.h"

/* Loads the monitor's GDT, IDT and TSS. */
void cpu_init(void);

/* Writes the monitor's own descriptors into the top of a machine's real GDT (x86/selectors.h). */
void cpu_fill_gdt(struct descriptor *gdt);

/*
 * Makes this GDT the real one, with the LDT that it names for the monitor, or none. Both must lie in the
 * window.
 */
void cpu_use_tables(struct descriptor *gdt, bool has_ldt);
/* Names the LDT in a GDT of GDT_ENTRIES. */
void cpu_fill_ldt(struct descriptor *gdt, const struct descriptor *ldt);

/* The CR4 bits that this processor has, of those that the monitor may want (SDM 2A CPUID). */
u32 cpu_cr4_features(void);

/* Save or load the FPU's state, 512 bytes in FXSAVE's form, whatever CR0 and CR4 say. */
void cpu_save_fpu(void *image);
void cpu_restore_fpu(const void *image);
