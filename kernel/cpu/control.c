/* Control registers, features and model-specific registers. */
#include "cpu/control.h"

#include "base/string.h"
#include "cpu/instructions.h"
#include "x86/paging.h"

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
		CR0_PG)
/*
 * Bits of CR4 that belong to features of control_cpuid(): DE PSE TSC PGE FXSR SSE, and UMIP; and PCE,
 * which no feature bit goes with.
 */
#define CR4_OFFERED \
	(CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP)
/* A change of one of these changes what the guest's page tables mean (SDM 3A 4.10.4.1). */
#define CR0_PAGING (CR0_PG | CR0_WP)
#define CR4_PAGING (CR4_PSE | CR4_PGE)

enum step control_set_cr0(struct vcpu *v, struct emulation *e, u32 value)
{
	value = (value & CR0_DEFINED) | CR0_ET;
	if ((value & CR0_PG) && !(value & CR0_PE))
		return emulation_fault(v, VECTOR_GP, 0);
	if ((value & CR0_NW) && !(value & CR0_CD))
		return emulation_fault(v, VECTOR_GP, 0);
	if (!(value & CR0_PE))
		return emulation_unsupported(
			e, "the guest leaves protected mode: real mode is not virtualized");
	if ((v->cr0 ^ value) & CR0_PAGING)
		e->effects |= EFFECT_FLUSH;
	e->effects |= EFFECT_CONTROL;
	v->cr0 = value;
	return STEP_DONE;
}

enum step control_set_cr4(struct vcpu *v, struct emulation *e, u32 value)
{
	if (value & ~CR4_OFFERED)
		return emulation_fault(v, VECTOR_GP, 0);
	if ((v->cr4 ^ value) & CR4_PAGING)
		e->effects |= EFFECT_FLUSH;
	e->effects |= EFFECT_CONTROL;
	v->cr4 = value;
	return STEP_DONE;
}

void control_set_cr3(struct vcpu *v, struct emulation *e, u32 value)
{
	v->cr3 = value & (PTE_FRAME | CR3_PWT | CR3_PCD);
	e->effects |= EFFECT_CR3;
}

/*
 * PE and PG are the monitor's need; WP protects its text from itself; NE, since an FPU error must
 * come as #MF and not by the real interrupt controller. MP and EM act on ring 3 as the guest means
 * them; AM must not act on its kernel, whose real level is 3 as well (3A 6.15, #AC). TS is set as
 * well while the FPU holds another machine's state, and MP, so that WAIT does not look at it either.
 */
u32 control_real_cr0(const struct vcpu *v, bool owns_fpu)
{
	u32 cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET;

	cr0 |= v->cr0 & (CR0_MP | CR0_EM | CR0_TS);
	if (v->cpl == 3)
		cr0 |= v->cr0 & CR0_AM;
	return owns_fpu ? cr0 : cr0 | CR0_TS | CR0_MP;
}

/*
 * TSD makes RDTSC trap and UMIP SGDT and its like, so that the guest gets its own answers; translated
 * code computes the one from the real TSC. The shadow tables use neither large nor global pages.
 * OSXSAVE is never on: no state beyond FXSAVE's may be alive in the guest.
 */
u32 control_real_cr4(const struct vcpu *v, u32 features, bool translated)
{
	u32 cr4 = (v->cr4 & (CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT)) | CR4_UMIP;

	return (translated ? cr4 : cr4 | CR4_TSD) & features;
}

/*
 * The features of a modest processor (SDM 2A CPUID, table 3-8 and figure 3-8). PSE and PGE are offered
 * since they pay: a kernel's large and global pages are refilled less often. What is not, and what a
 * kernel does without it:
 *
 *   SEP    system calls come by INT 0x80, which direct execution and translation catch alike
 *   APIC   interrupts by the two 8259, time by the 8254; one processor
 *   PAE    two-level tables, and with it no execute-disable bit; Linux's -686 kernel wants neither
 *   PSE36  no large page above 4 GiB, where no memory is
 *   MTRR, PAT   caching is the firmware's affair: no MSRs for it
 *   MCE, MCA    no machine checks
 *   VME    no virtual-8086 mode, which is not virtualized
 *   MONITOR, long mode, hypervisor: idle is HLT; 32 bits; and nobody to ask for favours
 */
#define FEATURE_FPU  (1u << 0)
#define FEATURE_DE   (1u << 2)
#define FEATURE_PSE  (1u << 3)
#define FEATURE_TSC  (1u << 4)
#define FEATURE_MSR  (1u << 5)
#define FEATURE_CX8  (1u << 8)
#define FEATURE_PGE  (1u << 13)
#define FEATURE_CMOV (1u << 15)
#define FEATURE_MMX  (1u << 23)
#define FEATURE_FXSR (1u << 24)
#define FEATURE_SSE  (1u << 25)

#define FEATURES                                                                            \
	(FEATURE_FPU | FEATURE_DE | FEATURE_PSE | FEATURE_TSC | FEATURE_MSR | FEATURE_CX8 | \
		FEATURE_PGE | FEATURE_CMOV | FEATURE_MMX | FEATURE_FXSR | FEATURE_SSE)

#define CLFLUSH_LINE (8u << 8) /* EBX, in units of 8 bytes */
#define FEATURE_UMIP (1u << 2) /* leaf 7, ECX */
#define HIGHEST_LEAF 0x16u

/*
 * Up to leaf 7 to the last bit what the processor that our QEMU command line names says of itself
 * (grading/cavegrade/qemu.py): a guest's programs ask that one, since CPUID does not trap. So the caches
 * are QEMU's invention: 2 by descriptors, 4 by parameters.
 *
 * Leaves 0x15 and 0x16 are ours: they tell the rate of the TSC, which is the machine's clock, 10^9 a
 * second. A kernel that is not told measures it by the 8254, where every read is an exit: Linux gives the
 * TSC up if it gets fewer than a thousand reads into 10 ms.
 */
void control_cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
	static const struct {
		u32 leaf, subleaf, regs[4];
	} answers[] = {
		{0, 0, {HIGHEST_LEAF, 0x756e6547, 0x6c65746e, 0x49656e69}}, /* "GenuineIntel" */
		{1, 0, {0x673, CLFLUSH_LINE, 0, FEATURES}}, /* family 6, model 7, stepping 3 */
		{2, 0, {0x1, 0, 0x4d, 0x2c307d}},           /* caches, by descriptors */
		{4, 0, {0x121, 0x1c0003f, 0x3f, 1}},        /* and one by one: data, 32 KiB */
		{4, 1, {0x122, 0x1c0003f, 0x3f, 1}},        /* code, 32 KiB */
		{4, 2, {0x143, 0x3c0003f, 0xfff, 1}},       /* both, 4 MiB */
		{4, 3, {0x163, 0x3c0003f, 0x3fff, 6}},      /* both, 16 MiB */
		{5, 0, {0, 0, 3, 0}},                       /* of MONITOR, which is not there */
		{7, 0, {0, 0, FEATURE_UMIP, 0}},
		{0x15, 0, {1, 40, 25000000, 0}}, /* a crystal of 25 MHz, times 40 / 1 */
		{0x16, 0, {1000, 1000, 100, 0}}, /* MHz: the processor, at most, its bus */
	};
	static const u32 nothing[4];

	if (leaf > HIGHEST_LEAF) /* one beyond the highest answers as that one */
		leaf = HIGHEST_LEAF;
	if (leaf != 4 && leaf != 7) /* the others do not look at ECX */
		subleaf = 0;
	memcpy(out, nothing, sizeof nothing);
	for (unsigned i = 0; i < ARRAY_SIZE(answers); i++)
		if (answers[i].leaf == leaf && answers[i].subleaf == subleaf)
			memcpy(out, answers[i].regs, sizeof nothing);
}

/*
 * The few that a kernel touches on a processor of this family without asking first (SDM 4 table 2-20).
 * To read the microcode's revision a kernel writes 0, asks CPUID, and reads it: what is written is lost.
 */
bool control_read_msr(const struct vcpu *v, u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_TSC:
		*value = v->tsc + v->tsc_offset;
		return true;
	case MSR_PLATFORM_ID:
		*value = 0;
		return true;
	case MSR_MICROCODE:
		*value = 1ull << 32; /* revision 1, as QEMU says */
		return true;
	default:
		return false;
	}
}

bool control_write_msr(struct vcpu *v, u32 msr, u64 value)
{
	if (msr == MSR_TSC)
		v->tsc_offset = value - v->tsc;
	return msr == MSR_TSC || msr == MSR_MICROCODE;
}
