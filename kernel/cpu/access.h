/*
 * How an emulated instruction reaches memory and devices. All of these return STEP_DONE, or make
 * the instruction stop: STEP_FAULT with the exception pending in the vcpu, STEP_EXIT with a
 * question to the vmm.
 */
#pragma once

#include "cpu/emulate.h"

/*
 * By segment and offset, with the segment's checks (SDM 3A 5.3, 5.5). `size`: 1, 2 or 4 bytes.
 * Values are zero-extended.
 */
enum step access_read(
	struct vcpu *, struct emulation *, enum sreg, u32 offset, unsigned size, u32 *value);
enum step access_write(
	struct vcpu *, struct emulation *, enum sreg, u32 offset, unsigned size, u32 value);
/* The segment's checks alone, for accesses of other sizes: the linear address, or the fault. */
enum step access_segment(
	struct vcpu *, enum sreg, u32 offset, unsigned bytes, bool write, gva_t *linear);
/*
 * Checks, with all faults, that a later access to the same bytes cannot fail (for instructions that
 * have several). Sets no accessed or dirty bit yet.
 */
enum step access_probe_write(
	struct vcpu *, struct emulation *, enum sreg, u32 offset, unsigned size);
enum step access_probe_read(
	struct vcpu *, struct emulation *, enum sreg, u32 offset, unsigned size);

/*
 * By linear address, at privilege `cpl` (0 for the processor's own accesses to descriptor tables
 * and TSS). At most a page. RAM only: elsewhere reads give ones and writes are lost.
 */
enum step access_linear(
	struct vcpu *, gva_t, void *buffer, unsigned bytes, enum access, unsigned cpl);

/*
 * How many of `count` accesses, upwards from seg:offset, can be made at once, since they lie in one page
 * of RAM and none would fault; they begin at *at. 0: do the first one, and see.
 */
u32 access_run(
	struct vcpu *, enum sreg, u32 offset, unsigned size, u32 count, bool write, gpa_t *at);

/*
 * The short way, which nearly all accesses take: the bytes themselves, if they lie within a page of RAM that
 * the TLB knows for such an access, and nobody wants to hear of a write; else NULL. Valid until the next
 * access that is not known.
 */
static inline void *access_known(
	struct vcpu *v, gva_t linear, unsigned bytes, enum access access, unsigned cpl)
{
	const struct tlb_entry *e = tlb_find(&v->tlb, linear, access, cpl);
	unsigned offset = linear.v & PAGE_MASK;

	if (!e || !e->at || offset + bytes > PAGE_SIZE)
		return NULL;
	if (access == ACCESS_WRITE && gmem_watchers(v->mem, e->frame >> PAGE_SHIFT))
		return NULL;
	return e->at + offset;
}

/*
 * A device's register. A read ends the instruction with STEP_EXIT until the vmm has answered it. A
 * write needs no answer: it is noted in the exit record and made when the instruction is complete
 * (EFFECT_OUT), at most one for each instruction, and always STEP_DONE.
 */
enum step access_port_in(struct vcpu *, struct emulation *, u16 port, unsigned size, u32 *value);
enum step access_port_out(struct vcpu *, struct emulation *, u16 port, unsigned size, u32 value);

/* The offset that a memory operand names (base + index * scale + disp, cut to the address size). */
u32 access_offset(const struct vcpu *, const struct insn *);

/* Registers as an operand of `size` bytes: 1 names AL CL DL BL AH CH DH BH. */
u32 access_get_reg(const struct vcpu *, unsigned reg, unsigned size);
void access_set_reg(struct vcpu *, unsigned reg, unsigned size, u32 value);

/*
 * The stack at SS:ESP. push and pop do not move ESP: `*esp` is the caller's running value, to be
 * committed at the end.
 */
enum step access_push(struct vcpu *, struct emulation *, u32 *esp, unsigned size, u32 value);
enum step access_pop(struct vcpu *, struct emulation *, u32 *esp, unsigned size, u32 *value);
/* Checks that `count` pushes from ESP on cannot fault. */
enum step access_probe_pushes(struct vcpu *, struct emulation *, unsigned count, unsigned size);
