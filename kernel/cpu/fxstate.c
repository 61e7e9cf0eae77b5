/*
 * FXSAVE and FXRSTOR where their memory has to be emulated, and the rest of their opcode, 0F AE.
 * The engine keeps the real FPU's state in vcpu->fpu while these run. SDM 2A, FXSAVE, table 3-43:
 *
 *   0  control, status, tag words, last opcode and addresses | 24 MXCSR | 28 its mask
 *   32 eight registers ST or MM | 160 eight registers XMM | 288 reserved | 464 the program's own |
 * 512
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

/* A reserved bit of MXCSR is refused; the mask of allowed ones is the processor's, not the image's.
 */
static enum step restore(struct vcpu *v, struct emulation *e)
{
	u32 mask = word_at(v->fpu.image, FX_MXCSR_MASK);
	u8 image[FX_USED];
	gva_t linear;

	TRY(locate(v, e, false, &linear));
	TRY(access_linear(v, linear, image, FX_USED, ACCESS_READ, v->cpl));
	if (word_at(image, FX_MXCSR) & ~(mask ? mask : MXCSR_MASK))
		return emulation_fault(v, VECTOR_GP, 0);
	memcpy(image + FX_MXCSR_MASK, &mask, sizeof mask);
	memcpy(v->fpu.image, image, FX_USED);
	return emulation_next(v, e);
}

/* Group 15: with memory /0 FXSAVE, /1 FXRSTOR, /7 CLFLUSH; with a register /5 to /7, the fences. */
enum step emulate_fxstate(struct vcpu *v, struct emulation *e)
{
	const struct insn *i = &e->insn;

	if (!i->has_memory) /* the emulator does one thing after the other anyway */
		return emulation_next(v, e);
	if (i->reg == 0)
		return save(v, e);
	if (i->reg == 1)
		return restore(v, e);
	return emulation_unsupported(
		e, "LDMXCSR, STMXCSR, XSAVE or CLFLUSH accesses memory that has to be emulated");
}
