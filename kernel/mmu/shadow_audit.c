/*
 * The rules that the shadow tables must keep, checked from outside by looking at every entry there
 * is. Slow and thorough: for tests, and for a monitor that is asked to doubt itself.
 */
#include "mmu/shadow.h"

#include "x86/paging.h"

/* Set in an entry between the two passes of the audit: the log names it. A bit left to software. */
#define SEEN (1u << 11)

/* First pass: the log names entries, not zero, each once. */
static const char *mark_logged(struct shadow *s)
{
	if (s->used > s->pages || s->fill_count > SHADOW_ENTRIES)
		return "more is in use than there is";
	for (u32 i = 0; i < s->fill_count; i++) {
		u32 *entry = s->filled[i];

		if (entry < s->table[0] || entry >= s->table[s->used])
			return "the log names what is no entry of a table in use";
		if (!*entry)
			return "the log names an empty entry";
		if (*entry & SEEN)
			return "the log names an entry twice";
		*entry |= SEEN;
	}
	return NULL;
}

/* Which table of the pool a directory entry leads to. */
static u32 table_index(const struct shadow *s, u32 directory_entry)
{
	return ((directory_entry & PTE_FRAME) - (u32)s->table_hpa.v) >> PAGE_SHIFT;
}

/* Where a page entry leads, as the guest calls it. */
static gpa_t frame_of(const struct shadow *s, u32 page_entry)
{
	return gpa((page_entry & PTE_FRAME) - (u32)s->mem->base.v);
}

static const char *audit_target(const struct shadow *s, bool directory, u32 entry)
{
	u32 index = table_index(s, entry);
	gpa_t frame = frame_of(s, entry);

	if (directory) {
		bool right = index >= ROOT_COUNT && index < s->used;

		return right ? NULL : "a directory entry leads to no table in use";
	}
	if (!gmem_is_ram(s->mem, frame, PAGE_SIZE))
		return "an entry leads out of the machine's RAM";
	if (entry & PTE_W && gmem_watchers(s->mem, frame.v >> PAGE_SHIFT))
		return "a watched frame is writable";
	return NULL;
}

/* The real MMU may have set A in a window entry; nothing else may differ. */
static const char *audit_window(
	const struct shadow *s, enum shadow_root root, u32 entry, unsigned index)
{
	if ((entry ^ s->window[root][index - s->window_first]) & ~PTE_A)
		return "a root's window is not the monitor's";
	return entry & PTE_P && entry & PTE_U && root == ROOT_USER
		       ? "the window is open to the guest's programs"
		       : NULL;
}

/* Second pass, for one entry: in the log unless it is zero, for user mode, leading where it may. */
static const char *audit_entry(struct shadow *s, u32 table, unsigned index)
{
	u32 *entry = &s->table[table][index];
	bool directory = table < ROOT_COUNT, logged = *entry & SEEN;

	*entry &= ~SEEN;
	if (directory && shadow_in_window(s, gva(index << 22)))
		return audit_window(s, table, *entry, index);
	if (!*entry)
		return NULL;
	if (table >= s->used)
		return "a free table is not clean";
	if (!logged)
		return "an entry is not in the log";
	if (!(*entry & PTE_P))
		return NULL;
	return *entry & PTE_U ? audit_target(s, directory, *entry) : "an entry is not the user's";
}

/* One entry against the walk of the guest's tables that would make it. */
static const char *audit_width(
	struct shadow *s, const struct paging *paging, enum shadow_root root, gva_t at, u32 entry)
{
	enum access access = entry & PTE_W ? ACCESS_WRITE : ACCESS_READ;
	struct walk walk = mmu_walk(s->mem, paging, at, access, root == ROOT_USER ? 3 : 0, false);

	if (!walk.ok)
		return "an entry allows what a walk does not";
	if (walk.gpa.v != frame_of(s, entry).v)
		return "an entry leads elsewhere than a walk";
	return access == ACCESS_WRITE && !walk.dirty ? "a clean page is writable" : NULL;
}

/* Third pass, for one directory entry: all that can be reached through it. */
static const char *audit_reach(
	struct shadow *s, const struct paging *paging, enum shadow_root root, unsigned index)
{
	u32 directory_entry = s->table[root][index];
	const char *broken = NULL;

	if (shadow_in_window(s, gva(index << 22)) || !(directory_entry & PTE_P))
		return NULL;
	for (u32 i = 0; i < PT_ENTRIES && !broken; i++) {
		u32 entry = s->table[table_index(s, directory_entry)][i];

		if (entry & PTE_P)
			broken = audit_width(s, paging, root, gva(index << 22 | i << 12), entry);
	}
	return broken;
}

const char *shadow_audit(struct shadow *s, const struct paging *paging)
{
	const char *broken = mark_logged(s);

	/* To the end in any case: it takes the marks away again. */
	for (u32 i = 0; i < s->pages * PT_ENTRIES; i++) {
		const char *rule = audit_entry(s, i / PT_ENTRIES, i % PT_ENTRIES);

		broken = broken ? broken : rule;
	}
	for (u32 i = 0; paging && i < ROOT_COUNT * PT_ENTRIES && !broken; i++)
		broken = audit_reach(s, paging, i / PT_ENTRIES, i % PT_ENTRIES);
	return broken;
}
