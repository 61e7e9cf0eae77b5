/*
 * Sectors by REP INS and REP OUTS to and from memory that makes it hard: a page that is not there until
 * the handler of its fault maps it, odd addresses, downwards, 16-bit addresses, code that has run before.
 * A string instruction that faults has done what it could and goes on from there (SDM 2A, INS).
 */
#include "base/string.h"
#include "page.h"
#include "probe.h"
#include "probe/ide.h"

#define WORDS 128

#define PAGE   0x00a00000 /* a page, and nothing behind it for a start */
#define BEHIND (PAGE + PAGE_SIZE)

static u32 *directory;
static u32 faults;

static void command(u8 code, u32 lba)
{
	out8(IDE_COUNT, 1);
	for (u32 i = 0; i < 3; i++)
		out8(IDE_COUNT + 1 + i, lba >> 8 * i);
	out8(IDE_COUNT + 4, 0xe0);
	out8(IDE_STATUS, code);
	while (in8(IDE_CONTROL) & IDE_BSY)
		;
}

static u32 good(const u32 *sector, u32 first)
{
	u32 n = 0;

	for (u32 i = 0; i < WORDS; i++)
		n += sector[i] == first + i;
	return n;
}

static void show(void)
{
	*page_entry(directory, BEHIND) |= PTE_P;
}

static void on_fault(struct frame *f)
{
	print("fault: cr2 %x error %x ecx %u esi %x edi %x\n", cr2_get(), f->error, f->ecx, f->esi,
		f->edi);
	show();
	faults++;
}

static void hide(void)
{
	*page_entry(directory, BEHIND) &= ~PTE_P;
	invlpg((void *)BEHIND);
}

static void try_in(u32 lba, u32 before)
{
	u8 *to = (u8 *)BEHIND - before;
	void *at = to;
	u32 count = 256;

	hide();
	command(0x20, lba);
	asm volatile("rep insw" : "+D"(at), "+c"(count), "+S"(lba) : "d"(IDE_DATA) : "memory");
	print("in: left %u moved %u good %u\n", count, (u32)at - (u32)to,
		good((u32 *)to, secret(lba)));
}

static void try_out(u32 lba, u32 before)
{
	u32 *from = (u32 *)(BEHIND - before);
	void *at = from;
	u32 count = WORDS;

	show();
	for (u32 i = 0; i < WORDS; i++)
		from[i] = secret(lba + 5000) + i;
	hide();
	command(0x30, lba);
	asm volatile("rep outsl" : "+S"(at), "+c"(count), "+D"(lba) : "d"(IDE_DATA) : "memory");
	while (in8(IDE_CONTROL) & IDE_BSY)
		;
	print("out: left %u moved %u\n", count, (u32)at - (u32)from);
	at = (void *)PAGE;
	count = WORDS;
	command(0x20, lba);
	asm volatile("rep insl" : "+D"(at), "+c"(count) : "d"(IDE_DATA) : "memory");
	print("written: good %u\n", good((u32 *)PAGE, secret(lba + 5000)));
}

/* The last doubleword first. */
static void try_downwards(u32 lba)
{
	u32 buffer[WORDS], count = WORDS, n = 0;
	void *at = &buffer[WORDS - 1];

	command(0x20, lba);
	asm volatile("std; rep insl; cld" : "+D"(at), "+c"(count) : "d"(IDE_DATA) : "memory");
	for (u32 i = 0; i < WORDS; i++)
		n += buffer[WORDS - 1 - i] == secret(lba) + i;
	print("downwards: left %u moved %d good %u\n", count, at - (void *)&buffer[WORDS - 1], n);
}

/* DI and CX count; what is above them stays. */
static void try_16_bit(u32 lba)
{
	u32 at = 0xabc06000, count = 0xdef00000 | WORDS;

	command(0x20, lba);
	asm volatile("addr16 rep insl" : "+D"(at), "+c"(count) : "d"(IDE_DATA) : "memory");
	print("16 bits: edi %x ecx %x good %u\n", at, count, good((u32 *)0x6000, secret(lba)));
}

/* A sector of code: it is loaded over what has run at the same place. */
static void try_code(u32 lba)
{
	static u8 code[2][512];
	u32 value = 0;

	for (u32 i = 0; i < 2; i++) {
		const void *from = code[i];
		u32 count = WORDS;

		code[i][0] = 0xb8; /* MOV EAX, imm32; RET */
		value = secret(100 + i);
		memcpy(&code[i][1], &value, 4);
		code[i][5] = 0xc3;
		command(0x30, lba + i);
		asm volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(IDE_DATA) : "memory");
		while (in8(IDE_CONTROL) & IDE_BSY)
			;
	}
	for (u32 i = 0; i < 4; i++) {
		void *to = (void *)PAGE;
		u32 count = WORDS;

		command(0x20, lba + i % 2);
		asm volatile("rep insl" : "+D"(to), "+c"(count) : "d"(IDE_DATA) : "memory");
		value = ((u32(*)(void))PAGE)();
		print("code: %08x\n", value);
	}
}

PROBE(ide_string)
{
	directory = page_alloc();
	page_identity(directory, 4 * MIB, PTE_W);
	page_map(directory, PAGE, (u32)page_alloc(), PTE_W);
	page_map(directory, BEHIND, (u32)page_alloc(), PTE_W);
	trap_set(VECTOR_PF, on_fault);
	out8(IDE_CONTROL, 2); /* no interrupts */
	PROBE_STOP(1);
	page_on(directory);
	try_in(20, 100);
	try_in(21, 101); /* a word on either side */
	try_in(22, 512);
	try_out(23, 100);
	try_out(24, 102);
	try_downwards(25);
	try_16_bit(26);
	try_code(300);
	print("faults: %u\n", faults);
}
