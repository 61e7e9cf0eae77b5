/* Keeps what happens while code is stepped. Source: SDM 3B 17.3.1.4. */
#include "probe/steps.h"

struct step_event steps_log[STEPS_KEPT];
unsigned steps_logged;

void steps_note(char kind, const struct frame *f)
{
	if (steps_logged == STEPS_KEPT)
		return;
	steps_log[steps_logged++] = (struct step_event){
		.kind = kind, .eip = f->eip, .flags = f->eflags, .dr6 = dr6_get() & (DR6_BS | 0xf)};
}

/*
 * DR6 is sticky: whoever reads it clears it for the next time (SDM 3B 17.2.3). RF lets an instruction
 * with a breakpoint run (17.3.1.1).
 */
static void on_debug(struct frame *f)
{
	steps_note(0, f);
	if (dr6_get() & 0xf)
		f->eflags |= EFLAGS_RF;
	dr6_set(0);
}

static void on_interrupt(struct frame *f)
{
	steps_note('n', f);
	f->eax++;
}

static void on_fault(struct frame *f)
{
	steps_note('f', f);
	f->eip += 2;
}

static void on_timer(struct frame *f)
{
	steps_note('q', f);
	irq_eoi(IRQ_TIMER);
}

void steps_init(void)
{
	trap_set(VECTOR_DB, on_debug);
	trap_set(VECTOR_BP, on_interrupt);
	trap_set(0x40, on_interrupt);
	trap_set(VECTOR_UD, on_fault);
	trap_set(VECTOR_DE, on_fault);
	irq_set(IRQ_TIMER, on_timer);
}

static void show_event(const struct step_event *e, u32 code)
{
	u32 offset = e->eip - code;

	print(" ");
	if (e->kind)
		print("%c", e->kind);
	print(offset < 256 ? "+%u" : "%08x", offset < 256 ? offset : e->eip);
	if (e->flags & EFLAGS_IF)
		print("i");
	if (!e->kind && e->dr6 != DR6_BS)
		print("/%x", e->dr6);
	if (!e->kind && e->dr6 & DR6_BS && !(e->flags & EFLAGS_TF))
		print(".");
}

void steps_show(const char *what, u32 (*code)(void), u32 value)
{
	print("%s: %x:", what, value - SECRET);
	for (unsigned i = 0; i < steps_logged; i++)
		show_event(&steps_log[i], (u32)code);
	print("\n");
	steps_logged = 0;
}
