/*
 * Opcode 0F AE: FXSAVE, FXRSTOR, LDMXCSR and STMXCSR where their memory has to be emulated, and the
 * fences. The engine keeps the real FPU's state in vcpu->fpu while these run. The image (SDM 2A
 * table 3-43):
 *
 *   0    control, status and tag words, last opcode and addresses
 *   24   MXCSR, 28 the mask of its bits that are not reserved
 *   32   eight registers ST or MM
 *   160  eight registers XMM
 *   288  reserved, 464 the program's own, 512 the end
 */
#include "base/string.h"
#include "cpu/instructions.h"

#define FX_SIZE       512
#define FX_ALIGN      16
#define FX_MXCSR      24
#define FX_MXCSR_MASK 28
#define FX_USED       288
#define MXCSR_MASK    0x0000ffbfu /* where the mask reads as zero (SDM 1 11.6.6) */

/* Finds the image: aligned, within its segment. */
static enum step locate(struct vcpu *v, struct emulation *e, bool write, gva_t *linear)
{
	const struct insn *i = &e->insn;

	if (v->cr0 & (CR0_EM | CR0_TS))
		return emulation_fault(v, VECTOR_NM, 0);
	TRY(access_segment(v, i->seg, access_offset(v, i), FX_SIZE, write, linear));
	if (linear->v % FX_ALIGN)
		return emulation_fault(v, VECTOR_GP, 0);
	return STEP_DONE;
}

/* What is reserved, and what is the program's own, stays as it is in memory. */
static enum step save(struct vcpu *v, struct emulation *e)
{
	gva_t linear;

	TRY(locate(v, e, true, &linear));
	TRY(access_linear(v, linear, v->fpu.image, FX_USED, ACCESS_WRITE, v->cpl));
	return emulation_next(v, e);
}

static u32 word_at(const u8 *image, unsigned offset)
{
	u32 word;

	memcpy(&word, image + offset, sizeof word);
	return word;
}

/* A reserved bit is refused; which are, the processor says and not the image. */
static bool mxcsr_valid(const struct vcpu *v, u32 mxcsr)
{
	u32 mask = word_at(v->fpu.image, FX_MXCSR_MASK);

	return !(mxcsr & ~(mask ? mask : MXCSR_MASK));
}

static enum step restore(struct vcpu *v, struct emulation *e)
{
	u8 image[FX_USED];
	gva_t linear;

	TRY(locate(v, e, false, &linear));
	TRY(access_linear(v, linear, image, FX_USED, ACCESS_READ, v->cpl));
	if (!mxcsr_valid(v, word_at(image, FX_MXCSR)))
		return emulation_fault(v, VECTOR_GP, 0);
	memcpy(image + FX_MXCSR_MASK, v->fpu.image + FX_MXCSR_MASK, sizeof(u32));
	memcpy(v->fpu.image, image, FX_USED);
	return emulation_next(v, e);
}

/* LDMXCSR (/2) and STMXCSR (/3), as SSE instructions know more reasons to fault (SDM 2A, LDMXCSR). */
static enum step move_mxcsr(struct vcpu *v, struct emulation *e)
{
	u32 mxcsr = word_at(v->fpu.image, FX_MXCSR);

	if (v->cr0 & CR0_EM || !(v->cr4 & CR4_OSFXSR))
		return emulation_fault(v, VECTOR_UD, 0);
	if (v->cr0 & CR0_TS)
		return emulation_fault(v, VECTOR_NM, 0);
	if (e->insn.reg == 3)
		TRY(rm_write(v, e, 4, mxcsr));
	else
		TRY(rm_read(v, e, 4, &mxcsr));
	if (!mxcsr_valid(v, mxcsr))
		return emulation_fault(v, VECTOR_GP, 0);
	memcpy(v->fpu.image + FX_MXCSR, &mxcsr, sizeof mxcsr);
	return emulation_next(v, e);
}

/* Group 15. XSAVE and its like, and CLFLUSH, are not offered by the guest's CPUID. */
enum step emulate_fxstate(struct vcpu *v, struct emulation *e)
{
	if (!e->insn.has_memory) /* fences: the emulator does one thing after the other anyway */
		return emulation_next(v, e);
	switch (e->insn.reg) {
	case 0:
		return save(v, e);
	case 1:
		return restore(v, e);
	case 2:
	case 3:
		return move_mxcsr(v, e);
	}
	return emulation_fault(v, VECTOR_UD, 0);
}
