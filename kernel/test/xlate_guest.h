/*
 * A guest's instruction, translated, for tests that run it in Unicorn's ring 3. Include it once a test.
 *
 *   guest's RAM     as in unicorn_machine.h              monitor's   0x100000  GDT, stack, IRET
 *                                                                    0x140000  code cache
 *                                                                    0x200000  struct xlate_state
 */
#pragma once

#include "test/unicorn_machine.h"

#include "xlate/xlate.h"

#define SYSTEM     0x100000u
#define SYSTEM_ESP (SYSTEM + 0xf00)
#define LOAD_CR3   (SYSTEM + 0x800) /* mov %eax, %cr3; iret */
#define IRET       (LOAD_CR3 + 3)
#define HOST       0x140000u
#define STATE      0x200000u
#define RING0_DATA 0x10
#define RING3_CODE 0x1b
#define RING3_DATA 0x23
#define RING3_GS   0x2b
#define HLT        0xf4
#define ASTRAY     (-2) /* an address where Unicorn has no memory */

struct machine {
	struct gmem mem;
	struct vcpu v;
	struct emulation e;
	struct exit exit;
	u8 *ram;

	struct xlate *x;
	struct xlate_memory memory;
	struct xlate_block *block;

	struct unicorn uc;
	uc_context *fresh; /* in ring 0, no exception met */
	u8 *system;
};

static void poke(struct machine *m, u32 address, const void *bytes, unsigned count)
{
	memcpy(m->ram + address, bytes, count);
}

static void set_page(struct machine *m, u32 page, u32 entry)
{
	poke(m, TABLE + page * 4, &entry, 4);
}

static void map_all(struct machine *m)
{
	u32 directory = TABLE | RIGHTS;

	poke(m, DIRECTORY, &directory, 4);
	for (u32 page = 0; page < PT_ENTRIES; page++)
		set_page(m, page, page << PAGE_SHIFT | RIGHTS);
	m->v.cr3 = DIRECTORY;
	m->v.cr0 |= CR0_PG | CR0_WP;
}

static void fill_system(struct machine *m)
{
	const u32 data = ATTR_G | ATTR_DB | ATTR_P | ATTR_S | ATTR_WRITABLE | ATTR_ACCESSED;
	struct descriptor *gdt = (void *)m->system;
	uc_x86_mmr gdtr = {.base = SYSTEM, .limit = 0xff};

	gdt[1] = descriptor_make(0, ~0u, data | ATTR_CODE);
	gdt[2] = descriptor_make(0, ~0u, data);
	gdt[3] = descriptor_make(0, ~0u, data | ATTR_CODE | ATTR_DPL);
	gdt[4] = descriptor_make(0, ~0u, data | ATTR_DPL);
	gdt[5] = descriptor_make(STATE, ~0u, data | ATTR_DPL);
	memcpy(m->system + (LOAD_CR3 - SYSTEM), "\x0f\x22\xd8\xcf", 4);
	assert_int_equal(uc_reg_write(m->uc.engine, UC_X86_REG_GDTR, &gdtr), UC_ERR_OK);
}

static void open_unicorn(struct machine *m)
{
	u32 state = ALIGN_UP(sizeof(struct xlate_state), PAGE_SIZE);

	uc_start(&m->uc);
	uc_mem_map_ptr(m->uc.engine, 0, MEMORY, UC_PROT_ALL, m->ram);
	uc_mem_map_ptr(m->uc.engine, SYSTEM, PAGE_SIZE, UC_PROT_ALL, m->system);
	uc_mem_map_ptr(m->uc.engine, HOST, XLATE_CODE_MIN, UC_PROT_ALL, m->memory.code);
	uc_mem_map_ptr(m->uc.engine, STATE, state, UC_PROT_ALL, m->memory.state);
	fill_system(m);
	uc_set(&m->uc, UC_X86_REG_SS, RING0_DATA); /* of 32 bits, unlike what Unicorn starts with */
	uc_set(&m->uc, UC_X86_REG_DS, RING3_DATA);
	uc_set(&m->uc, UC_X86_REG_ES, RING3_DATA);
	uc_set(&m->uc, UC_X86_REG_FS, RING3_DATA);
	uc_set(&m->uc, UC_X86_REG_GS, RING3_GS);
	uc_set(&m->uc, UC_X86_REG_CR3, m->v.cr3);
	uc_set(&m->uc, UC_X86_REG_CR0, m->v.cr0);
	uc_context_alloc(m->uc.engine, &m->fresh);
	uc_context_save(m->uc.engine, m->fresh);
}

static void machine_open(struct machine *m)
{
	*m = (struct machine){0};
	random_state = 0x2545f491;
	test_memory(&m->mem, MEMORY);
	m->ram = m->mem.owner;
	m->system = calloc(1, PAGE_SIZE);
	m->memory = (struct xlate_memory){
		.code = aligned_alloc(PAGE_SIZE, XLATE_CODE_MIN),
		.code_address = HOST,
		.code_bytes = XLATE_CODE_MIN,
		.state = aligned_alloc(PAGE_SIZE, ALIGN_UP(sizeof(struct xlate_state), PAGE_SIZE)),
		.records = calloc(1, xlate_record_bytes(XLATE_CODE_MIN)),
	};
	memset(m->memory.code, HLT, XLATE_CODE_MIN);
	memset(m->memory.state, 0, sizeof *m->memory.state);
	m->x = xlate_init(&m->memory);
	vcpu_reset(&m->v, &m->mem);
	m->e.exit = &m->exit;
	for (unsigned i = 0; i < SREG_COUNT; i++)
		if (i == DS || i == ES || i == FS)
			m->v.seg[i].selector = RING3_DATA; /* the real ones are the guest's */
	map_all(m);
	open_unicorn(m);
}

static void machine_close(struct machine *m)
{
	uc_context_free(m->fresh);
	uc_close(m->uc.engine);
	test_memory_free(&m->mem);
	free(m->system);
	free(m->memory.code);
	free(m->memory.state);
	free(m->memory.records);
}

/* A block of the instruction and a NOP: so there is a clean place between. */
static void machine_translate(struct machine *m)
{
	u32 eip = m->v.eip;
	struct xlate_source from = {.eip = eip, .linear = eip, .limit = ~0u, .most = 2};

	from.code = m->ram + eip;
	from.bytes = PAGE_SIZE - (eip & PAGE_MASK);
	from.next_bytes = sizeof from.next;
	memcpy(from.next, m->ram + eip + from.bytes, sizeof from.next);
	from.gfn[0] = eip >> PAGE_SHIFT;
	from.gfn[1] = from.gfn[0] + 1;
	xlate_flush(m->x);
	m->block = xlate_translate(m->x, &from);
	uc_ctl_remove_cache(m->uc.engine, m->block->host, m->block->end);
}

/* Always with a count: to begin or end counting makes Unicorn forget all that it has translated. */
static void machine_run(struct machine *m, u32 from, unsigned most)
{
	uc_err err;

	err = uc_emu_start(m->uc.engine, from, 0, 0, most);
	if (err == UC_ERR_INSN_INVALID)
		m->uc.vector = VECTOR_UD;
	else if (err != UC_ERR_OK && m->uc.vector < 0)
		m->uc.vector = ASTRAY;
}

/* Ring 3 with the guest's registers, at a host address, for at most so many instructions. */
static void machine_enter(struct machine *m, u32 host, unsigned most)
{
	u32 frame[5] = {host, RING3_CODE, vcpu_real_eflags(&m->v), m->v.gpr[ESP], RING3_DATA};

	m->memory.state->vif = m->v.eflags & EFLAGS_IF;
	m->memory.state->cs = m->v.seg[CS].selector;
	m->memory.state->ss = m->v.seg[SS].selector;
	m->memory.state->gs = m->v.seg[GS].selector;
	m->memory.state->cr[0] = m->v.cr0;
	m->memory.state->cr[2] = m->v.cr2;
	m->memory.state->cr[3] = m->v.cr3;
	m->memory.state->cr[4] = m->v.cr4;
	m->memory.state->clock_base = m->v.tsc; /* and clock_scale is 0: it stands still */
	uc_context_restore(m->uc.engine, m->fresh);
	uc_set(&m->uc, UC_X86_REG_EAX, m->v.cr3);
	machine_run(m, LOAD_CR3, 1); /* the pages may be others than they were */
	memcpy(m->system + (SYSTEM_ESP - SYSTEM), frame, sizeof frame);
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		uc_set(&m->uc, uc_gpr[reg], reg == ESP ? SYSTEM_ESP : m->v.gpr[reg]);
	machine_run(m, IRET, 1);
	assert_int_equal(uc_get(&m->uc, UC_X86_REG_EIP), host);
	m->uc.vector = -1;
	if (most)
		machine_run(m, host, most);
}

/* What the engine does when it comes back: registers and flags, the virtual IF from memory. */
static void machine_store(struct machine *m)
{
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		m->v.gpr[reg] = uc_get(&m->uc, uc_gpr[reg]);
	vcpu_set_user_eflags(&m->v, uc_get(&m->uc, UC_X86_REG_EFLAGS));
	m->v.eflags = (m->v.eflags & ~EFLAGS_IF) | (m->memory.state->vif & EFLAGS_IF);
}
