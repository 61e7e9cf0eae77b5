/*
 * A new machine's FPU is clean, and what a machine leaves in it is nobody else's. Two of these run
 * side by side with different `value=` and look at all registers after every wait.
 */
#include "probe.h"

#include "base/string.h"

#define ROUNDS 40

static struct {
	u8 bytes[512];
} image __attribute__((aligned(16)));

/*
 * SDM 1 10.5.1: the x87 registers are 16 bytes each from byte 32 on, the XMM registers from byte
 * 160.
 */
#define X87_REGISTERS 32
#define XMM_REGISTERS 160

static u32 sum_of(unsigned from, unsigned count)
{
	u32 sum = 0;

	for (unsigned i = from; i < from + count; i++)
		sum = sum * 31 + image.bytes[i];
	return sum;
}

static void fill(u32 value)
{
	asm volatile("fninit; fildl %0; fildl %0; fildl %0" : : "m"(value));
	asm volatile("movd %0, %%xmm0; pshufd $0, %%xmm0, %%xmm1; movaps %%xmm1, %%xmm2"
		     :
		     : "r"(value));
}

static u32 look(void)
{
	asm volatile("fxsave %0" : "=m"(image));
	return sum_of(X87_REGISTERS, 8 * 16) ^ sum_of(XMM_REGISTERS, 8 * 16);
}

static void on_timer(struct frame *f)
{
	irq_eoi(IRQ_TIMER);
}

/* Half of the rounds give the processor up, the others use it until it is taken away. */
static void let_others(unsigned round)
{
	if (round & 1) {
		sti_hlt();
		cli();
		return;
	}
	for (u32 n = 0; n < 400000; n++)
		asm volatile("");
}

PROBE(fpu_leak)
{
	u32 value = secret(probe_option(info, "value", 1)), want, bad = 0;

	clts();
	cr4_set(cr4_get() | CR4_OSFXSR);
	look();
	print("x87 clean: %u\n", sum_of(X87_REGISTERS, 8 * 16) == 0);
	print("xmm clean: %u\n", sum_of(XMM_REGISTERS, 8 * 16) == 0);
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
	pit_periodic(11932);
	fill(value);
	want = look();
	for (unsigned round = 0; round < ROUNDS; round++) {
		let_others(round);
		bad += look() != want;
	}
	print("value: %08x sum: %08x bad: %u\n", value, want, bad);
}
