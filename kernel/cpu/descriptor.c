/*
 * Shadow descriptor tables: the guest's descriptors, promoted so that its kernel can run in ring 3.
 */
#include "cpu/descriptor.h"

#include "base/string.h"
#include "cpu/segment.h"

/* Where a segment's attributes stand in a descriptor's high word. */
#define ATTR_BITS(attr) ((u32)(attr) << 8)

static const struct descriptor null_descriptor;

void descriptor_init(struct shadow_tables *t, void *memory)
{
	struct descriptor *next = memory;
	struct shadow_table *tables[] = {&t->gdt, &t->ldt};

	memset(t, 0, sizeof *t);
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
		for (unsigned level = 0; level < TABLE_COUNT; level++, next += GDT_ENTRIES)
			tables[i]->slot[level] = next;
}

static bool is_conforming(u32 attr)
{
	return (attr & ATTR_CODE) && (attr & ATTR_CONFORM);
}

struct descriptor descriptor_promote(struct descriptor d, enum table_level level)
{
	u32 attr = descriptor_attr(d);

	if (!(attr & ATTR_S))
		return null_descriptor;
	if (!(attr & ATTR_ACCESSED))
		d.high &= ~ATTR_BITS(ATTR_P);
	if (level == TABLE_USER)
		return d;
	/* Code that virtual ring 3 might be on its way to: the transfer there must not be silent. */
	if ((attr & ATTR_CODE) && (attr & (ATTR_DPL | ATTR_CONFORM)))
		d.high &= ~ATTR_BITS(ATTR_P);
	d.high |= ATTR_BITS(ATTR_DPL);
	return d;
}

/* Where a byte of a guest's table lies, without a fault and without a trace in its page tables. */
static bool locate(struct vcpu *v, u32 linear, gpa_t *address)
{
	struct paging paging = vcpu_paging(v);
	struct walk walk = mmu_walk(v->mem, &paging, gva(linear), ACCESS_READ, 0, false);

	*address = walk.gpa;
	return walk.ok && gmem_is_ram(v->mem, walk.gpa, 1);
}

/* The guest's descriptor as it stands in memory now; null where there is none. */
static struct descriptor peek(struct vcpu *v, u32 linear)
{
	struct descriptor d = null_descriptor;
	u8 *byte = (u8 *)&d;
	gpa_t address;

	if ((linear & PAGE_MASK) <= PAGE_SIZE - sizeof d) {
		if (locate(v, linear, &address))
			gmem_read(v->mem, address, &d, sizeof d);
		return d;
	}
	for (unsigned i = 0; i < sizeof d; i++)
		if (!locate(v, linear + i, &address) || !gmem_read(v->mem, address, byte + i, 1))
			return null_descriptor;
	return d;
}

/* How many descriptors the guest's table has. */
static unsigned table_entries(const struct vcpu *v, bool local)
{
	if (local && !(v->ldtr.attr & ATTR_P))
		return 0;
	return (MIN(local ? v->ldtr.limit : v->gdtr.limit, 0xffffu) + 1) /
	       sizeof(struct descriptor);
}

static u32 table_base(const struct vcpu *v, bool local)
{
	return local ? v->ldtr.base : v->gdtr.base;
}

/* The frame of each page that the table touches, ~0 where it is not mapped; how many there are. */
static unsigned find_frames(struct vcpu *v, bool local, u32 frame[TABLE_FRAMES])
{
	u32 base = table_base(v, local), bytes = table_entries(v, local) * 8, count = 0;
	gpa_t address;

	if (!bytes)
		return 0;
	for (u32 page = base & ~PAGE_MASK; page - (base & ~PAGE_MASK) < (base & PAGE_MASK) + bytes;
		page += PAGE_SIZE)
		frame[count++] = locate(v, page, &address) ? address.v >> PAGE_SHIFT : ~0u;
	return count;
}

bool descriptor_lies_in(const struct shadow_tables *t, u32 gfn, bool local)
{
	const struct shadow_table *table = local ? &t->ldt : &t->gdt;

	for (unsigned i = 0; i < table->frames; i++)
		if (table->frame[i] == gfn)
			return true;
	return false;
}

bool descriptor_located(const struct shadow_tables *t, struct vcpu *v, bool local)
{
	const struct shadow_table *table = local ? &t->ldt : &t->gdt;
	u32 frame[TABLE_FRAMES];

	return find_frames(v, local, frame) == table->frames &&
	       !memcmp(frame, table->frame, table->frames * sizeof frame[0]);
}

void descriptor_release(struct shadow_tables *t, struct vcpu *v, bool local)
{
	struct shadow_table *table = local ? &t->ldt : &t->gdt;

	/* The other table may lie in the same frame. */
	for (unsigned i = 0; i < table->frames; i++)
		if (table->frame[i] != ~0u && !descriptor_lies_in(t, table->frame[i], !local))
			gmem_unwatch(v->mem, table->frame[i], WATCH_DESCRIPTORS);
	table->frames = 0;
}

static bool watch_frames(struct shadow_tables *t, struct vcpu *v, bool local)
{
	struct shadow_table *table = local ? &t->ldt : &t->gdt;
	bool changed = false;

	if (descriptor_located(t, v, local))
		return false;
	descriptor_release(t, v, local);
	table->frames = find_frames(v, local, table->frame);
	for (unsigned i = 0; i < table->frames; i++)
		if (table->frame[i] != ~0u)
			changed |= gmem_watch(v->mem, table->frame[i], WATCH_DESCRIPTORS);
	return changed;
}

/* The descriptor that a register was loaded from, as ring 3 can hold it. */
static struct descriptor loaded_form(const struct segment *s)
{
	u32 attr = s->attr | ATTR_ACCESSED;

	return descriptor_make(s->base, s->limit, is_conforming(attr) ? attr : attr | ATTR_DPL);
}

static bool same(struct descriptor a, struct descriptor b)
{
	return a.low == b.low && a.high == b.high;
}

/* Whether the register still holds what its selector names in the guest's table. */
static bool is_current(struct vcpu *v, const struct segment *s)
{
	struct descriptor d;
	gva_t address;

	if (!segment_address(v, s->selector, &address))
		return false;
	d = peek(v, address.v);
	return same(d, descriptor_make(s->base, s->limit, s->attr));
}

/* A slot that a register's selector names, or NULL: null, or one of the monitor's own. */
static struct descriptor *find_slot(struct shadow_tables *t, enum table_level level, u16 selector)
{
	bool local = selector & SELECTOR_TI;

	if (selector_is_null(selector) ||
		(!local && (selector & SELECTOR_INDEX) >= SELECTOR_MONITOR))
		return NULL;
	return (local ? t->ldt : t->gdt).slot[level] + DESCRIPTOR_INDEX(selector);
}

/*
 * Empties those of the slots [from, to) whose register holds an older descriptor: loads must trap.
 */
static void drop_stale(
	struct shadow_tables *t, struct vcpu *v, unsigned from, unsigned to, bool local)
{
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		const struct segment *s = &v->seg[i];

		if (!s->attr || !(s->selector & SELECTOR_TI) == local ||
			DESCRIPTOR_INDEX(s->selector) - from >= to - from || is_current(v, s))
			continue;
		for (unsigned level = 0; level < TABLE_COUNT; level++) {
			struct descriptor *slot = find_slot(t, level, s->selector);

			if (slot)
				*slot = null_descriptor;
		}
	}
}

/* The bytes of RPL 0 to 3, the lowest first: data is refused where RPL is greater than DPL. */
static u32 refused_rpls(struct descriptor d)
{
	static const u32 by_dpl[] = {0x01010100, 0x01010000, 0x01000000, 0};

	return is_conforming(descriptor_attr(d)) ? 0 : by_dpl[d.high >> 13 & 3];
}

void descriptor_refuse(struct shadow_tables *t, u32 *refused)
{
	t->refused = refused;
	for (unsigned i = DESCRIPTOR_INDEX(SELECTOR_MONITOR); i < GDT_ENTRIES; i++)
		refused[2 * i] = ~0u;
}

/*
 * Copies up to 32 descriptors that lie in one page, from number `first` on; one alone if it crosses
 * into the next page. Returns how many.
 */
static unsigned copy_run(
	struct shadow_tables *t, struct vcpu *v, unsigned first, unsigned most, bool local)
{
	struct shadow_table *table = local ? &t->ldt : &t->gdt;
	struct descriptor run[32] = {{0}};
	u32 linear = table_base(v, local) + first * sizeof run[0];
	unsigned count = MIN(MIN(most, (unsigned)ARRAY_SIZE(run)),
		(PAGE_SIZE - (linear & PAGE_MASK)) / (u32)sizeof run[0]);
	gpa_t address;

	if (!count) {
		count = 1;
		run[0] = peek(v, linear);
	} else if (locate(v, linear, &address)) {
		gmem_read(v->mem, address, run, count * sizeof run[0]);
	}
	for (unsigned level = 0; level < TABLE_COUNT; level++)
		for (unsigned i = 0; i < count; i++)
			table->slot[level][first + i] = descriptor_promote(run[i], level);
	for (unsigned i = 0; t->refused && i < count; i++)
		t->refused[2 * (first + i) + local] = refused_rpls(run[i]);
	return count;
}

/* The GDT's first is never one, whatever lies there (SDM 3A 3.4.2). */
static void drop_first(struct shadow_tables *t, bool local)
{
	for (unsigned level = 0; level < TABLE_COUNT && !local; level++)
		t->gdt.slot[level][0] = null_descriptor;
	if (t->refused && !local)
		t->refused[0] = 0;
}

/* The usable descriptors of a table that has so many; the monitor's own lie behind them. */
static unsigned usable(unsigned entries, bool local)
{
	return MIN(entries, local ? GDT_ENTRIES : (unsigned)DESCRIPTOR_INDEX(SELECTOR_MONITOR));
}

bool descriptor_rebuild(struct shadow_tables *t, struct vcpu *v, bool local)
{
	struct shadow_table *table = local ? &t->ldt : &t->gdt;
	unsigned entries = usable(table_entries(v, local), local);

	for (unsigned level = 0; level < TABLE_COUNT; level++)
		memset(table->slot[level], 0, table->filled * sizeof(struct descriptor));
	for (unsigned i = 0, count; i < entries; i += count)
		count = copy_run(t, v, i, entries - i, local);
	drop_first(t, local);
	table->filled = entries;
	drop_stale(t, v, 0, GDT_ENTRIES, local);
	return watch_frames(t, v, local);
}

/* Copies the descriptors that have bytes in [start, end) of the guest's table; how many there are. */
static unsigned copy_written(
	struct shadow_tables *t, struct vcpu *v, u32 start, u32 end, bool local, unsigned *first)
{
	unsigned entries = usable(table_entries(v, local), local);
	unsigned from = start / sizeof(struct descriptor);
	unsigned to = MIN((end + 7) / sizeof(struct descriptor), (u32)entries);

	if (from >= to)
		return 0;
	for (unsigned i = from, count; i < to; i += count)
		count = copy_run(t, v, i, to - i, local);
	drop_first(t, local);
	drop_stale(t, v, from, to, local);
	*first = from;
	return to - from;
}

/* A table may begin in the middle of its first frame. */
unsigned descriptor_written(struct shadow_tables *t, struct vcpu *v, gpa_t address, u32 bytes,
	bool local, unsigned *first)
{
	const struct shadow_table *table = local ? &t->ldt : &t->gdt;
	u32 begin = table_base(v, local) & PAGE_MASK;
	unsigned end = 0;

	for (unsigned i = 0; i < table->frames; i++) {
		u32 at = i * PAGE_SIZE + (address.v & PAGE_MASK);
		unsigned from, count = 0;

		if (table->frame[i] == address.v >> PAGE_SHIFT && at + bytes > begin)
			count = copy_written(t, v, at > begin ? at - begin : 0, at + bytes - begin,
				local, &from);
		if (!count)
			continue;
		if (!end)
			*first = from;
		end = from + count;
	}
	return end ? end - *first : 0;
}

/* The slots of both levels, from a register that holds what the guest's table does. */
static void fill_slots(struct shadow_tables *t, const struct segment *s)
{
	struct descriptor d = descriptor_make(s->base, s->limit, s->attr);

	for (unsigned level = 0; level < TABLE_COUNT; level++)
		*find_slot(t, level, s->selector) = descriptor_promote(d, level);
}

u16 descriptor_select(struct shadow_tables *t, struct vcpu *v, enum sreg which)
{
	enum table_level level = descriptor_level(v);
	struct segment *s = &v->seg[which];
	struct descriptor want = loaded_form(s), *slot;
	u16 rpl = which == CS || which == SS ? 3 : s->selector & SELECTOR_RPL;

	if (!s->attr)
		return s->selector & SELECTOR_RPL; /* null */
	slot = find_slot(t, level, s->selector);
	if (slot && !same(*slot, want) && is_current(v, s))
		fill_slots(t, s);
	if (slot && same(*slot, want))
		return (s->selector & ~SELECTOR_RPL) | rpl;

	t->gdt.slot[level][DESCRIPTOR_INDEX(SELECTOR_STAND_IN) + which] = want;
	return (SELECTOR_STAND_IN + which * sizeof want) | 3;
}

/*
 * What the real processor has loaded is what its own slot holds, and the user's slot has the same descriptor with
 * the guest's own DPL. The guest's table is no witness: it may be mapped elsewhere by now. At the numbers of
 * the monitor's stand-ins the two have nothing to do with each other.
 */
void descriptor_follow(const struct shadow_tables *t, struct vcpu *v, enum sreg which, u16 selector)
{
	const struct shadow_table *table = selector & SELECTOR_TI ? &t->ldt : &t->gdt;
	unsigned index = DESCRIPTOR_INDEX(selector);
	enum table_level level = descriptor_level(v);
	struct descriptor loaded = table->slot[level][index], own = table->slot[TABLE_USER][index];

	if (selector_is_null(selector)) {
		v->seg[which] = (struct segment){.selector = selector};
		return;
	}
	/* CS and SS show the real level; the guest sees its own. */
	if (which == CS || which == SS)
		selector = (selector & ~SELECTOR_RPL) | v->cpl;
	v->seg[which] =
		segment_make(selector, same(descriptor_promote(own, level), loaded) ? own : loaded);
}
