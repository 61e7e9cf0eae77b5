/* The privileged instructions of lab 2, one function each, and who may touch which port. */
#pragma once

#include "cpu/emulate.h"

/*
 * Whether the guest may use `size` ports from `port` on: at CPL <= IOPL any, else what the I/O map
 * of its TSS allows (SDM 1 19.5). STEP_FAULT: #GP(0), or the fault of reading the TSS.
 */
enum step cpu_io_allowed(struct vcpu *, u16 port, unsigned size);

enum step emulate_cli(struct vcpu *, struct emulation *);
enum step emulate_sti(struct vcpu *, struct emulation *);
enum step emulate_hlt(struct vcpu *, struct emulation *);
enum step emulate_in(struct vcpu *, struct emulation *);
enum step emulate_out(struct vcpu *, struct emulation *);
enum step emulate_lgdt(struct vcpu *, struct emulation *);
enum step emulate_lidt(struct vcpu *, struct emulation *);
enum step emulate_read_cr(struct vcpu *, struct emulation *);
enum step emulate_write_cr(struct vcpu *, struct emulation *);
enum step emulate_clts(struct vcpu *, struct emulation *);
enum step emulate_invlpg(struct vcpu *, struct emulation *);
