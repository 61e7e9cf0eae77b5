/*
 * A GDT in a page that comes late, that is there twice, and that is mapped elsewhere between the load of a segment
 * register and the next trap. Not present to present needs no INVLPG (SDM 3A 4.10.4.3); the hidden part of a
 * register is as it was loaded, and with it the DPL that decides whether a program keeps it (SDM 3A 3.4.3, 5.8.6).
 */
#include "probe.h"

#include "base/string.h"
#include "page.h"

#define GATE       0x40
#define OTHER_CODE 0x30 /* where #NP is handled */
#define DATA       0x38
#define AT         0x00c00000u
#define RIGHTS     (PTE_W | PTE_U)
#define TIMES      3

static struct descriptor table[2][GDT_ENTRIES] PAGE_ALONE;
static u32 words[] = {0x111, 0x222, 0x333, 0x444};
static u32 saved __attribute__((used)), back __attribute__((used)), result __attribute__((used));
static u32 *entry __attribute__((used)), other_entry __attribute__((used));

SNIPPET(call, "movl %esp, saved; movl $1f, back; movl $0, result; int $0x40\n1: movl result, %eax");
SNIPPET(on_gate, "movl $1, result; movl saved, %esp; jmp *back");
SNIPPET(on_absent, "popl %eax; orl $0x10000, %eax; movl %eax, result; movl saved, %esp\n"
		   "	orb $0x80, table + 13; ljmp $8, $1f; 1: jmp *back");
SNIPPET(load, "movl $0x38, %eax; movl %eax, %fs; movl %fs:0, %eax");
SNIPPET(load_second, "movl $0x1038, %eax; movl %eax, %fs; movl %fs:0, %eax");
SNIPPET(load_and_move,
	"movl $0x38, %eax; movl %eax, %fs; movl other_entry, %eax; movl entry, %ecx\n"
	"	movl %eax, (%ecx); invlpg 0xc00000; movl %fs:0, %eax");
SNIPPET(user_fs, "movl %fs, %eax");

static void set_data(struct descriptor *in, unsigned word)
{
	in[DATA / 8] = descriptor_make((u32)&words[word], ~0u, ATTR_KERNEL_DATA | ATTR_ACCESSED);
}

static void comes_late(u32 *directory)
{
	struct table_register late = {PAGE_SIZE - 1, AT};

	*entry = 0;
	lgdt(&late);
	page_map(directory, AT, (u32)table[0], RIGHTS);
	print("late: %x\n", call());
	for (unsigned i = 0; i < TIMES; i++) {
		set_data(table[0], i);
		print("load: %x", load());
		*(volatile u32 *)&table[0][1].high &= ~(ATTR_P << 8);
		print(" code not present: %x\n", call());
	}
}

static void is_there_twice(u32 *directory)
{
	struct table_register twice = {2 * PAGE_SIZE - 1, AT};

	page_map(directory, AT + PAGE_SIZE, (u32)table[0], RIGHTS);
	lgdt(&twice);
	for (unsigned i = 0; i < TIMES; i++) {
		set_data(table[0], i);
		print("twice: %x %x\n", load(), load_second());
	}
}

static void goes_elsewhere(void)
{
	struct table_register one = {PAGE_SIZE - 1, AT};

	memcpy(table[1], table[0], sizeof table[0]);
	set_data(table[0], 0);
	set_data(table[1], 1);
	lgdt(&one);
	for (unsigned i = 0; i < TIMES; i++) {
		asm volatile("mov %0, %%fs; mov %1, %%fs" ::"r"(DATA), "r"(KERNEL_DATA));
		other_entry = (u32)table[!(i & 1)] | PTE_P | RIGHTS;
		print("moved: %x", load_and_move());
		print(" kept by a program: %u\n", !!guard_user(user_fs).value);
	}
}

PROBE(table_moves)
{
	u32 *directory = page_alloc();

	page_identity(directory, 4 * MIB, RIGHTS);
	page_map(directory, AT, (u32)table[0], RIGHTS);
	entry = page_entry(directory, AT);
	segment_set(OTHER_CODE, 0, ~0u, ATTR_KERNEL_CODE);
	idt[GATE] = gate_make(KERNEL_CODE, (u32)on_gate, TYPE_INTERRUPT_GATE32, 0);
	idt[VECTOR_NP] = gate_make(OTHER_CODE, (u32)on_absent, TYPE_INTERRUPT_GATE32, 0);
	memcpy(table[0], gdt, sizeof table[0]);
	page_on(directory);
	comes_late(directory);
	is_there_twice(directory);
	goes_elsewhere();
}
