/*
 * Translations executed: a random instruction on a random state, once by cpu_emulate(), which
 * test_emulate_unicorn.c compares with Unicorn itself, and once translated, in ring 3 of Unicorn, with
 * call-outs as the engine does them. Then the same with pages of operands and stack taken away, and with
 * an interrupt at every host instruction.
 */
#define _GNU_SOURCE /* memmem */
#include "test/xlate_guest.h"

#define SAVED    (DATA_END + PAGE_SIZE) /* operands may reach into a page more */
#define TRIALS   24
#define STEPS    60
#define COMPARED (EFLAGS_ARITH | EFLAGS_DF | EFLAGS_IF | EFLAGS_AC | EFLAGS_ID | EFLAGS_NT)

/* Those that are not copied; and those whose call-outs the templates of random_insn.h have not. */
static const char *const sensitive[] = {"9C", "9D", "FA", "FB", "0E", "1E", "8C /0-5", "E8 iz",
	"E9 iz", "EB ib", "C2 iw", "C3", "FF /2", "FF /4", "FF /6", "70+16 ib", "0F 80+16 iz",
	"E0+4 ib", "0F 01 /4", "0F 20 /0d", "0F A2", "FF /2m", "FF /4m", "0F 31", "E6 ib"};

static u32 operand(void)
{
	u32 at = DATA + below(DATA_END - DATA - 64);

	return below(4) ? at : ALIGN_UP(at, PAGE_SIZE) - below(6);
}

static void random_registers(struct machine *m)
{
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		m->v.gpr[reg] = random_value();
	m->v.gpr[ESI] = operand();
	m->v.gpr[EDI] = operand();
	if (is_string(&m->e.insn))
		m->v.gpr[ECX] = below(8);
	m->v.gpr[ESP] =
		below(4) ? 0xe104 + below(0x7c0) : ALIGN_UP(operand(), PAGE_SIZE) + 4 - below(9);
	m->v.eflags = EFLAGS_FIXED | (random32() & COMPARED & ~EFLAGS_NT);
	m->v.eip = CODE + below(PAGE_SIZE);
	m->v.tsc = (u64)random32() << 32 | random32();
	m->v.event.kind = EVENT_NONE;
	m->v.shadow = false;
}

/* What the top of the stack and the operand must be for those that use them as addresses or flags. */
static void fill_operands(struct machine *m, u32 target)
{
	u32 to = CODE + below(PAGE_SIZE), flags = random32() & (COMPARED | EFLAGS_TF | EFLAGS_IOPL);
	u16 opcode = m->e.insn.opcode;

	if (opcode == 0xff)
		poke(m, target, &to, 4);
	if (opcode == 0xff && !m->e.insn.has_memory)
		m->v.gpr[m->e.insn.rm] = to;
	if (opcode == 0xc2 || opcode == 0xc3)
		poke(m, m->v.gpr[ESP], &to, 4);
	if (opcode == 0x9d)
		poke(m, m->v.gpr[ESP], &flags, 4);
}

/* False if the instruction is none that can be compared. */
static bool prepare(struct machine *m, const char *template)
{
	u8 bytes[32] = {0};
	unsigned length = generate(bytes, template);
	u32 target = operand();

	if (insn_decode(&m->e.insn, bytes, length, 4) != DECODE_OK || m->e.insn.length != length)
		return false;
	random_registers(m);
	if (m->e.insn.addr_size == 2 || undefined_result(&m->e.insn, &m->v))
		return false;
	if (m->e.insn.has_memory && (m->e.insn.opcode & 0xffe7) == 0x0fa3)
		return false; /* bit numbers that reach far */
	if (m->e.insn.opcode == 0xc8)
		return false; /* the emulator's ENTER checks more than Unicorn's; it is copied anyway */
	if (m->e.insn.has_memory)
		aim(&m->e.insn, m->v.gpr, bytes, length, target);
	fill_operands(m, target);
	bytes[length] = 0x90;
	poke(m, m->v.eip, bytes, length + 1);
	machine_translate(m);
	return true;
}

/* The reference. */
static enum step emulate(struct machine *m)
{
	enum step step = cpu_fetch(&m->v, &m->e);

	return step == STEP_DONE ? cpu_emulate(&m->v, &m->e) : step;
}

/*
 * Ring 3 has trapped. STEP_DONE: the instruction is complete; STEP_FAULT: its own exception is pending.
 */
static enum step after_trap(struct machine *m)
{
	u32 host = uc_get(&m->uc, UC_X86_REG_EIP);
	struct xlate_where w = *xlate_where(m->x, host);

	machine_store(m);
	m->v.eip = w.eip;
	if (m->uc.vector == VECTOR_GP && host - HOST < XLATE_CODE_MIN &&
		m->memory.code[host - HOST] == HLT) {
		if (w.place == XLATE_EXIT || w.place == XLATE_INDIRECT)
			return STEP_DONE;
		assert_in_range(w.place, XLATE_CLEAN, XLATE_INSIDE);
		return emulate(m);
	}
	if (m->uc.vector == VECTOR_PF)
		vcpu_raise_page(&m->v, gva(m->uc.cr2), 0);
	else
		vcpu_raise(&m->v, m->uc.vector, 0);
	return STEP_FAULT;
}

static enum step run_translated(struct machine *m)
{
	assert_non_null(m->block);
	machine_enter(m, m->block->host, STEPS);
	return after_trap(m);
}

/* RCL, RCR and SETcc: QEMU has changed the flags when their store faults. */
static bool loses_flags(const struct insn *i)
{
	bool rotate = (i->opcode & ~1) == 0xc0 || (i->opcode & ~3) == 0xd0;

	return (rotate && (i->reg == 2 || i->reg == 3)) || (i->opcode & 0xfff0) == 0x0f90;
}

static void compare(struct machine *m, const struct vcpu *before, const struct vcpu *right,
	const char *template)
{
	u32 undefined = right->event.kind == EVENT_NONE ? undefined_flags(&m->e.insn, before)
			: loses_flags(&m->e.insn)       ? EFLAGS_ARITH
							: 0;

	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		EXPECT(gpr_name[reg], m->v.gpr[reg], right->gpr[reg]);
	EXPECT("eip", m->v.eip, right->eip);
	EXPECT("eflags", (m->v.eflags ^ right->eflags) & COMPARED & ~undefined, 0u);
}

/* The same instruction twice from the same state; memory must come out the same. */
static bool one_trial(struct machine *m, const char *template, u8 *saved, u8 *result)
{
	struct vcpu start, right;
	const struct vcpu *before = &start;
	enum step step, translated;

	start = m->v;
	memcpy(saved, m->ram, SAVED);
	step = emulate(m);
	if (step == STEP_EXIT ||
		(step == STEP_FAULT && m->v.event.vector == VECTOR_PF && m->v.cr2 >= MEMORY)) {
		m->v = start;
		memcpy(m->ram, saved, SAVED);
		return false; /* the address went astray */
	}
	right = m->v;
	memcpy(result, m->ram, SAVED);
	memcpy(m->ram, saved, SAVED);
	m->v = start;
	translated = run_translated(m);
	if (m->uc.vector == ASTRAY) {
		m->v = start;
		memcpy(m->ram, saved, SAVED);
		return false;
	}
	if (step == STEP_DONE && right.eip == start.eip + m->e.insn.length &&
		m->v.eip == right.eip + 1)
		m->v.eip--; /* the NOP is done too */
	EXPECT("step", translated, step);
	if (step == STEP_FAULT)
		EXPECT("vector", m->v.event.vector, right.event.vector);
	if (step == STEP_FAULT && right.event.vector == VECTOR_PF)
		EXPECT("page", m->v.cr2 >> PAGE_SHIFT, right.cr2 >> PAGE_SHIFT);
	if (!(step == STEP_FAULT && (is_string(&m->e.insn) || m->e.insn.opcode == 0x60 ||
					    m->e.insn.opcode == 0x61))) {
		compare(m, before, &right, template);
		EXPECT("memory", memcmp(m->ram, result, SAVED), 0);
	}
	memcpy(m->ram, saved, SAVED);
	m->v = start;
	return true;
}

static u8 saved[SAVED], result[SAVED];

static unsigned for_all(struct machine *m, const char *const *list, unsigned count, unsigned trials,
	unsigned (*try)(struct machine *, const char *))
{
	unsigned done = 0;

	for (unsigned t = 0; t < count; t++)
		for (unsigned n = 0; n < trials; n++)
			if (prepare(m, list[t]))
				done += try(m, list[t]);
	return done;
}

static unsigned try_mapped(struct machine *m, const char *template)
{
	return one_trial(m, template, saved, result);
}

/* Takes each page of operands away in turn, or the right to write it. */
static unsigned try_faults(struct machine *m, const char *template)
{
	const u32 pages[] = {m->v.gpr[ESP] - 4, m->v.gpr[ESP], access_offset(&m->v, &m->e.insn),
		m->v.gpr[ESI], m->v.gpr[EDI]};
	unsigned done = 0;

	for (unsigned n = 0; n < 2 * ARRAY_SIZE(pages); n++) {
		u32 page = pages[n / 2] >> PAGE_SHIFT, entry = page << PAGE_SHIFT | RIGHTS;

		if (page < DATA >> PAGE_SHIFT || page >= DATA_END >> PAGE_SHIFT)
			continue;
		set_page(m, page, n & 1 ? entry & ~PTE_W : 0);
		done += one_trial(m, template, saved, result);
		set_page(m, page, entry);
	}
	return done;
}

/*
 * An interrupt from outside at each host instruction in turn. Where the place is clean, the state is
 * the one before or behind the guest's instruction, and nothing else.
 */
static unsigned try_interrupts(struct machine *m, const char *template)
{
	struct vcpu start = m->v, right;
	const struct vcpu *before = &start;
	unsigned clean = 0;

	memcpy(saved, m->ram, SAVED);
	if (emulate(m) != STEP_DONE) {
		memcpy(m->ram, saved, SAVED);
		m->v = start;
		return 0;
	}
	right = m->v;
	for (unsigned n = 0; n < STEPS; n++) {
		struct xlate_where w;

		memcpy(m->ram, saved, SAVED);
		m->v = start;
		machine_enter(m, m->block->host, n);
		w = *xlate_where(m->x, uc_get(&m->uc, UC_X86_REG_EIP));
		if (m->uc.vector >= 0)
			break;
		EXPECT("place", w.place == XLATE_NOWHERE, false);
		if (w.place == XLATE_INSIDE || w.place == XLATE_INDIRECT)
			continue;
		machine_store(m);
		m->v.eip = w.eip;
		clean++;
		if (w.eip == start.eip && w.place != XLATE_EXIT && !is_string(&m->e.insn))
			compare(m, before, &start, template);
		else if (w.eip == right.eip)
			compare(m, before, &right, template);
		if (w.place == XLATE_EXIT)
			break;
	}
	memcpy(m->ram, saved, SAVED);
	m->v = start;
	return clean;
}

static void run_all(unsigned trials, unsigned (*try)(struct machine *, const char *))
{
	struct machine machine, *m = &machine;
	unsigned done;

	machine_open(m);
	for (u32 at = DATA; at < DATA_END; at += 4)
		poke(m, at, &(u32){random_value()}, 4);
	done = for_all(m, templates, ARRAY_SIZE(templates), trials, try);
	done += for_all(m, sensitive, ARRAY_SIZE(sensitive), 4 * trials, try);
	print_message("%u compared\n", done);
	assert_in_range(done, trials * ARRAY_SIZE(templates) / 2, ~0u);
	machine_close(m);
}

static void mapped(void **state)
{
	run_all(TRIALS, try_mapped);
}

static void faults(void **state)
{
	run_all(TRIALS / 3, try_faults);
}

static void interrupts(void **state)
{
	run_all(TRIALS / 6, try_interrupts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapped), cmocka_unit_test(faults), cmocka_unit_test(interrupts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
