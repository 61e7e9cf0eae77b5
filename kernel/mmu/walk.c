/*
 * What the processor does between a linear address and a physical one, in the order in which it
 * does it. Source: SDM 3A 4.3, figures 4-2 and 4-3.
 *
 *      linear address  | directory 31:22 | table 21:12 | offset 11:0 |
 *                              |               |             |
 *      CR3 --> directory [entry] --> table [entry] --> page [byte]
 *                              |
 *                              `--- PS and CR4.PSE: page of 4 MiB [byte at bits 21:0]
 */
#include "mmu/walk.h"

#include "x86/paging.h"
#include "x86/vector.h"

/* An entry, and where it lies, for its accessed and dirty bits to be set there. */
struct entry {
	gpa_t at;
	u32 value;
};

static struct entry read_entry(struct gmem *mem, u32 table, unsigned index)
{
	gpa_t at = gpa((table & PTE_FRAME) + index * sizeof(u32));

	return (struct entry){at, gmem_read32(mem, at)};
}

/* Writes only what changes: most walks find the bits set already. */
static void set_bits(struct gmem *mem, struct entry *entry, u32 bits)
{
	if (~entry->value & bits)
		gmem_write32(mem, entry->at, entry->value |= bits);
}

/* The error code tells the access as well, whatever was wrong with it (SDM 3A 4.7). */
static struct walk page_fault(u32 cause, enum access access, bool user)
{
	u32 error = cause | (access == ACCESS_WRITE ? PF_WRITE : 0) | (user ? PF_USER : 0);

	return (struct walk){.ok = false, .error = error};
}

/* SDM 3A 4.6.1. `rights`: the bits that are set in both levels, for each can only take away. */
static bool allowed(const struct paging *paging, u32 rights, enum access access, bool user)
{
	if (user && !(rights & PTE_U))
		return false;
	if (access != ACCESS_WRITE || rights & PTE_W)
		return true;
	return !user && !paging->wp;
}

/* Without paging each 4 MiB lead to themselves, for everybody. */
static u32 identity(gva_t address)
{
	return (address.v & PDE_LARGE_FRAME) | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_PS;
}

u32 mmu_directory_entry(struct gmem *mem, const struct paging *paging, gva_t address)
{
	u32 entry;

	if (!paging->on)
		return identity(address);
	entry = read_entry(mem, paging->cr3, pde_index(address.v)).value;
	return paging->pse ? entry : entry & ~PTE_PS;
}

static struct walk unpaged(gva_t address)
{
	return (struct walk){
		.ok = true,
		.gpa = gpa(address.v),
		.user = true,
		.writable = true,
		.dirty = true,
		.directory = identity(address),
		.page = identity(address),
	};
}

struct walk mmu_walk(struct gmem *mem, const struct paging *paging, gva_t address,
	enum access access, unsigned cpl, bool set_ad)
{
	struct entry directory, page;
	bool user = cpl == 3, large;
	u32 rights, frame;

	if (!paging->on)
		return unpaged(address);

	directory = read_entry(mem, paging->cr3, pde_index(address.v));
	if (!(directory.value & PTE_P))
		return page_fault(0, access, user);
	large = paging->pse && directory.value & PTE_PS; /* without CR4.PSE, PS is ignored: 4.3 */
	if (large && directory.value & PDE_LARGE_RESERVED)
		return page_fault(PF_PRESENT | PF_RESERVED, access, user);

	/* A large page is mapped by the directory's own entry: then the two are one. */
	page = large ? directory : read_entry(mem, directory.value, pte_index(address.v));
	if (!(page.value & PTE_P))
		return page_fault(0, access, user);

	rights = directory.value & page.value;
	if (!allowed(paging, rights, access, user))
		return page_fault(PF_PRESENT, access, user);

	/* SDM 3A 4.8. Only the entry that maps the page has a dirty bit. */
	if (set_ad) {
		set_bits(mem, &directory, PTE_A);
		set_bits(mem, &page, PTE_A | (access == ACCESS_WRITE ? PTE_D : 0));
	}

	frame = large ? PDE_LARGE_FRAME : PTE_FRAME;
	return (struct walk){
		.ok = true,
		.gpa = gpa((page.value & frame) | (address.v & ~frame)),
		.user = rights & PTE_U,
		.writable = rights & PTE_W,
		.dirty = page.value & PTE_D,
		.global = paging->pge && page.value & PTE_G,
		.large = large,
		.directory = large ? page.value : directory.value & ~PTE_PS,
		.page = page.value,
	};
}
