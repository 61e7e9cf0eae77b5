/*
 * Shadow page tables that are kept: what the interface promises, on the tables of shadow_table.c.
 *
 *   fault     link the table of that region and key, made new if there is none; enter the page, or
 *             of a 4 MiB page 32
 *   flush     unlink all regions and link them again: that compares every entry with the guest's
 *   switch    the same for regions that are not all global: unlink those of the old address space,
 *             link those that the new one had when it was left
 *   INVLPG    enter the page again, as it is now
 *
 * A linked table holds only what the guest's tables have offered since the last flush of it. One
 * that waits may hold anything, since it is compared before it is linked; but a 4 MiB page's is
 * always as its key says.
 */
#include "mmu/shadow_cache.h"

#include "mmu/shadow_pool.h"

static u32 own_bytes(u32 tables)
{
	return sizeof(struct shadow_own) + tables * sizeof(struct cached_table);
}

u32 shadow_pages(u32 tables)
{
	return tables + PAGE_COUNT(own_bytes(tables));
}

void shadow_init(struct shadow *s, struct gmem *mem, void *memory, hpa_t memory_hpa, u32 pages)
{
	shadow_set_pool(s, mem, memory, memory_hpa, pages);
	s->own->hand = ROOT_COUNT - 1;
}

/* --- a fault ---------------------------------------------------------------------------------- */

/*
 * Whether a page may be entered into the table of both roots. With CR0.WP clear the kernel has a right
 * more, so that it needs its own.
 */
static bool is_shared(const struct paging *paging, const struct walk *walk)
{
	return walk->user && paging->wp;
}

/* The table into which a page of `root` belongs, linked already or not; 0 if there is none. */
static u32 table_there(struct shadow *s, const struct paging *paging, enum shadow_root root,
	unsigned region, u32 key, const struct walk *walk)
{
	u32 number = shadow_table_linked(s, root, region);

	if (number && (s->own->record[number].root == root || is_shared(paging, walk)))
		return number;
	number = shadow_table_find(s, region, key, root);
	if (!number && is_shared(paging, walk))
		number = shadow_table_find(s, region, key, ROOT_USER);
	return number;
}

/* The same, made if need be, and linked. */
static u32 table_for(struct shadow *s, const struct paging *paging, enum shadow_root root,
	gva_t address, const struct walk *walk)
{
	unsigned region = pde_index(address.v);
	u32 key = shadow_table_key(paging, walk->directory), number;

	/* All tables linked in a region have one key, and the kernel's root leads to one of them. */
	number = shadow_table_linked(s, ROOT_KERNEL, region);
	if (number && s->own->record[number].key != key)
		shadow_table_unlink(s, region);
	number = table_there(s, paging, root, region, key, walk);
	if (!number)
		number = shadow_table_make(
			s, region, key, is_shared(paging, walk) ? ROOT_USER : root);
	shadow_table_link(s, paging, number);
	return number;
}

/*
 * Enters a page that a walk has found, whose accessed bits are set; of a large page also what is
 * around. A page that is there already is watched, or has got a right more: nothing is new around it.
 */
static u32 fill(struct shadow *s, const struct paging *paging, enum shadow_root root, gva_t address,
	const struct walk *walk)
{
	u32 number = table_for(s, paging, root, address, walk);
	unsigned index = pte_index(address.v);
	bool is_new = !bitmap_has(&s->own->record[number].live, index);

	if (is_new && walk->directory & PTE_PS)
		shadow_table_enter_run(s, paging, number, index);
	return shadow_table_enter(
		s, paging, number, index, (walk->page & PAGE_MASK) | (walk->gpa.v & PTE_FRAME));
}

enum shadow_result shadow_fault(struct shadow *s, const struct paging *paging, gva_t address,
	enum access access, unsigned cpl, struct walk *walk)
{
	u32 entry;

	s->own->cr3 = paging->cr3;
	*walk = mmu_walk(s->mem, paging, address, access, cpl, true);
	if (!walk->ok) {
		s->counts.true_faults++;
		s->owed = true;
		s->own->owed_at = address;
		s->own->owed_cpl = cpl;
		return SHADOW_FAULT;
	}
	if (shadow_in_window(s, address))
		return SHADOW_WINDOW;
	if (!shadow_may_map(s, walk->gpa, access))
		return SHADOW_DEVICE;
	entry = fill(s, paging, cpl == 3 ? ROOT_USER : ROOT_KERNEL, address, walk);
	if (access == ACCESS_WRITE && !(entry & PTE_W))
		return SHADOW_WATCHED;
	s->counts.fills++;
	return SHADOW_FILLED;
}

void shadow_returned(struct shadow *s, const struct paging *paging)
{
	struct shadow_own *own = s->own;
	struct walk walk;

	if (!s->owed)
		return;
	s->owed = false;
	walk = mmu_walk(s->mem, paging, own->owed_at, ACCESS_READ, own->owed_cpl, false);
	if (walk.ok && walk.directory & walk.page & PTE_A && gmem_is_ram(s->mem, walk.gpa, 1) &&
		!shadow_in_window(s, own->owed_at))
		fill(s, paging, own->owed_cpl == 3 ? ROOT_USER : ROOT_KERNEL, own->owed_at, &walk);
}

/* --- flushes ---------------------------------------------------------------------------------- */

/* Links again what is known of a region, if the guest's directory is as it was. */
static void relink(struct shadow *s, const struct paging *paging, unsigned region)
{
	u32 entry = mmu_directory_entry(s->mem, paging, gva(region << 22));
	u32 key = shadow_table_key(paging, entry), number;

	if (~entry & (PTE_P | PTE_A) || bitmap_has(&s->own->linked, region))
		return;
	for (unsigned root = 0; root < ROOT_COUNT; root++) {
		number = shadow_table_find(s, region, key, root);
		if (number)
			shadow_table_link(s, paging, number);
	}
}

void shadow_flush(struct shadow *s, const struct paging *paging)
{
	struct bitmap linked = s->own->linked;

	s->counts.flushes++;
	BITMAP_EACH (region, &linked)
		shadow_table_unlink(s, region);
	BITMAP_EACH (region, &linked)
		relink(s, paging, region);
}

/* What is remembered of an address space, or the place where it will be. */
static struct space *find_space(struct shadow_own *own, u32 cr3)
{
	for (unsigned i = 0; i < SPACES; i++)
		if (own->space[i].cr3 == cr3)
			return &own->space[i];
	return NULL;
}

/* Unlinks what is the old address space's own, and remembers as much of it as there is room for. */
static void leave_space(struct shadow *s)
{
	struct shadow_own *own = s->own;
	struct space *space = find_space(own, own->cr3);

	if (!space) {
		space = &own->space[own->next_space];
		own->next_space = (own->next_space + 1) % SPACES;
	}
	space->cr3 = own->cr3;
	space->count = 0;
	BITMAP_EACH (region, &own->local) {
		if (space->count < SPACE_REGIONS)
			space->region[space->count++] = region;
		shadow_table_unlink(s, region);
	}
}

void shadow_switch(struct shadow *s, const struct paging *paging)
{
	const struct space *space;

	s->counts.switches++;
	leave_space(s);
	s->own->cr3 = paging->cr3;
	space = find_space(s->own, paging->cr3);
	for (unsigned i = 0; space && i < space->count; i++)
		relink(s, paging, space->region[i]);
}

void shadow_invlpg(struct shadow *s, const struct paging *paging, gva_t address)
{
	unsigned region = pde_index(address.v), index = pte_index(address.v);
	u32 kernels, users, entry;

	s->counts.invlpgs++;
	if (!bitmap_has(&s->own->linked, region))
		return;
	kernels = shadow_table_linked(s, ROOT_KERNEL, region);
	users = shadow_table_linked(s, ROOT_USER, region);
	entry = mmu_directory_entry(s->mem, paging, address);
	if (~entry & (PTE_P | PTE_A) ||
		shadow_table_key(paging, entry) != s->own->record[kernels].key) {
		shadow_table_unlink(s, region);
		return;
	}
	if (entry & PTE_PS)
		return; /* all of it is as before */
	entry = gmem_read32(s->mem, gpa((entry & PTE_FRAME) + index * sizeof(u32)));
	shadow_table_enter(s, paging, kernels, index, entry);
	if (users && users != kernels)
		shadow_table_enter(s, paging, users, index, entry);
}

/* --- watched frames --------------------------------------------------------------------------- */

/* Of a 4 MiB page's table it is known which entry leads to a frame. */
static void protect_large(struct shadow *s, u32 number, u32 gfn)
{
	const struct cached_table *t = &s->own->record[number];
	u32 index = gfn - ((t->key & PDE_LARGE_FRAME) >> PAGE_SHIFT);

	if (index < PT_ENTRIES)
		s->table[number][index] &= ~PTE_W;
}

static void protect_small(struct shadow *s, u32 number, u32 gfn)
{
	const struct bitmap *live = &s->own->record[number].live;
	u32 real = (u32)s->mem->base.v + (gfn << PAGE_SHIFT), *table = s->table[number];

	for (u32 words = live->words; words; words &= words - 1) {
		unsigned first = 32 * __builtin_ctz(words);

		for (u32 bits = live->word[first / 32]; bits; bits &= bits - 1) {
			u32 *entry = &table[first + __builtin_ctz(bits)];

			if ((*entry & PTE_FRAME) == real)
				*entry &= ~PTE_W;
		}
	}
}

/* A table that waits is compared when it is linked; but not one of a 4 MiB page. */
void shadow_protect(struct shadow *s, u32 gfn)
{
	if (!gmem_is_ram(s->mem, gpa(gfn << PAGE_SHIFT), PAGE_SIZE))
		return;
	for (u32 number = ROOT_COUNT; number < s->tables; number++) {
		const struct cached_table *t = &s->own->record[number];

		if (t->key & PTE_PS)
			protect_large(s, number, gfn);
		else if (t->key && shadow_table_linked(s, t->root, t->region) == number)
			protect_small(s, number, gfn);
	}
	s->stale = true;
}
