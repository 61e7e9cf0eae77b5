/* What goes into the TLB of the emulated accesses, and out of it. */
#include "mmu/tlb.h"

#include "base/string.h"

/* What such a page allows (SDM 3A 4.6.1). Writes to a clean page have to walk, and set its dirty bit. */
static u32 rights(const struct paging *paging, const struct walk *walk)
{
	u32 rights = TLB_READ | (walk->user ? TLB_USER_READ : 0);

	if (!walk->dirty)
		return rights;
	if (walk->writable)
		return rights | TLB_WRITE | (walk->user ? TLB_USER_WRITE : 0);
	return rights | (paging->wp ? 0 : TLB_WRITE);
}

void tlb_enter(struct tlb *t, struct gmem *mem, const struct paging *paging, gva_t address,
	const struct walk *walk)
{
	unsigned number = (address.v >> PAGE_SHIFT) % TLB_ENTRIES;
	struct tlb_entry *e = &t->entry[number];
	u32 frame = walk->gpa.v & PTE_FRAME;

	e->tag = (address.v & PTE_FRAME) | (walk->global ? TLB_GLOBAL : t->switches + 1);
	e->frame = frame | rights(paging, walk) | (walk->large ? TLB_LARGE : 0);
	e->at = gmem_is_ram(mem, gpa(frame), PAGE_SIZE) ? mem->pin(mem, number, frame >> PAGE_SHIFT)
							: NULL;
	if (walk->large)
		bitmap_add(&t->large, pde_index(address.v));
}

void tlb_flush(struct tlb *t)
{
	memset(t, 0, sizeof *t);
}

void tlb_switch(struct tlb *t)
{
	if (++t->switches + 1 == TLB_GLOBAL)
		tlb_flush(t);
}

void tlb_invlpg(struct tlb *t, gva_t address)
{
	struct tlb_entry *e = &t->entry[(address.v >> PAGE_SHIFT) % TLB_ENTRIES];

	if (!((e->tag ^ address.v) & PTE_FRAME))
		e->tag = 0;
	if (!bitmap_has(&t->large, pde_index(address.v)))
		return;
	for (e = t->entry; e < t->entry + TLB_ENTRIES; e++)
		if (e->frame & TLB_LARGE && pde_index(e->tag) == pde_index(address.v))
			e->tag = 0;
	bitmap_remove(&t->large, pde_index(address.v));
}
