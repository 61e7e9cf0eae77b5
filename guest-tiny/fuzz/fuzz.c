/*
 * Random kernel-mode programs, thousands in one boot. tools/fuzz makes them, this guest runs them one
 * after the other in an arena of its own and prints a line for each:
 *
 *   NUMBER HASH-OF-EVENTS HASH-OF-REGISTERS-AND-MEMORY
 *
 * What the bare machine prints is right by definition; a monitor must print the same.
 */
#include "fuzz.h"

#include "base/string.h"
#include "guard_stack.h"
#include "insn.h"
#include "machine.h"
#include "pic.h"
#include "segment.h"
#include "trap.h"
#include "x86/regs.h"

#define COPY_BYTES   16384
#define TIMER_PERIOD 120 /* cycles of the PIT: 100 us, time for 12,500 instructions */

static u8 copy[COPY_BYTES] PAGE_ALONE;
const struct program *fuzz_program = (const struct program *)copy;

/* An interrupt that waits is taken now, so that it is nobody else's. */
static void drain(void)
{
	out8(COM1 + 1, 0);
	in8(COM1 + 2);
	sti();
	asm volatile("nop; nop");
	cli();
}

static void reset_processor(void)
{
	cr0_set(CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	cr4_set(0);
	cr2_set(0);
	dr7_set(0);
	dr6_set(0);
	dr0_set(0);
	dr1_set(0);
	dr2_set(0);
	dr3_set(0);
	/* Registers too: QEMU hands out what is left in empty ones. */
	asm volatile("fninit; fldz; fldz; fldz; fldz; fldz; fldz; fldz; fldz; fninit");
	asm volatile("movw %w0, %%ds; movw %w0, %%es; movw %w0, %%ss" : : "r"(KERNEL_DATA));
	asm volatile("movw %w0, %%fs; movw %w0, %%gs" : : "r"(KERNEL_DATA));
	task.tss.esp0 = INNER_STACK + PAGE_SIZE - 16;
}

static u32 state_hash(void)
{
	const u32 values[] = {cr0_get(), cr2_get(), cr3_get(), cr4_get(), dr0_get(), dr1_get(),
		dr2_get(), dr3_get(), dr7_get()};
	u32 hash = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
		hash = fuzz_mix(hash, values[i]);
	return hash;
}

static void run(const struct program *p)
{
	u32 state, memory;

	memcpy(copy, p, p->bytes);
	arena_prepare(p);
	events_start();
	if (p->flags & PROGRAM_TIMER) {
		irq_unmask(IRQ_TIMER);
		pit_periodic(TIMER_PERIOD);
	}
	arena_enter();
	guard_call(fuzz_enter);
	fuzz_plain_flags();
	state = state_hash();
	reset_processor();
	arena_leave();
	irq_mask(IRQ_TIMER);
	pit_once(1);
	/* The timer's frames lie wherever it came. */
	memory = arena_hash(!(p->flags & PROGRAM_TIMER));
	print("%x %x %x\n", p->number, events_hash(), fuzz_mix(memory, state));
	events_start(); /* what comes now is not the program's any more */
	drain();
}

/* Programs are in the first module, behind one another; a length of 0 ends them. */
void guest_main(const struct multiboot_info *info)
{
	const struct multiboot_module *module = (const struct multiboot_module *)info->mods_addr;
	const struct program *p;

	if (!(info->flags & MULTIBOOT_INFO_MODULES) || !info->mods_count) {
		print("fuzz: no module with programs: give it the file that tools/fuzz makes\n");
		machine_end(1);
	}
	p = (const struct program *)module->start;
	if (module->end > FRAMES) {
		print("fuzz: the programs end at %x, in the arena: give it fewer\n", module->end);
		machine_end(1);
	}
	arena_init();
	events_init();
	reset_processor();
	irq_unmask(IRQ_COM1);
	for (; p->bytes; p = (const struct program *)((const u8 *)p + p->bytes))
		run(p);
	print("end\n");
}
