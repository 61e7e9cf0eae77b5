/*
 * What a random program meets: every exception and interrupt is recorded with all registers, then the
 * program goes on. A fault would come again and again, so that its instruction is skipped.
 */
#include "base/string.h"
#include "fuzz.h"
#include "guard_stack.h"
#include "insn.h"
#include "machine.h"
#include "pic.h"
#include "segment.h"
#include "trap.h"
#include "x86/regs.h"

#define EVENTS_MOST 60u /* but single steps */
#define TICKS_MOST  50u
#define STEPS_MOST  600u /* then TF is taken away */

static struct {
	u32 hash, events, steps, ticks;
} record;

static u32 esp_of(const struct frame *f)
{
	return frame_from_user(f) ? f->esp : (u32)&f->esp;
}

static u16 fs_and_gs(void)
{
	u16 fs, gs;

	asm volatile("movw %%fs, %0; movw %%gs, %1" : "=r"(fs), "=r"(gs));
	return fs << 8 ^ gs;
}

static void say(const struct frame *f, u32 dr6)
{
	print("  vector %x error %x at %x:%x flags %x cr2 %x dr6 %x ds %x es %x fs^gs %x\n",
		f->vector, f->error, f->cs, f->eip, f->eflags, cr2_get(), dr6, f->ds, f->es,
		fs_and_gs());
	print("    eax %x ecx %x edx %x ebx %x esp %x ebp %x esi %x edi %x\n", f->eax, f->ecx,
		f->edx, f->ebx, esp_of(f), f->ebp, f->esi, f->edi);
}

/* PUSH of a segment register may leave the upper half of its word as it was: the low one counts. */
static void mix_frame(const struct frame *f, u32 dr6, u32 dr7)
{
	const u32 values[] = {f->vector, f->error, f->eip, f->cs & 0xffff, f->eflags, f->eax,
		f->ecx, f->edx, f->ebx, esp_of(f), f->ebp, f->esi, f->edi, f->ds & 0xffff,
		f->es & 0xffff, cr2_get(), dr6, dr7, fs_and_gs()};

	for (unsigned i = 0; i < ARRAY_SIZE(values); i++)
		record.hash = fuzz_mix(record.hash, values[i]);
	if (fuzz_program->flags & PROGRAM_VERBOSE)
		say(f, dr6);
}

/* The offsets lie behind the three codes, in rising order. */
static u32 next_instruction(u32 eip)
{
	const struct program *p = fuzz_program;
	const u16 *start = (const u16 *)((const u8 *)(p + 1) + 2 * ALIGN_UP(p->code_bytes, 4) +
					 ALIGN_UP(p->user_bytes, 4));
	u32 offset = (eip & 0xffff) - p->code_at, i = 0;

	if (eip - CODE >= OTHER + CODE_PAGES * PAGE_SIZE - CODE)
		return 0;
	while (i + 1 < p->starts && (start[i] & ~PROGRAM_BOUND) != offset)
		i++;
	while (start[i] & PROGRAM_BOUND)
		i++;
	return i + 1 < p->starts ? eip - offset + (start[i + 1] & ~PROGRAM_BOUND) : 0;
}

/* User mode goes on with its last instruction, which leads back to the kernel. */
static void skip(struct frame *f)
{
	f->eip = frame_from_user(f) ? USER : next_instruction(f->eip);
	if (!f->eip)
		guard_unwind(0);
}

static void on_debug(struct frame *f, u32 dr6)
{
	if (dr6 & DR6_BS && ++record.steps >= STEPS_MOST)
		f->eflags &= ~EFLAGS_TF;
	if (dr6 & 0xf) {
		record.events++;
		f->eflags |= EFLAGS_RF; /* the instruction with the breakpoint runs now */
	}
	dr6_set(0);
}

static void on_serial(void)
{
	in8(COM1 + 2);
	out8(COM1 + 1, 0);
	irq_eoi(IRQ_COM1);
}

/*
 * A null selector's RPL is lost where a monitor returns to ring 3, and a guest that reads DS or ES there
 * sees it: nobody hides that.
 */
static u32 plain_null(u32 selector)
{
	return selector & 0xffff & ~SELECTOR_RPL ? selector : 0;
}

static void on_event(struct frame *f, u32 dr6, u32 dr7)
{
	if (f->vector == PIC_VECTOR + IRQ_COM1)
		on_serial();     /* before anything is printed */
	f->eflags &= ~EFLAGS_RF; /* faults save it set (SDM 3B 17.3.1.1), but not QEMU's */
	f->ds = plain_null(f->ds);
	f->es = plain_null(f->es);
	mix_frame(f, dr6, dr7);
	if (f->vector == END_VECTOR)
		guard_unwind(0);
	if (f->vector != VECTOR_DB)
		record.events++;
	if (record.events > EVENTS_MOST)
		guard_unwind(0);
	if (f->vector == VECTOR_DB)
		on_debug(f, dr6);
	else if (f->vector < 32 && f->vector != VECTOR_BP && f->vector != VECTOR_OF)
		skip(f);
}

/* Without the program's IOPL and breakpoints: a translator may be slow with them. */
static void on_trap(struct frame *f)
{
	u32 dr6, dr7 = dr7_get();

	fuzz_plain_flags();
	if (f->vector == PIC_VECTOR + IRQ_TIMER) {
		/* Where a monitor is slow there would be nothing but interrupts. */
		if (++record.ticks >= TICKS_MOST)
			irq_mask(IRQ_TIMER);
		irq_eoi(IRQ_TIMER);
		return;
	}
	dr6 = f->vector == VECTOR_DB ? dr6_get() & ~DR6_FIXED : 0;
	if (dr7 & 0xff)
		dr7_set(0);
	else
		dr6 &= ~0xfu; /* of those that are not enabled, as the processor likes (SDM 3B 17.2.3) */
	on_event(f, dr6, dr7);
	if (dr7 & 0xff)
		dr7_set(dr7);
}

void events_init(void)
{
	trap_set_default(on_trap);
	trap_gate(CALL_VECTOR, TYPE_TRAP_GATE32, 3);
	trap_gate(VECTOR_BP, TYPE_TRAP_GATE32, 3);
}

void events_start(void)
{
	memset(&record, 0, sizeof record);
	idt[RETURN_VECTOR] =
		gate_make(KERNEL_CODE, fuzz_program->user_return, TYPE_INTERRUPT_GATE32, 3);
}

u32 events_hash(void)
{
	return record.hash;
}
