/* Interrupts code at every instruction and compares what the handler sees with what can be. */
#include "probe/phases.h"

#define RUNS   120
#define STATES 512
#define STI    0xfb

/* What a handler sees of the code, but for the flags that a debugger sets. */
struct state {
	u32 gpr[8]; /* in the order of PUSHA; ESP before the interrupt */
	u32 eip, eflags;
};

u32 phase_flags, phase_result, phase_esp, phase_words[8];
u8 phase_stack[4096] __attribute__((aligned(16)));

static struct state state[STATES];
static bool may[STATES], reached[STATES]; /* be interrupted; was */
static unsigned states, place, bad, hits;
static bool recording, stepping, verbose;
static volatile bool arrived;
static u32 start, last; /* where the code begins, and where it was stepped last */

static struct state look(const struct frame *f)
{
	struct state s = {
		.gpr = {f->edi, f->esi, f->ebp, frame_from_user(f) ? f->esp : (u32)&f->esp, f->ebx,
			f->edx, f->ecx, f->eax},
		.eip = f->eip,
		.eflags = f->eflags & ~(EFLAGS_TF | EFLAGS_RF),
	};

	return s;
}

static bool inside(const struct state *s)
{
	return s->eip >= start && s->eip <= last;
}

static bool same(const struct state *a, const struct state *b)
{
	for (unsigned i = 0; i < 8; i++)
		if (a->gpr[i] != b->gpr[i])
			return false;
	return a->eip == b->eip && a->eflags == b->eflags;
}

static void complain(const char *what, const struct state *s)
{
	if (bad++ > 3)
		return;
	print("%s at +%u: flags %x eax %x ecx %x edx %x ebx %x esp %x esi %x edi %x\n", what,
		s->eip - start + PHASE_LOOP, s->eflags, s->gpr[7], s->gpr[6], s->gpr[5], s->gpr[4],
		s->gpr[3], s->gpr[1], s->gpr[0]);
}

/* STI holds interrupts back for one instruction, if they were masked before (SDM 3A 6.8.1). */
static bool in_shadow(const struct state *s)
{
	bool were_on = states && state[states - 1].eflags & EFLAGS_IF;

	return *(u8 *)(s->eip - 1) == STI && !were_on;
}

static void on_step(const struct state *s)
{
	if (recording && states < STATES) {
		may[states] = (s->eflags & EFLAGS_IF) && !in_shadow(s);
		state[states++] = *s;
	} else if (!stepping || place == states || !same(s, &state[place++])) {
		complain("step", s);
	}
}

static void on_debug(struct frame *f)
{
	struct state s = look(f);
	u32 dr6 = dr6_get();

	dr6_set(0);
	if (!inside(&s))
		return;
	if (dr6 & DR6_BS)
		on_step(&s);
	if (dr6 & 3)
		hits++;
	if (dr6 & 1)
		f->eflags |= EFLAGS_RF;
}

static void on_timer(struct frame *f)
{
	struct state s = look(f);
	unsigned i = 0;

	irq_eoi(IRQ_TIMER);
	arrived = true;
	if (recording || !inside(&s))
		return;
	/* Between two steps it is where the last one was; and the shadow of STI is over then. */
	if (stepping)
		i = place - 1;
	else
		while (i < states && !(may[i] && same(&s, &state[i])))
			i++;
	if (i >= states || !same(&s, &state[i]))
		complain("interrupt", &s);
	else
		reached[i] = true;
}

static void on_int(struct frame *f)
{
	struct state s;

	f->eax += 3;
	s = look(f);
	if (recording || stepping)
		on_step(&s);
}

static void run(u32 (*code)(void), bool user, u32 flags)
{
	phase_flags = EFLAGS_FIXED | flags | (user ? EFLAGS_IF : 0);
	guard_user_eflags = EFLAGS_FIXED | EFLAGS_IF;
	place = hits = 0;
	if (user)
		guard_user(code);
	else
		code();
}

/* Waits for no time, but for that of a few instructions. */
static void wait(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

static void run_interrupted(
	const char *what, u32 (*code)(void), bool user, u32 flags, unsigned expected)
{
	u32 result = phase_result, wrong = 0, lost = 0;

	stepping = flags;
	bad = 0;
	for (unsigned n = 0; n < RUNS; n++) {
		arrived = false;
		pit_once(2 + n * 37 % 499 + (stepping ? 1u << n % 11 : 0));
		wait(n * 5 % 32);
		while (!arrived) {
			run(code, user, flags);
			wrong += phase_result != result;
			lost += hits != expected || (stepping && place != states);
		}
	}
	print(" %s: bad states %u, wrong results %u, lost traps %u\n", what, bad, wrong, lost);
}

static void record(u32 (*code)(void), bool user)
{
	start = (u32)code + PHASE_LOOP;
	last = start + PHASE_MOST;
	recording = true;
	states = 0;
	run(code, user, EFLAGS_TF);
	recording = false;
	last = state[states - 1].eip;
	for (unsigned i = 0; i < STATES; i++)
		reached[i] = false;
}

void phases_try(const char *what, u32 (*code)(void), bool user)
{
	unsigned count = 0;

	record(code, user);
	print("%s: %08x\n", what, phase_result);
	run_interrupted("interrupted", code, user, 0, 0);
	for (unsigned i = 0; i < states; i++)
		count += reached[i];
	if (verbose)
		print(" interrupted in %u of %u states\n", count, states);
	run_interrupted("and stepped", code, user, EFLAGS_TF, 0);
}

void phases_try_breakpoints(const char *what, u32 (*code)(void), unsigned expected)
{
	u32 dr7 = dr7_get();

	dr7_set(DR7_FIXED);
	record(code, false);
	dr7_set(dr7);
	run_interrupted(what, code, false, 0, expected);
}

void phases_init(bool say_more)
{
	verbose = say_more;
	trap_set(VECTOR_DB, on_debug);
	trap_set(0x40, on_int);
	trap_gate(0x40, TYPE_INTERRUPT_GATE32, 3);
	irq_set(IRQ_TIMER, on_timer);
	irq_unmask(IRQ_TIMER);
}
