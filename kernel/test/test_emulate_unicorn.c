/*
 * The emulator against Unicorn: the same random instruction on the same random state, then registers,
 * flags, memory and faults compared. With paging, page 6 is absent and page 9 read-only.
 */
#define _GNU_SOURCE /* memmem */
#include "test/unicorn_machine.h"

#define CODE_END 0x2f00u
#define TRIALS   80
#define COMPARED (EFLAGS_ARITH | EFLAGS_DF)

struct machine {
	struct gmem mem;
	struct vcpu v;
	struct emulation e;
	struct exit exit;
	u8 *ram, *saved; /* the emulator's memory, and as it was before */

	struct unicorn uc;
	u8 *uc_ram;
	bool paging;
};

/* An operand's address; with paging often one that crosses into another page. */
static u32 random_address(const struct machine *m)
{
	u32 at = DATA + below(DATA_END - DATA);

	if (m->paging && below(2))
		at = ALIGN_UP(at, PAGE_SIZE) - below(6);
	return at;
}

static void poke(struct machine *m, u32 linear, const void *bytes, unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		m->ram[linear + n] = m->uc_ram[linear + n] = ((const u8 *)bytes)[n];
	}
}

static bool is_relative(const struct insn *i)
{
	return (i->opcode & 0xfff0) == 0x0f80 || i->opcode == 0xe8 || i->opcode == 0xe9;
}

/* Operands that no ModRM names: tables, strings, frames, and where branches lead to. */
static void aim_implicit(struct machine *m, u8 *bytes, unsigned length, u32 target)
{
	struct insn *i = &m->e.insn;
	u32 *gpr = m->v.gpr, to = DATA + below(PAGE_SIZE), small = below(0x1000);
	bool indirect = i->opcode == 0xff && (i->reg == 2 || i->reg == 4);

	if (is_string(i)) {
		gpr[ESI] = i->opcode < 0xa8 ? DATA + 0x100 + below(0xe00) : random_address(m);
		gpr[EDI] = target;
		gpr[ECX] = below(20);
		if (below(2)) /* something for REPE to run along */
			poke(m, gpr[EDI] - 64, (u8[256]){0}, 128);
	} else if (i->opcode == 0xd7) {
		gpr[EBX] = target - (gpr[EAX] & 0xff);
	} else if (i->opcode == 0xc8 || i->opcode == 0xc9) {
		gpr[EBP] = target;
	} else if (is_relative(i)) {
		memcpy(bytes + length - i->op_size, &small, i->op_size);
	} else if (i->opcode == 0xc2 || i->opcode == 0xc3) {
		poke(m, gpr[ESP], &to, 4);
	} else if (indirect && i->has_memory) {
		poke(m, access_offset(&m->v, i), &to, 4);
	} else if (indirect) {
		gpr[i->rm] = to;
	}
}

/* Bit numbers reach far: keep them within two pages. */
static void tame_bit_number(struct machine *m)
{
	struct insn *i = &m->e.insn;
	u32 bit = below(0x10000) - 0x8000;

	if (i->has_memory && (i->opcode & 0xffe7) == 0x0fa3)
		access_set_reg(&m->v, i->reg, i->op_size, bit);
}

static void random_registers(struct machine *m)
{
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		m->v.gpr[reg] = random_value();
	m->v.gpr[ESP] = m->e.insn.has_memory ? 0xe100 + below(0x800) : random_address(m);
	m->v.eflags = EFLAGS_FIXED | (random32() & COMPARED);
	m->v.eip = CODE + below(CODE_END - CODE);
	m->v.cr2 = 0;
	m->v.event.kind = EVENT_NONE;
}

/* A random instruction of the template, with its operands in sight, in both memories. */
static void prepare(struct machine *m, const char *template)
{
	u8 bytes[32] = {0};
	unsigned length = generate(bytes, template);
	u32 target = random_address(m);
	enum decode_status status = insn_decode(&m->e.insn, bytes, length, 4);

	if (status != DECODE_OK || m->e.insn.length != length)
		fail_msg("%s: not one instruction", template);
	random_registers(m);
	tame_bit_number(m);
	if (m->e.insn.has_memory)
		aim(&m->e.insn, m->v.gpr, bytes, length, target);
	aim_implicit(m, bytes, length, target);
	poke(m, m->v.eip, bytes, length);
	uc_ctl_remove_cache(m->uc.engine, CODE, DATA);
}

/* A new engine for each fault: one that has met an exception takes the next for a double fault. */
static void open_unicorn(struct machine *m)
{
	if (m->uc.engine)
		uc_close(m->uc.engine);
	uc_start(&m->uc);
	uc_mem_map_ptr(m->uc.engine, 0, MEMORY, UC_PROT_ALL, m->uc_ram);
	uc_set(&m->uc, UC_X86_REG_CR3, m->v.cr3);
	uc_set(&m->uc, UC_X86_REG_CR0, m->v.cr0);
}

/*
 * Runs the instruction in Unicorn: a string to its end, else one step. It is told where the emulator
 * ended, so that it does not translate what lies there: some bytes abort its translator.
 */
static void run_unicorn(struct machine *m, const struct vcpu *v)
{
	bool string = is_string(&m->e.insn);
	u32 until = m->v.eip == v->eip ? v->eip + m->e.insn.length : m->v.eip;

	m->uc.vector = -1;
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		uc_set(&m->uc, uc_gpr[reg], v->gpr[reg]);
	uc_set(&m->uc, UC_X86_REG_EFLAGS, v->eflags);
	uc_err err = uc_emu_start(m->uc.engine, v->eip, until, 0, string ? 0 : 1);

	if (err == UC_ERR_INSN_INVALID)
		m->uc.vector = VECTOR_UD;
	else if (err != UC_ERR_OK && m->uc.vector < 0)
		fail_msg("Unicorn: %s", uc_strerror(err));
}

/* What a fault must leave: the registers and memory from before; Unicorn's POPA and PUSHA do not. */
static void compare_fault(struct machine *m, const struct vcpu *before, const char *template)
{
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		EXPECT("register after a fault", m->v.gpr[reg], before->gpr[reg]);
	EXPECT("eflags after a fault", m->v.eflags, before->eflags);
	EXPECT("memory after a fault", memcmp(m->ram, m->saved, DATA_END), 0);
	memcpy(m->uc_ram, m->ram, MEMORY);
}

static void compare_result(struct machine *m, const struct vcpu *before, const char *template)
{
	u32 undefined = m->uc.vector < 0 ? undefined_flags(&m->e.insn, before) : 0;

	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		EXPECT(gpr_name[reg], m->v.gpr[reg], uc_get(&m->uc, uc_gpr[reg]));
	EXPECT("eflags", (m->v.eflags ^ uc_get(&m->uc, UC_X86_REG_EFLAGS)) & COMPARED & ~undefined,
		0u);
	EXPECT("memory", memcmp(m->ram, m->uc_ram, DATA_END), 0);
}

/* Where two accesses fault, the order is nobody's promise: PUSHA from either end, PUSH and CALL of [ESP]. */
static u32 fault_address(const struct insn *i, u32 cr2)
{
	return i->opcode == 0x60 || (i->opcode == 0xff && i->base == ESP) ? cr2 & ~PAGE_MASK : cr2;
}

/* False if there was nothing to compare. */
static bool one_trial(struct machine *m, const char *template)
{
	prepare(m, template);

	const struct vcpu start = m->v, *before = &start;
	const struct insn *i = &m->e.insn;

	if (undefined_result(i, before))
		return false;
	memcpy(m->saved, m->ram, MEMORY);
	enum step step = cpu_fetch(&m->v, &m->e);

	if (step == STEP_DONE)
		step = cpu_emulate(&m->v, &m->e);
	if (m->v.cr2 >= MEMORY || (step == STEP_EXIT && m->exit.kind == EXIT_MMIO))
		return false; /* an address went astray */
	EXPECT("unsupported", step == STEP_EXIT, false);

	if (step == STEP_FAULT)
		open_unicorn(m);
	run_unicorn(m, before);
	EXPECT("vector", step == STEP_FAULT ? m->v.event.vector : -1, m->uc.vector);
	EXPECT("eip", m->v.eip, uc_get(&m->uc, UC_X86_REG_EIP));
	if (m->uc.vector == VECTOR_PF)
		EXPECT("cr2", fault_address(i, m->v.cr2), fault_address(i, m->uc.cr2));
	if (step == STEP_FAULT && !(is_string(i) && i->rep != REP_NONE))
		compare_fault(m, before, template);
	else
		compare_result(m, before, template);
	return true;
}

static void map_pages(struct machine *m)
{
	u32 directory = TABLE | RIGHTS, table[MEMORY / PAGE_SIZE];

	for (unsigned page = 0; page < ARRAY_SIZE(table); page++)
		table[page] = page << PAGE_SHIFT | RIGHTS;
	table[6] = 0;
	table[9] &= ~PTE_W;
	poke(m, DIRECTORY, &directory, sizeof directory);
	poke(m, TABLE, table, sizeof table);
	m->v.cr3 = DIRECTORY;
	m->v.cr0 |= CR0_PG | CR0_WP;
}

static void setup(struct machine *m, bool paging)
{
	*m = (struct machine){.paging = paging};
	random_state = 0x2545f491;
	test_memory(&m->mem, MEMORY);
	m->ram = m->mem.owner;
	m->saved = malloc(MEMORY);
	m->uc_ram = calloc(1, MEMORY);
	vcpu_reset(&m->v, &m->mem);
	m->e.exit = &m->exit;
	for (unsigned i = 0; i < SREG_COUNT; i++)
		m->v.seg[i].selector = 0; /* as Unicorn starts */
	for (u32 at = DATA; at < DATA_END; at += 4)
		poke(m, at, &(u32){random_value()}, 4);

	if (paging)
		map_pages(m);
	open_unicorn(m);
}

static void compare(bool paging)
{
	struct machine machine, *m = &machine;
	unsigned compared = 0;

	setup(m, paging);
	for (unsigned t = 0; t < ARRAY_SIZE(templates); t++)
		for (unsigned n = 0; n < TRIALS; n++) {
			/* ENTER checks more than Unicorn's does, so it faults earlier */
			if (paging && !strncmp(templates[t], "C8", 2))
				continue;
			compared += one_trial(m, templates[t]);
		}
	print_message("%u instructions compared\n", compared);
	assert_in_range(compared, TRIALS * ARRAY_SIZE(templates) * 95 / 100, ~0u);
	uc_close(m->uc.engine);
	test_memory_free(&m->mem);
	free(m->uc_ram);
	free(m->saved);
}

static void unpaged(void **state)
{
	compare(false);
}

static void paged(void **state)
{
	compare(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(unpaged), cmocka_unit_test(paged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
