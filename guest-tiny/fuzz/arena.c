/* The arena: mapped, filled and read out. A write is dear where a monitor watches: write what differs. */
#include "arena.h"

#include "base/string.h"
#include "fuzz.h"
#include "insn.h"
#include "machine.h"
#include "segment.h"
#include "x86/regs.h"

#define ALL (PTE_P | PTE_W | PTE_A | PTE_D)

static void put(u32 *at, u32 value)
{
	if (*at == value)
		return;
	*at = value;
}

static void put_descriptor(struct descriptor *at, struct descriptor value)
{
	put(&at->low, value.low);
	put(&at->high, value.high);
}

static void copy(u32 to, const void *from, u32 bytes)
{
	const u32 *word = from;

	for (u32 i = 0; i < bytes; i += 4)
		put((u32 *)(to + i), word[i / 4]);
}

static void map(u32 *table, u32 linear, u32 frame, u32 pages, u32 rights)
{
	for (u32 i = 0; i < pages; i++)
		put(&table[pte_index(linear) + i], (frame + i * PAGE_SIZE) | rights);
}

static void map_arena(void)
{
	u32 *table = (u32 *)TABLE_FRAME;

	map(table, CODE, CODE_FRAMES, CODE_PAGES, ALL);
	map(table, CODE_AGAIN, CODE_FRAMES, CODE_PAGES, ALL);
	map(table, OTHER, OTHER_FRAMES, CODE_PAGES, ALL);
	map(table, DATA, DATA_FRAMES, DATA_PAGES, ALL);
	map(table, DATA + 3 * PAGE_SIZE, DATA_FRAMES + 3 * PAGE_SIZE, 1, PTE_P);
	map(table, DATA + 5 * PAGE_SIZE, 0, 1, 0);
	map(table, DATA + 6 * PAGE_SIZE, DATA_FRAMES + 6 * PAGE_SIZE, 1, PTE_P | PTE_W | PTE_U);
	map(table, DATA + 7 * PAGE_SIZE, 0, 1, 0);
	map(table, STACK, STACK_FRAMES, STACK_PAGES, ALL);
	map(table, INNER_STACK, INNER_STACK_FRAME, 1, ALL);
	map(table, USER, USER_FRAME, 2, ALL | PTE_U);
	map(table, TABLE, TABLE_FRAME, 1, ALL);
	map(table, LDT, LDT_FRAME, 1, ALL);
	map(table, GDT_AGAIN, (u32)gdt, 1, ALL);
}

void arena_init(void)
{
	u32 *harness = (u32 *)HARNESS_TABLES, *table = harness + 1024;
	u32 *directory = (u32 *)DIRECTORY_FRAME, *image = table + RAM_MAPPED / PAGE_SIZE;

	memset((void *)FRAMES, 0, HARNESS_TABLES + 16 * PAGE_SIZE - FRAMES);
	for (u32 at = 0; at < RAM_MAPPED; at += PAGE_SIZE)
		table[at / PAGE_SIZE] = at | ALL;
	for (u32 i = 0; i < RAM_MAPPED / LARGE_PAGE_SIZE; i++)
		harness[i] = (u32)(table + i * 1024) | ALL;
	for (u32 at = (u32)image_start; at < (u32)image_end; at += PAGE_SIZE)
		image[pte_index(at)] = at | (at < (u32)image_data ? ALL & ~PTE_W : ALL);
	directory[0] = (u32)image | ALL;
	directory[pde_index(CODE)] = TABLE_FRAME | ALL | PTE_U;
	cr3_set((u32)harness);
	cr0_set(cr0_get() | CR0_PG | CR0_WP);
}

void arena_enter(void)
{
	cr3_set(DIRECTORY_FRAME);
}

void arena_leave(void)
{
	cr3_set(HARNESS_TABLES);
}

/*
 * Segments to load, to ask about and to be refused. Limits are 4 GiB where something is accessed: QEMU
 * does not check them.
 */
static const struct {
	u32 base, limit, attr;
} segments[] = {
	{DATA, 0xfff, ATTR_P | ATTR_S | ATTR_DB | ATTR_WRITABLE}, /* 38: small */
	{DATA, ~0u, ATTR_KERNEL_DATA},                            /* 40: not flat */
	{0, ~0u, ATTR_FLAT},                                      /* 48: read-only */
	{0, ~0u, ATTR_KERNEL_CODE | ATTR_CONFORM},                /* 50: conforming */
	{0, ~0u, ATTR_FLAT | ATTR_CODE},                          /* 58: execute-only */
	{0, ~0u, ATTR_KERNEL_DATA & ~ATTR_P},                     /* 60: absent */
	{0, ~0u, ATTR_KERNEL_CODE & ~ATTR_P},                     /* 68: absent code */
	{CODE, 8, ATTR_P | TYPE_CALL_GATE32},                     /* 70: a gate */
	{(u32)DATA, 103, ATTR_P | TYPE_TSS32},                    /* 78: another TSS */
	{0, ~0u, ATTR_USER_DATA},                                 /* 80: for all */
	{0, ~0u, ATTR_KERNEL_CODE},                               /* 88: code again */
	{0, ~0u, ATTR_KERNEL_DATA},                               /* 90: data again */
	{0, 0, ATTR_P},                                           /* 98: no type */
	{0, 0xfffff, ATTR_FLAT | ATTR_WRITABLE | ATTR_EXPAND},    /* a0: expands down */
	{0, ~0u, ATTR_USER_CODE},                                 /* a8: for all */
	{LDT + 0x400, 0x7f, ATTR_P | TYPE_LDT},                   /* b0: another LDT */
	{0, 0, 0},                                                /* b8: nothing */
};

#define FIRST_SEGMENT 0x38

static void prepare_segments(void)
{
	struct descriptor *ldt = (struct descriptor *)LDT_FRAME, d;

	for (u32 i = 0; i < ARRAY_SIZE(segments); i++) {
		d = descriptor_make(segments[i].base, segments[i].limit, segments[i].attr);
		if ((segments[i].attr & (ATTR_S | ATTR_CODE)) == (ATTR_S | ATTR_CODE))
			d.high |= ATTR_ACCESSED << 8; /* QEMU does not when it loads CS */
		put_descriptor(&gdt[FIRST_SEGMENT / 8 + i], d);
		put_descriptor(&ldt[i], d);
	}
	put_descriptor(&gdt[SELECTOR_LOCAL / 8],
		descriptor_make(LDT, 8 * ARRAY_SIZE(segments) - 1, ATTR_P | TYPE_LDT));
	for (u32 i = 1; i < 5; i++) { /* the processor has marked them; programs may have, too */
		d = descriptor_make(0, ~0u,
			ATTR_FLAT | ATTR_WRITABLE | ATTR_ACCESSED | (i & 1 ? ATTR_CODE : 0) |
				(i > 2 ? ATTR_DPL : 0));
		put_descriptor(&gdt[i], d);
	}
	put_descriptor(&gdt[0], (struct descriptor){0, 0});
	put_descriptor(&gdt[TSS_SELECTOR / 8],
		descriptor_make((u32)&task, sizeof task.tss - 1, ATTR_P | TYPE_TSS32_BUSY));
	for (u32 i = FIRST_SEGMENT / 8 + ARRAY_SIZE(segments); i < GDT_ENTRIES; i++)
		put_descriptor(&gdt[i], (struct descriptor){0, 0});
}

/* Numbers that look like data: small ones, signs, addresses of the arena. */
static u32 datum(u32 seed, u32 i)
{
	u32 x = fuzz_mix(seed, i);

	switch (x & 7) {
	case 0:
		return x >> 24;
	case 1:
		return (s32)x >> 20;
	case 2:
		return DATA + (x >> 8 & 0x2ffc);
	default:
		return x;
	}
}

static void fill(u32 from, u32 to, u32 value)
{
	for (u32 at = from; at < to; at += 4)
		put((u32 *)at, value);
}

/* Breakpoints all around the code. */
static void place(u32 frames, u32 pages, u32 at, const u8 *code, u32 bytes)
{
	u32 length = ALIGN_UP(bytes, 4);

	fill(frames, frames + at, 0xcccccccc);
	copy(frames + at, code, length);
	fill(frames + at + length, frames + pages * PAGE_SIZE, 0xcccccccc);
}

static void prepare_pages(const struct program *p)
{
	const u8 *code = (const u8 *)(p + 1);
	u32 length = ALIGN_UP(p->code_bytes, 4);

	place(CODE_FRAMES, CODE_PAGES, p->code_at, code, p->code_bytes);
	place(OTHER_FRAMES, CODE_PAGES, p->code_at, code + length, p->code_bytes);
	place(USER_FRAME, 1, 0, code + 2 * length, p->user_bytes);
	for (u32 i = 0; i < DATA_PAGES * PAGE_SIZE / 4; i++)
		put((u32 *)DATA_FRAMES + i, datum(p->data, i));
	fill(STACK_FRAMES, STACK_FRAMES + STACK_PAGES * PAGE_SIZE, 0);
	fill(INNER_STACK_FRAME, INNER_STACK_FRAME + (GUARD & PAGE_MASK), 0);
	put((u32 *)(INNER_STACK_FRAME + (GUARD & PAGE_MASK)), p->guard);
	fill(INNER_STACK_FRAME + (GUARD & PAGE_MASK) + 4, INNER_STACK_FRAME + PAGE_SIZE, 0);
	fill(USER_STACK_FRAME, USER_STACK_FRAME + PAGE_SIZE, 0);
}

void arena_prepare(const struct program *p)
{
	prepare_pages(p);
	prepare_segments();
	map_arena();
	lldt(SELECTOR_LOCAL);
}

static u32 hash_range(u32 hash, const char *name, u32 from, u32 bytes)
{
	for (u32 at = from; at < from + bytes; at += PAGE_SIZE) {
		u32 page = 0;

		for (u32 i = 0; i < PAGE_SIZE; i += 4)
			page = fuzz_mix(page, *(u32 *)(at + i));
		hash = fuzz_mix(hash, page);
		if (fuzz_program->flags & PROGRAM_VERBOSE)
			print("  %s %x: %x\n", name, at, page);
	}
	return hash;
}

u32 arena_hash(bool stacks)
{
	u32 hash = hash_range(0, "code", CODE_FRAMES, DATA_FRAMES - CODE_FRAMES);

	hash = hash_range(hash, "data", DATA_FRAMES, STACK_FRAMES - DATA_FRAMES);
	if (stacks)
		hash = hash_range(hash, "stacks", STACK_FRAMES, TABLE_FRAME - STACK_FRAMES);
	hash = hash_range(hash, "table", TABLE_FRAME, PAGE_SIZE);
	hash = hash_range(hash, "LDT", LDT_FRAME, PAGE_SIZE);
	return hash_range(hash, "GDT", (u32)gdt, PAGE_SIZE);
}
