/*
 * The rules that the shadow tables must keep, whatever fills them, checked from outside by looking
 * at all that can be reached from the roots. Slow and thorough: for tests, and for a monitor that is
 * asked to doubt itself.
 */
#include "mmu/shadow_pool.h"

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

/* One page entry, by itself. */
static const char *audit_target(const struct shadow *s, u32 entry)
{
	gpa_t frame = shadow_frame(s, entry);

	if (!(entry & PTE_U))
		return "an entry is not the user's";
	if (!gmem_is_readable(s->mem, frame, PAGE_SIZE))
		return "an entry leads out of the machine's RAM";
	if (entry & PTE_W && gmem_watchers(s->mem, frame.v >> PAGE_SHIFT))
		return "a watched frame is writable";
	return NULL;
}

/* And against the walk of the guest's tables that would make it. */
static const char *audit_width(
	struct shadow *s, const struct paging *paging, enum shadow_root root, gva_t at, u32 entry)
{
	enum access access = entry & PTE_W ? ACCESS_WRITE : ACCESS_READ;
	struct walk walk = mmu_walk(s->mem, paging, at, access, root == ROOT_USER ? 3 : 0, false);

	if (!walk.ok)
		return "an entry allows what a walk does not";
	if (walk.gpa.v != shadow_frame(s, entry).v)
		return "an entry leads elsewhere than a walk";
	return access == ACCESS_WRITE && !walk.dirty ? "a clean page is writable" : NULL;
}

/* All that can be reached through one directory entry. */
static const char *audit_region(
	struct shadow *s, const struct paging *paging, enum shadow_root root, unsigned region)
{
	u32 directory_entry = s->table[root][region];
	u32 table = shadow_table_number(s, directory_entry);
	const char *broken = NULL;

	if (shadow_in_window(s, gva(region << 22)))
		return audit_window(s, root, directory_entry, region);
	if (!(directory_entry & PTE_P))
		return NULL;
	if (!(directory_entry & PTE_U))
		return "an entry is not the user's";
	if (table < ROOT_COUNT || table >= s->tables)
		return "a directory entry leads to no table in use";
	for (unsigned i = 0; i < PT_ENTRIES && !broken; i++) {
		u32 entry = s->table[table][i];

		if (!(entry & PTE_P))
			continue;
		broken = audit_target(s, entry);
		if (paging && !broken)
			broken = audit_width(s, paging, root, gva(region << 22 | i << 12), entry);
	}
	return broken;
}

const char *shadow_audit(struct shadow *s, const struct paging *paging)
{
	const char *broken = shadow_audit_own(s);

	for (u32 i = 0; i < ROOT_COUNT * PT_ENTRIES && !broken; i++)
		broken = audit_region(s, paging, i / PT_ENTRIES, i % PT_ENTRIES);
	return broken;
}
