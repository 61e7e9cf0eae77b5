/*
 * The disk of the primary IDE channel: what it says of itself, sectors read and written in every way,
 * its interrupt, its errors, its resets (ATA/ATAPI-5, T13 1321D). The disk must hold, in each 32-bit word
 * i of sector n, secret(n) + i; what the probe has changed, another run of it finds (option again=1).
 *
 * It waits by looking at the alternate status. DSC is masked: the standard leaves it to the command.
 */
#include "probe/ide.h"
#include "base/string.h"
#include "probe.h"

#define SHOWN         0xef /* all of the status but DSC */
#define UNC_IDNF_ABRT 0x54
#define SRST          0x04
#define NIEN          0x02
#define IRQ_DISK      14

#define WORDS 128 /* doublewords of a sector */

static volatile u32 interrupts;
static u8 last_status;
static u32 buffer[16 * WORDS];

/* Reading the status is what tells the disk that its interrupt has been heard. */
static void on_disk(struct frame *f)
{
	interrupts++;
	last_status = in8(IDE_STATUS);
	irq_eoi(IRQ_DISK);
}

static u8 wait(void)
{
	u8 status;

	while ((status = in8(IDE_CONTROL)) & IDE_BSY)
		;
	return status & SHOWN;
}

/* Lets an interrupt in that is there already. */
static void let_in(void)
{
	sti();
	asm volatile("nop; nop");
	cli();
}

static void address(u32 lba, u8 count)
{
	out8(IDE_COUNT, count);
	out8(IDE_SECTOR, lba);
	out8(IDE_LOW, lba >> 8);
	out8(IDE_HIGH, lba >> 16);
	out8(IDE_DEVICE, 0xe0 | lba >> 24);
}

static u8 command(u8 code, u32 lba, u8 count)
{
	address(lba, count);
	out8(IDE_COMMAND, code);
	return wait();
}

static void get(void *to, u32 bytes)
{
	u32 words = bytes / 2;

	asm volatile("rep insw" : "+D"(to), "+c"(words) : "d"(IDE_DATA) : "memory");
}

static void put(const void *from, u32 bytes)
{
	u32 words = bytes / 4;

	asm volatile("rep outsl" : "+S"(from), "+c"(words) : "d"(IDE_DATA) : "memory");
}

/* How many words of a sector are as they should be. */
static u32 good(const u32 *sector, u32 first)
{
	u32 n = 0;

	for (u32 i = 0; i < WORDS; i++)
		n += sector[i] == first + i;
	return n;
}

static void fill(u32 *sector, u32 first)
{
	for (u32 i = 0; i < WORDS; i++)
		sector[i] = first + i;
}

static void show_identify(void)
{
	const u16 *word = (const u16 *)buffer;
	u8 status = command(0xec, 0, 0);

	get(buffer, 512);
	print("identify: status %02x then %02x error %02x\n", status, wait(), in8(IDE_ERROR));
	print("ata %u lba %u sectors %u\n", !(word[0] & 0x8000), word[49] >> 9 & 1,
		word[60] | word[61] << 16);
	print("geometry: %u/%u/%u now %u/%u/%u of %u\n", word[1], word[3], word[6], word[54],
		word[55], word[56], word[57] | word[58] << 16);
	print("multiple: %04x set %04x\n", word[47], word[59]);
	print("flush: %x pio: %x\n", word[83] >> 12 & 0xd, word[64]);
}

/* Sectors n by n of one command; what is printed of each is its first word and how many are good. */
static void read(const char *what, u8 code, u32 lba, u32 sectors, u32 block)
{
	u8 status = command(code, lba, sectors);
	u32 all = 0;

	interrupts = 0;
	for (u32 done = 0; done < sectors; done += block) {
		u32 n = sectors - done < block ? sectors - done : block;

		wait();
		let_in();
		get(buffer, n * 512);
		for (u32 i = 0; i < n; i++)
			all += good(&buffer[i * WORDS], secret(lba + done + i));
	}
	print("%s: status %02x then %02x interrupts %u good %u of %u\n", what, status, wait(),
		interrupts, all, sectors * WORDS);
	let_in();
	print("address after it: %x count %u\n",
		in8(IDE_SECTOR) | in8(IDE_LOW) << 8 | in8(IDE_HIGH) << 16, in8(IDE_COUNT));
}

static void write(const char *what, u8 code, u32 lba, u32 sectors, u32 block)
{
	u8 status = command(code, lba, sectors);

	interrupts = 0;
	let_in();
	print("%s: status %02x interrupts %u ", what, status, interrupts);
	for (u32 done = 0; done < sectors; done += block) {
		u32 n = sectors - done < block ? sectors - done : block;

		for (u32 i = 0; i < n; i++)
			fill(&buffer[i * WORDS], secret(lba + done + i + 5000));
		wait();
		put(buffer, n * 512);
		wait();
		let_in();
	}
	print("then %02x interrupts %u\n", wait(), interrupts);
}

/* The same sectors, one command each. */
static void check(const char *what, u32 lba, u32 sectors, u32 offset)
{
	u32 all = 0;

	for (u32 i = 0; i < sectors; i++) {
		command(0x20, lba + i, 1);
		get(buffer, 512);
		all += good(buffer, secret(lba + i + offset));
	}
	print("%s: good %u of %u\n", what, all, sectors * WORDS);
	in8(IDE_STATUS);
	let_in(); /* QEMU's 8259 keeps a request that has been withdrawn */
}

static void simple(const char *what, u8 code, u8 features, u8 count)
{
	u8 status;

	interrupts = 0;
	out8(IDE_DEVICE, 0xe0);
	out8(IDE_FEATURES, features);
	out8(IDE_COUNT, count);
	out8(IDE_COMMAND, code);
	status = wait();
	let_in();
	print("%s: status %02x error %02x interrupts %u\n", what, status,
		status & 1 ? in8(IDE_ERROR) : 0, interrupts);
}

/* Which bit says that there is no such sector is the disk's choice (READ IDE_SECTOR(S), Error outputs). */
static void try_beyond(const char *what, u8 code, u32 lba)
{
	u8 status;

	interrupts = 0;
	status = command(code, lba, 1);
	if (status & IDE_DRQ) {
		put(buffer, 512);
		status = wait();
	}
	let_in();
	print("%s: status %02x error %u at %x interrupts %u\n", what, status,
		(in8(IDE_ERROR) & UNC_IDNF_ABRT) != 0,
		in8(IDE_SECTOR) | in8(IDE_LOW) << 8 | in8(IDE_HIGH) << 16 |
			(in8(IDE_DEVICE) & 15) << 24,
		interrupts);
}

static void try_cylinders(void)
{
	out8(IDE_COUNT, 17);
	out8(IDE_DEVICE, 0xa3);
	out8(IDE_COMMAND, 0x91); /* 4 heads, 17 sectors a track */
	print("parameters: %02x\n", wait());
	out8(IDE_COUNT, 1);
	out8(IDE_SECTOR, 17);
	out8(IDE_LOW, 3);
	out8(IDE_HIGH, 0);
	out8(IDE_DEVICE, 0xa2);
	out8(IDE_COMMAND, 0x20);
	wait();
	get(buffer, 512);
	print("by cylinder: good %u then %u/%u/%u\n", good(buffer, secret((3 * 4 + 2) * 17 + 16)),
		in8(IDE_LOW), in8(IDE_DEVICE) & 15, in8(IDE_SECTOR));
	in8(IDE_STATUS);
	let_in();
}

static void try_absent(void)
{
	out8(IDE_DEVICE, 0xf0);
	print("device 1: status %02x alternate %02x\n", in8(IDE_STATUS), in8(IDE_CONTROL));
	out8(IDE_COMMAND, 0xec);
	print("identify: %02x\n", in8(IDE_CONTROL));
	out8(IDE_DEVICE, 0xe0);
	print("device 0: %02x\n", wait());
}

static void try_reset(void)
{
	command(0x20, 0x123, 2); /* in the middle of which */
	out8(IDE_CONTROL, SRST);
	for (u32 i = 0; i < 1000; i++)
		in8(IDE_CONTROL);
	out8(IDE_CONTROL, 0);
	print("reset: status %02x error %02x", wait(), in8(IDE_ERROR));
	print(" signature %02x %02x %02x %02x\n", in8(IDE_COUNT), in8(IDE_SECTOR), in8(IDE_LOW),
		in8(IDE_HIGH));
	in8(IDE_STATUS);
	let_in();
	interrupts = 0;
	simple("diagnostic", 0x90, 0, 0);
	print("error %02x signature %02x %02x %02x %02x\n", in8(IDE_ERROR), in8(IDE_COUNT),
		in8(IDE_SECTOR), in8(IDE_LOW), in8(IDE_HIGH));
}

/* With nIEN nothing comes, and by the status nothing is left to come later. */
static void try_silence(void)
{
	interrupts = 0;
	out8(IDE_CONTROL, NIEN);
	command(0x40, 0, 1);
	let_in();
	print("silent: interrupts %u status %02x", interrupts, in8(IDE_STATUS) & SHOWN);
	out8(IDE_CONTROL, 0);
	let_in();
	print(" then %u\n", interrupts);
}

/* Words of all sizes from one port, and registers that a waiting block has closed. */
static void try_widths(void)
{
	u16 word;
	u32 both, again;

	command(0x20, 9, 1);
	out8(IDE_COUNT, 77);
	word = in16(IDE_DATA);
	print("half: %04x count %u\n", word, in8(IDE_COUNT));
	word = in16(IDE_DATA);
	both = in32(IDE_DATA);
	print("word: %04x double: %08x\n", word, both);
	get(buffer, 504);
	again = in16(IDE_DATA);
	print("nothing left: %04x status %02x\n", again, in8(IDE_STATUS) & SHOWN);
}

static void errors(void)
{
	try_beyond("read beyond", 0x20, 4096);
	try_beyond("write beyond", 0x30, 4096);
	try_beyond("far beyond", 0xc4, 0xfffffff);
	simple("nop", 0x00, 0, 0);
	simple("unknown", 0xff, 0, 0);
	simple("bad feature", 0xef, 0x7f, 0);
	simple("multiple of 3", 0xc6, 0, 3);
	simple("multiple of 32", 0xc6, 0, 32);
}

static void settings(void)
{
	simple("pio mode", 0xef, 0x03, 0x08);
	simple("write cache", 0xef, 0x02, 0);
	simple("multiple of 4", 0xc6, 0, 4);
	read("read by 4", 0xc4, 60, 10, 4);
	simple("multiple of 16", 0xc6, 0, 16);
	simple("flush", 0xe7, 0, 0);
	simple("idle", 0xe1, 0, 0);
	simple("check power", 0xe5, 0, 0);
	print("power: %02x\n", in8(IDE_COUNT));
	simple("recalibrate", 0x10, 0, 0);
}

PROBE(ide)
{
	irq_set(IRQ_DISK, on_disk);
	irq_unmask(IRQ_DISK);
	in8(IDE_STATUS);
	let_in();
	PROBE_STOP(1);
	show_identify();
	read("read", 0x20, 40, 3, 1);
	read("multiple", 0xc4, 50, 37, 16);
	check(probe_option(info, "again", 0) ? "kept" : "untouched", 200, 40,
		probe_option(info, "again", 0) ? 5000 : 0);
	write("write", 0x30, 200, 3, 1);
	write("write multiple", 0xc5, 203, 37, 16);
	check("written", 200, 40, 5000);
	check("beside it", 199, 1, 0);
	settings();
	errors();
	try_cylinders();
	try_absent();
	try_reset();
	try_silence();
	try_widths();
	read("alive", 0x21, 4095, 1, 1);
}
