/*
 * Segments that are not flat through the enabling of paging, as GNU Mach and others start: a kernel
 * linked for 0xc0000000 and loaded at 1 MiB runs with segments of base 0x40000000, so that its
 * addresses wrap round to where it is; then it turns paging on with tables that map it in both places,
 * and at last loads flat segments by a far jump.
 *
 *   high_segments.S is that code; its notes are printed here.
 */
#include "page.h"
#include "probe.h"

#define HIGH       0xc0000000
#define BASE       (0u - HIGH)
#define CODE_BASED 0x30
#define DATA_BASED 0x38

void high_run(u32 cr0);

extern u32 high_notes[64], high_words[8], high_esp;
extern u8 high_exercise[], high_int[], high_ud[], high_timer[];

static void gate(unsigned vector, const u8 *handler)
{
	idt[vector] = gate_make(CODE_BASED, HIGH + (u32)handler, TYPE_INTERRUPT_GATE32, 0);
}

/* Addresses are said as offsets to what they should be. */
static void show(const char *what)
{
	u32 *note = high_notes;

	print("%s\n", what);
	for (unsigned n = 0; note < high_notes + ARRAY_SIZE(high_notes) && *note; n++) {
		print(" run %u: eip %d esp %d", n, note[0] - HIGH - (u32)high_exercise,
			note[1] - HIGH - high_esp);
		print(" %x %x words %08x %08x cs %x ud2 %d far %x end %x\n", note[2] - high_esp,
			note[3], note[4], note[5], note[6], note[7] - HIGH - (u32)high_exercise,
			note[8], note[9]);
		note += 10;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(high_notes); i++)
		high_notes[i] = 0;
}

static u32 *make_tables(void)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, PTE_W);
	directory[pde_index(HIGH)] = directory[0];
	return directory;
}

PROBE(high_segments)
{
	u32 *directory = make_tables();

	for (unsigned i = 0; i < 4; i++)
		high_words[i] = secret(i);
	segment_set(CODE_BASED, BASE, ~0u, ATTR_KERNEL_CODE);
	segment_set(DATA_BASED, BASE, ~0u, ATTR_KERNEL_DATA);
	gate(0x41, high_int);
	gate(VECTOR_UD, high_ud);
	gate(PIC_VECTOR, high_timer);
	irq_unmask(IRQ_TIMER);
	high_run(0);
	show("paging off");
	cr3_set((u32)directory);
	high_run(cr0_get() | CR0_PG | CR0_WP);
	show("paging on on the way");
	high_run(0);
	show("paging on");
	cr0_set(cr0_get() & ~CR0_PG);
	high_run(0);
	show("off again");
	high_run(cr0_get() | CR0_PG);
	show("and on again");
}
