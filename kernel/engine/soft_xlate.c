/*
 * The code cache of a machine whose kernel is translated: where it lies, how it is filled, entered
 * and left, and what makes its contents wrong. What ring 3 needs lies in its part of the window, in
 * the kernel's root alone:
 *
 *    window + WINDOW_RING3   state   | slots of the look-up | code
 *                            written | read-only            | read-only
 */
#include "engine/soft.h"

#include "base/string.h"
#include "hw/insn.h"
#include "hw/memory.h"
#include "hw/window.h"
#include "x86/paging.h"

/* A twenty-fourth of the guest's memory for code; of Linux's kernel that is enough for all it runs. */
#define CODE_SHARE 24u
#define CODE_MIN   (256 * KIB)
#define CODE_MAX   (8 * MIB)

_Static_assert(sizeof(struct xlate_state) + CODE_MAX <= WINDOW_PINS - WINDOW_RING3,
	"the largest cache lies within ring 3's part of the window");

static u32 ring3_start(void)
{
	return memory_window_start() + WINDOW_RING3;
}

/* Maps `bytes` of the monitor's heap for ring 3, from page number `page` of its part on. */
static void map_ring3(u32 *entries, u32 page, const void *memory, u32 bytes, u32 right)
{
	u32 physical = memory_physical(memory).v;

	for (u32 i = 0; i < PAGE_COUNT(bytes); i++)
		entries[page + i] =
			(physical + i * PAGE_SIZE) | PTE_P | PTE_U | PTE_A | PTE_D | right;
}

/* The kernel root's copy of the window's directory entries, with ring 3's part in it. */
static bool build_window(struct soft_xlate *x, const struct xlate_memory *memory)
{
	u32 bytes = sizeof *memory->state + memory->code_bytes;
	u32 tables = (bytes + LARGE_PAGE_SIZE - 1) / LARGE_PAGE_SIZE;
	u32 *entries = memory_pages(tables);

	x->window = memory_pages(1);
	if (!entries || !x->window)
		return false;
	map_ring3(entries, 0, memory->state, PAGE_SIZE, PTE_W);
	map_ring3(entries, 1, memory->state->slot, sizeof *memory->state - PAGE_SIZE, 0);
	map_ring3(entries, PAGE_COUNT(sizeof *memory->state), memory->code, memory->code_bytes, 0);
	memcpy(x->window, memory_window_entries(), WINDOW_PDES * sizeof(u32));
	for (u32 i = 0; i < tables; i++)
		x->window[pde_index(WINDOW_RING3) + i] =
			memory_physical(entries + i * PT_ENTRIES).v | PTE_P | PTE_U | PTE_W | PTE_A;
	return true;
}

static void fill_descriptors(struct descriptor *gdt)
{
	const u32 ring3 = ATTR_DB | ATTR_P | ATTR_S | ATTR_DPL | ATTR_ACCESSED;

	gdt[DESCRIPTOR_INDEX(SELECTOR_XLATE_CODE)] =
		descriptor_make(0, ~0u, ATTR_G | ATTR_CODE | ATTR_READABLE | ring3);
	gdt[DESCRIPTOR_INDEX(SELECTOR_XLATE_STATE)] = descriptor_make(
		ring3_start(), sizeof(struct xlate_state) - 1, ATTR_WRITABLE | ring3);
}

enum engine_shape engine_shape;

static u32 cache_bytes(const struct gmem *mem)
{
	u32 share = mem->size / CODE_SHARE & ~PAGE_MASK;

	if (engine_shape == SHAPE_TINY)
		return XLATE_CODE_MIN;
	return MIN(MAX(share, CODE_MIN), CODE_MAX);
}

const char *soft_xlate_attach(struct soft *s)
{
	struct soft_xlate *x = &s->xlate;
	struct xlate_memory memory = {
		.code_bytes = cache_bytes(s->vcpu->mem),
		.code_address = ring3_start() + sizeof *memory.state,
		.state = memory_pages(PAGE_COUNT(sizeof *memory.state)),
	};

	memory.code = memory_pages(PAGE_COUNT(memory.code_bytes));
	memory.records = memory_pages(PAGE_COUNT(xlate_record_bytes(memory.code_bytes)));
	if (!memory.state || !memory.code || !memory.records || !build_window(x, &memory))
		return "the monitor's own memory is used up by code caches: start fewer machines, "
		       "or give QEMU more (-m)";
	x->state = memory.state;
	x->cache = xlate_init(&memory);
	x->counts = xlate_counts(x->cache);
	x->where = &xlate_nowhere;
	x->clock_due = true;
	fill_descriptors(s->tables.gdt.slot[TABLE_KERNEL]);
	descriptor_refuse(&s->tables, (u32 *)memory.state->refused);
	return NULL;
}

/* --- filling --- */

/* The page of the guest that holds this byte of its code, as a walk of its tables finds it now. */
static struct walk walk_code(struct vcpu *v, u32 linear, bool set_ad)
{
	struct paging paging = vcpu_paging(v);
	struct walk walk = mmu_walk(v->mem, &paging, gva(linear), ACCESS_FETCH, 0, set_ad);

	walk.ok = walk.ok && gmem_is_ram(v->mem, walk.gpa, 1);
	return walk;
}

/* The first bytes of the next page, into which the instruction at EIP may cross. */
static void find_next(struct vcpu *v, struct xlate_source *from)
{
	struct walk next = walk_code(v, (from->linear & ~PAGE_MASK) + PAGE_SIZE, false);

	if (!next.ok)
		return;
	from->next_bytes = sizeof from->next;
	gmem_read(v->mem, next.gpa, from->next, sizeof from->next);
	from->gfn[1] = next.gpa.v >> PAGE_SHIFT;
	from->global[1] = next.global;
}

/*
 * Looks at the code at EIP, to the end of its page. A block whose later instruction crosses it ends
 * before that one, which has a block of its own then.
 */
static bool find_source(struct vcpu *v, struct xlate_source *from)
{
	struct walk walk;

	from->linear = v->seg[CS].base + v->eip;
	from->bytes = PAGE_SIZE - (from->linear & PAGE_MASK);
	if (from->bytes < INSN_MAX)
		find_next(v, from);
	walk = walk_code(v, from->linear, true);
	if (!walk.ok)
		return false;
	from->gfn[0] = walk.gpa.v >> PAGE_SHIFT;
	from->global[0] = walk.global;
	from->code = (u8 *)v->mem->map(v->mem, from->gfn[0]) + (from->linear & PAGE_MASK);
	return true;
}

/* From now on writes to the frames that the block was made from are heard of. */
static void watch(struct soft *s, const struct xlate_block *b)
{
	for (unsigned i = 0; i < 2 && b->page[i]; i++)
		if (gmem_watch(s->vcpu->mem, b->page[i]->gfn, WATCH_CODE))
			shadow_protect(&s->shadow, b->page[i]->gfn);
}

static struct xlate_block *make_block(struct soft *s, bool indirect)
{
	const struct vcpu *v = s->vcpu;
	struct xlate_source from = {
		.eip = v->eip,
		.limit = v->seg[CS].limit,
		.indirect = indirect,
		.most = engine_shape == SHAPE_ONE ? 1 : 0,
	};
	struct xlate_block *b;

	soft_blame(s, CAUSE_TRANSLATE);
	if (!find_source(s->vcpu, &from))
		return NULL;
	from.trap_loads = s->loose != 0; /* the walk may have set a bit beside a descriptor table */
	b = xlate_translate(s->xlate.cache, &from);
	if (b)
		watch(s, b);
	return b;
}

/* Code has been translated for one base and limit; a kernel may well have several selectors of it. */
void soft_xlate_segment(struct soft *s)
{
	const struct segment *cs = &s->vcpu->seg[CS];
	struct soft_xlate *x = &s->xlate;

	if (x->cs.base == cs->base && x->cs.limit == cs->limit)
		return;
	x->cs = *cs;
	xlate_flush(x->cache);
}

const struct xlate_block *soft_xlate_block(
	const struct soft *s, const struct segment *code, u32 eip)
{
	const struct soft_xlate *x = &s->xlate;

	return x->cs.base == code->base && x->cs.limit == code->limit ? xlate_find(x->cache, eip)
								      : NULL;
}

/* Whether what is remembered of the last exit still lies in the cache. */
static bool remembers(const struct soft_xlate *x)
{
	return x->where->block && !x->where->block->dead;
}

/* In the block that was left: at the same instruction again, or behind it. */
static u32 find_near(const struct soft *s)
{
	const struct xlate_where *w = s->xlate.where;

	if (!remembers(&s->xlate) || w->place == XLATE_EXIT)
		return 0;
	if (s->vcpu->eip == w->next_eip)
		return w->next_host;
	return s->vcpu->eip == w->eip ? w->host : 0;
}

u32 soft_xlate_straight(const struct soft *s)
{
	const struct xlate_where *w = s->xlate.where;
	const struct vcpu *v = s->vcpu;
	const struct xlate_block *b;

	if (v->intr || v->shadow || v->eflags & (EFLAGS_TF | EFLAGS_IOPL) || s->due)
		return 0;
	if (v->eip == w->next_eip && remembers(&s->xlate))
		return w->next_host;
	b = soft_xlate_block(s, &v->seg[CS], v->eip);
	return b ? b->host : 0;
}

u32 soft_xlate_find(struct soft *s)
{
	struct soft_xlate *x = &s->xlate;
	bool indirect = x->where->place == XLATE_INDIRECT;
	struct xlate_block *b;
	u32 host;

	host = find_near(s);
	if (host)
		return host;
	b = xlate_find(x->cache, s->vcpu->eip);
	if (b && indirect)
		b = xlate_open_gate(x->cache, b);
	if (!b)
		b = make_block(s, indirect);
	if (!b)
		return 0;
	host = b->host;
	if (x->exit && remembers(x) && x->exit->target == s->vcpu->eip && !x->exit->to)
		xlate_link(x->cache, x->exit, b);
	x->exit = NULL;
	return host;
}

/* --- leaving --- */

static bool comes_at_any_time(u32 vector)
{
	return vector >= VECTOR_IRQ || vector == VECTOR_DB;
}

/*
 * Single-steps to the end of the guest's instruction: a few steps. Another fault on the way ends it
 * as well: until then all that the guest can see is as before the instruction, which is begun again.
 */
static void finish_instruction(struct soft *s)
{
	struct hw_frame *f = &s->frame;
	u32 vector = f->vector, cause = read_dr6();

	do {
		f->eflags = (f->eflags | EFLAGS_TF) & ~EFLAGS_IF;
		write_dr6(DR6_FIXED);
		hw_enter(f, s->vcpu->gpr);
		s->xlate.where = xlate_where(s->xlate.cache, f->eip);
	} while (f->vector == VECTOR_DB && s->xlate.where->place == XLATE_INSIDE);
	f->eflags = (f->eflags & ~EFLAGS_TF) | EFLAGS_IF;
	f->vector = vector;
	write_dr6(cause);
}

void soft_xlate_left(struct soft *s)
{
	struct soft_xlate *x = &s->xlate;

	x->where = xlate_where(x->cache, s->frame.eip);
	if (x->where->place == XLATE_INSIDE && comes_at_any_time(s->frame.vector))
		finish_instruction(s);
	x->exit = x->where->exit;
}

/* --- what makes it wrong --- */

/* A page of code may have another frame now: what was made from the old one must not run again. */
static void check_page(struct soft *s, struct xlate_page *page)
{
	struct walk walk = walk_code(s->vcpu, page->linear << PAGE_SHIFT, false);

	if (!walk.ok || walk.gpa.v >> PAGE_SHIFT != page->gfn)
		xlate_drop_page(s->xlate.cache, page);
	xlate_set_global(s->xlate.cache, page, walk.ok && walk.global);
}

void soft_xlate_remapped(struct soft *s, unsigned effects)
{
	struct xlate *cache = s->xlate.cache;
	struct xlate_page *page = NULL;

	while (effects & EFFECT_FLUSH && (page = xlate_next_page(cache, page)))
		if (page->blocks)
			check_page(s, page);
	while (effects & EFFECT_CR3 && (page = xlate_next_local(cache, page)))
		if (page->blocks)
			check_page(s, page);
	if (effects & EFFECT_INVLPG) {
		page = xlate_find_page(cache, s->emulation->page.v >> PAGE_SHIFT);
		if (page)
			check_page(s, page);
	}
}

void soft_xlate_release(struct soft *s, u32 gfn)
{
	xlate_written(s->xlate.cache, gfn, 0, PAGE_SIZE);
	gmem_unwatch(s->vcpu->mem, gfn, WATCH_CODE);
}

void soft_xlate_written(struct soft *s, gpa_t address, u32 bytes)
{
	u32 gfn = address.v >> PAGE_SHIFT;

	if (!xlate_written(s->xlate.cache, gfn, address.v & PAGE_MASK, bytes))
		gmem_unwatch(s->vcpu->mem, gfn, WATCH_CODE);
}

void soft_xlate_forget(struct soft *s)
{
	xlate_flush(s->xlate.cache);
}

void soft_xlate_count(struct soft *s)
{
	const struct xlate *cache = s->xlate.cache;
	const struct xlate_counts *c = s->xlate.counts;

	s->counts.cache.bytes = cache_bytes(s->vcpu->mem);
	s->counts.cache.used = xlate_used(cache);
	s->counts.cache.blocks = c->blocks;
	s->counts.cache.dropped = c->dropped;
	s->counts.cache.flushes = c->flushes;
}
