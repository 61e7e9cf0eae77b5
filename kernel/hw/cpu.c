/* The real processor: its own descriptor tables, what it can do, whose FPU state it holds. */
#include "hw/cpu.h"

#include "hw/insn.h"
#include "hw/memory.h"
#include "hw/panic.h"
#include "hw/trap.h"
#include "x86/regs.h"
#include "x86/selectors.h"
#include "x86/vector.h"

#define STUB_BYTES 16u /* trap.S aligns each stub */

#define FLAT_CODE (ATTR_G | ATTR_DB | ATTR_P | ATTR_S | ATTR_CODE | ATTR_READABLE | ATTR_ACCESSED)
#define FLAT_DATA (ATTR_G | ATTR_DB | ATTR_P | ATTR_S | ATTR_WRITABLE | ATTR_ACCESSED)

extern const u8 trap_stubs[];

struct tss monitor_tss; /* trap.S sets ESP0 */
static struct tss double_fault_tss;
static u8 double_fault_stack[4096] __attribute__((aligned(16)));

static struct descriptor boot_gdt[GDT_ENTRIES] __attribute__((aligned(8)));
static struct descriptor idt[VECTOR_LIMIT] __attribute__((aligned(8)));

void cpu_fill_gdt(struct descriptor *gdt)
{
	struct descriptor *own = gdt + DESCRIPTOR_INDEX(SELECTOR_MONITOR);

	own[0] = descriptor_make(0, ~0u, FLAT_CODE);
	own[1] = descriptor_make(0, ~0u, FLAT_DATA);
	/* TR is loaded once for all: the descriptor is busy already in every table but the first. */
	own[2] = descriptor_make((u32)&monitor_tss, sizeof monitor_tss - 1,
		ATTR_P | (gdt == boot_gdt ? TYPE_TSS32 : TYPE_TSS32_BUSY));
	own[3] = descriptor_make(
		(u32)&double_fault_tss, sizeof double_fault_tss - 1, ATTR_P | TYPE_TSS32);
}

void cpu_use_tables(struct descriptor *gdt, bool has_ldt)
{
	const struct table_register table = {GDT_ENTRIES * sizeof *gdt - 1, (u32)gdt};

	load_gdt(&table);
	load_ldt(has_ldt ? SELECTOR_LDT : 0);
}

void cpu_fill_ldt(struct descriptor *gdt, const struct descriptor *ldt)
{
	gdt[DESCRIPTOR_INDEX(SELECTOR_LDT)] =
		descriptor_make((u32)ldt, GDT_ENTRIES * sizeof *ldt - 1, ATTR_P | TYPE_LDT);
}

/*
 * A double fault of the monitor means that its stack cannot be trusted (or the window is gone), so
 * it is the one exception that gets a task of its own (SDM 3A 6.12.2).
 */
static void init_double_fault(void)
{
	double_fault_tss = (struct tss){
		.cr3 = memory_root().v,
		.eip = (u32)panic_double_fault,
		.eflags = EFLAGS_FIXED,
		.gpr[ESP] = (u32)(double_fault_stack + sizeof double_fault_stack),
		.sreg = {[ES] = SELECTOR_DATA,
			[CS] = SELECTOR_CODE,
			[SS] = SELECTOR_DATA,
			[DS] = SELECTOR_DATA},
		.io_map = sizeof double_fault_tss,
	};
	idt[VECTOR_DF] = gate_make(SELECTOR_DF_TSS, 0, TYPE_TASK_GATE, 0);
}

void cpu_init(void)
{
	const struct table_register idtr = {sizeof idt - 1, (u32)idt};

	for (unsigned i = 0; i < VECTOR_LIMIT; i++)
		idt[i] = gate_make(
			SELECTOR_CODE, (u32)trap_stubs + i * STUB_BYTES, TYPE_INTERRUPT_GATE32, 0);
	init_double_fault();
	monitor_tss.ss0 = SELECTOR_DATA;
	monitor_tss.io_map = sizeof monitor_tss; /* beyond the limit: every port traps */

	cpu_fill_gdt(boot_gdt);
	cpu_use_tables(boot_gdt, false);
	load_segments(SELECTOR_CODE, SELECTOR_DATA);
	load_idt(&idtr);
	load_task(SELECTOR_TSS);
	write_cr0((read_cr0() & ~(CR0_TS | CR0_EM)) | CR0_WP | CR0_NE | CR0_MP);
	write_cr4(cpu_cr4_features() & CR4_OSFXSR);
}

#define CPUID7_ECX_UMIP (1u << 2)
#define CPUID1_EDX_DE   (1u << 2)
#define CPUID1_EDX_FXSR (1u << 24)
#define CPUID1_EDX_SSE  (1u << 25)

u32 cpu_cr4_features(void)
{
	u32 id[4], highest, cr4 = CR4_TSD;

	cpuid(0, id);
	highest = id[0];
	cpuid(1, id);
	if (id[3] & CPUID1_EDX_DE)
		cr4 |= CR4_DE;
	if (id[3] & CPUID1_EDX_FXSR)
		cr4 |= CR4_OSFXSR;
	if (id[3] & CPUID1_EDX_SSE)
		cr4 |= CR4_OSXMMEXCPT;
	if (highest >= 7) {
		cpuid(7, id);
		if (id[2] & CPUID7_ECX_UMIP)
			cr4 |= CR4_UMIP;
	}
	return cr4;
}

/* FXSAVE leaves the XMM registers out while OSFXSR is clear (SDM 1 10.5.1), and TS makes it #NM. */
static u32 open_fpu(void)
{
	u32 cr4 = read_cr4();

	clear_ts();
	write_cr0(read_cr0() & ~CR0_EM);
	write_cr4(cr4 | CR4_OSFXSR);
	return cr4;
}

void cpu_save_fpu(void *image)
{
	u32 cr0 = read_cr0(), cr4 = open_fpu();

	save_fpu(image);
	write_cr4(cr4);
	write_cr0(cr0);
}

void cpu_restore_fpu(const void *image)
{
	u32 cr0 = read_cr0(), cr4 = open_fpu();

	restore_fpu(image);
	write_cr4(cr4);
	write_cr0(cr0);
}
