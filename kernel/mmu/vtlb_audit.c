/* The rules of the virtual TLB's log, checked from outside by looking at every entry there is. */
#include "mmu/shadow_pool.h"
#include "mmu/vtlb.h"

/* Set in an entry between the two passes: the log names it. A bit left to software. */
#define SEEN (1u << 11)

/* First pass: the log names entries, not zero, each once. */
static const char *mark_logged(struct shadow *s)
{
	const struct shadow_own *own = s->own;

	if (own->used > s->tables || own->fill_count > VTLB_ENTRIES)
		return "more is in use than there is";
	for (u32 i = 0; i < own->fill_count; i++) {
		u32 *entry = own->filled[i];

		if (entry < s->table[0] || entry >= s->table[own->used])
			return "the log names what is no entry of a table in use";
		if (!*entry)
			return "the log names an empty entry";
		if (*entry & SEEN)
			return "the log names an entry twice";
		*entry |= SEEN;
	}
	return NULL;
}

/* Second pass, for one entry: in the log unless it is zero, and in a table that is in use. */
static const char *audit_entry(struct shadow *s, u32 table, unsigned index)
{
	u32 *entry = &s->table[table][index];
	bool logged = *entry & SEEN;

	*entry &= ~SEEN;
	if (!*entry || (table < ROOT_COUNT && shadow_in_window(s, gva(index << 22))))
		return NULL;
	if (table >= s->own->used)
		return "a free table is not clean";
	if (!logged)
		return "an entry is not in the log";
	if (table < ROOT_COUNT && *entry & PTE_P && shadow_table_number(s, *entry) >= s->own->used)
		return "a directory entry leads to no table in use";
	return NULL;
}

const char *shadow_audit_own(struct shadow *s)
{
	const char *broken = mark_logged(s);

	/* To the end in any case: it takes the marks away again. */
	for (u32 i = 0; i < s->tables * PT_ENTRIES; i++) {
		const char *rule = audit_entry(s, i / PT_ENTRIES, i % PT_ENTRIES);

		broken = broken ? broken : rule;
	}
	return broken;
}
