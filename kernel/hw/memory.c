/* The real machine's memory: who gets which physical pages, and how the monitor sees them. */
#include "hw/memory.h"

#include "base/check.h"
#include "base/string.h"
#include "hw/insn.h"
#include "x86/paging.h"

#define FREE_RUNS 64u
#define SLOTS     1024u
#define HEAP_MIN  (MIB / 2)
#define HEAP_MAX  (WINDOW_RING3 - WINDOW_HEAP)

/* From cave.ld; the window moves them, memory_window_start() tells by how much. */
extern u8 image_start[], rodata_end[], image_end[];

struct run {
	u32 start, end; /* physical */
};

static struct run free_runs[FREE_RUNS];
static unsigned run_count;
static u32 heap_start, heap_end, heap_next; /* physical */

static u32 window_entry[WINDOW_ENTRIES] __attribute__((aligned(4096)));
static u32 directory[PT_ENTRIES] __attribute__((aligned(4096)));
static u32 window_pde[WINDOW_PDES];
static u32 slot_page[SLOTS]; /* which physical page a slot maps; 0: none */

u32 memory_window_start(void)
{
	return (u32)image_start - WINDOW_IMAGE;
}

static void add_run(u32 start, u32 end)
{
	start = ALIGN_UP(start, PAGE_SIZE);
	end &= ~PAGE_MASK;
	if (start < end && run_count < FREE_RUNS)
		free_runs[run_count++] = (struct run){start, end};
}

/* Cuts [start, end) out of every free run. */
static void remove_run(u32 start, u32 end)
{
	for (unsigned i = 0, n = run_count; i < n; i++) {
		struct run r = free_runs[i];

		if (r.end <= start || r.start >= end)
			continue;
		free_runs[i].end = free_runs[i].start; /* empty */
		if (r.start < start)
			add_run(r.start, start);
		if (r.end > end)
			add_run(end, r.end);
	}
}

static struct run *longest_run(void)
{
	struct run *best = &free_runs[0];

	for (unsigned i = 1; i < run_count; i++)
		if (free_runs[i].end - free_runs[i].start > best->end - best->start)
			best = &free_runs[i];
	return best;
}

u32 memory_left(void)
{
	struct run *r = longest_run();

	return r->end - r->start;
}

bool memory_allot(u32 bytes, hpa_t *start)
{
	struct run *r = longest_run();

	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	if (bytes > r->end - r->start)
		return false;
	r->end -= bytes; /* from the top down */
	*start = hpa(r->end);
	return true;
}

void memory_init(const struct multiboot_info *info, const struct boot_info *boot)
{
	const u8 *at = (const u8 *)info->mmap_addr, *end = at + info->mmap_length;
	u32 heap_bytes;
	hpa_t heap;

	if (!(info->flags & MULTIBOOT_INFO_MMAP))
		panic("the boot loader gave no memory map; QEMU's -kernel and GRUB do");
	while (at < end) {
		const struct multiboot_mmap *m = (const void *)at;
		u64 last = m->base + m->length;

		if (m->type == MULTIBOOT_MMAP_RAM && m->base < 0xfffff000u)
			add_run(m->base, MIN(last, 0xfffff000ull));
		at += m->size + sizeof m->size;
	}
	remove_run(0, MIB);
	remove_run(
		(u32)image_start - memory_window_start(), (u32)image_end - memory_window_start());
	for (unsigned i = 0; i < boot->module_count; i++)
		remove_run(boot->module[i].start.v,
			boot->module[i].start.v + ALIGN_UP(boot->module[i].bytes, PAGE_SIZE));

	/* An eighth of what there is for the monitor, the rest for machines. */
	heap_bytes = MIN(HEAP_MAX, memory_left() / 8) & ~PAGE_MASK;
	if (heap_bytes < HEAP_MIN || !memory_allot(heap_bytes, &heap))
		panic("%u KiB of memory are free, too little for a machine: give QEMU more (-m)",
			memory_left() / KIB);
	heap_start = heap_next = heap.v;
	heap_end = heap_start + heap_bytes;
}

hpa_t memory_physical(const void *p)
{
	u32 offset = (u32)p - memory_window_start();

	return hpa(offset < WINDOW_HEAP ? offset : offset - WINDOW_HEAP + heap_start);
}

void memory_enter_window(void)
{
	u32 text = (u32)rodata_end - (u32)image_start;
	const struct window_range ranges[] = {
		{WINDOW_IMAGE, text, hpa(WINDOW_IMAGE), false},
		{WINDOW_IMAGE + text, (u32)image_end - (u32)rodata_end, hpa(WINDOW_IMAGE + text),
			true},
		{WINDOW_HEAP, heap_end - heap_start, hpa(heap_start), true},
	};

	window_build(window_entry, ranges, ARRAY_SIZE(ranges));
	for (unsigned i = 0; i < WINDOW_PDES; i++) {
		u32 table = memory_physical(&window_entry[i * PT_ENTRIES]).v;

		window_pde[i] = table | PTE_P | PTE_W | PTE_A;
		directory[pde_index(memory_window_start()) + i] = window_pde[i];
	}
	write_cr3(memory_root().v);
}

const u32 *memory_window_entries(void)
{
	return window_pde;
}

hpa_t memory_root(void)
{
	return memory_physical(directory);
}

void *memory_pages(unsigned pages)
{
	u32 bytes = pages * PAGE_SIZE;
	void *memory;

	if (bytes > heap_end - heap_next)
		return NULL;
	memory = (void *)(memory_window_start() + WINDOW_HEAP + heap_next - heap_start);
	heap_next += bytes;
	return memset(memory, 0, bytes);
}

/* Maps a page of the window; where it is. */
static void *map_at(u32 offset, u32 number)
{
	void *address = (void *)(memory_window_start() + offset);

	window_entry[offset >> PAGE_SHIFT] = number << PAGE_SHIFT | PTE_P | PTE_W | PTE_A | PTE_D;
	flush_page(address);
	return address;
}

void *hw_map(hpa_t page)
{
	u32 number = page.v >> PAGE_SHIFT, slot = number % SLOTS;
	u32 offset = WINDOW_SLOTS + slot * PAGE_SIZE;

	if (slot_page[slot] == number)
		return (void *)(memory_window_start() + offset);
	slot_page[slot] = number;
	return map_at(offset, number);
}

void *hw_pin(unsigned place, hpa_t page)
{
	check(place < HW_PINS);
	return map_at(WINDOW_PINS + place * PAGE_SIZE, page.v >> PAGE_SHIFT);
}
