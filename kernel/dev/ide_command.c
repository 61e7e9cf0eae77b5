/* What each command of an ATA disk does (ATA, Command descriptions). */
#include "base/string.h"
#include "dev/ide.h"

/* Each word of text has its first letter in the high byte (ATA, IDENTIFY DEVICE). */
static void put_text(u16 *word, unsigned words, const char *text)
{
	for (unsigned i = 0; i < words; i++) {
		u8 first = *text ? *text++ : ' ';
		u8 second = *text ? *text++ : ' ';

		word[i] = first << 8 | second;
	}
}

static void put_long(u16 *word, u32 value)
{
	word[0] = value;
	word[1] = value >> 16;
}

/* The words whose contents depend on the disk and its settings. */
static void identify_state(const struct ide *ide, u16 *word)
{
	const struct ide_geometry *standard = &ide->standard, *now = &ide->geometry;

	word[1] = standard->cylinders;
	word[3] = standard->heads;
	word[6] = standard->sectors;
	word[54] = now->cylinders;
	word[55] = now->heads;
	word[56] = now->sectors;
	put_long(&word[57], (u32)now->cylinders * now->heads * now->sectors);
	word[59] = ide->multiple ? 0x100 | ide->multiple : 0;
	put_long(&word[60], ide->disk->sectors);
	word[85] = 0x0008 | (ide->write_cache ? 0x0020 : 0);
}

/* What is not said here is 0: no DMA, no 48-bit addresses, no security, no SMART. */
static void identify(struct ide *ide)
{
	u16 word[IDE_SECTOR / 2] = {
		[0] = 0x0040,                 /* ATA, not removable */
		[47] = 0x8000 | IDE_MULTIPLE, /* the most for SET MULTIPLE MODE */
		[49] = 0x0a00,                /* LBA; IORDY */
		[51] = 0x0200,                /* PIO mode 2 at least */
		[53] = 0x0003,                /* words 54 to 58, and 64 to 70, are valid */
		[64] = 0x0003,                /* PIO modes 3 and 4 too, */
		[67] = 120,                   /* whose cycles take 120 ns */
		[68] = 120,
		[80] = 0x003e, /* ATA-1 to ATA/ATAPI-5 */
		[82] = 0x0028, /* write cache, power management */
		[83] = 0x5000, /* bit 14: this word is valid; FLUSH CACHE */
		[84] = 0x4000,
		[86] = 0x1000, /* 85 to 87: as 82 to 84, what is on */
		[87] = 0x4000,
	};

	put_text(&word[10], 10, "1"); /* serial number, revision, model */
	put_text(&word[23], 4, "1");
	put_text(&word[27], 20, "Cave disk");
	identify_state(ide, word);
	memcpy(ide->buffer, word, sizeof word);
	ide->transfer = IDE_ANSWER;
	ide->left = 0;
	ide_offer(ide, 1);
	ide_interrupt(ide);
}

/* The guest says how it will spell addresses; how many cylinders that makes follows. */
static void initialize_parameters(struct ide *ide)
{
	struct ide_geometry g = {
		.heads = (ide->device & IDE_DEVICE_HEAD) + 1, .sectors = ide->count};

	if (!g.sectors) {
		ide_fail(ide, IDE_ERROR_ABRT);
		return;
	}
	g.cylinders = MIN(ide->disk->sectors / (g.heads * g.sectors), 0xffffu);
	ide->geometry = g;
	ide_finish(ide);
}

/* Powers of two; 0 turns READ and WRITE MULTIPLE off, and so does what is refused. */
static void set_multiple(struct ide *ide)
{
	u8 n = ide->count;
	bool good = n <= IDE_MULTIPLE && !(n & (n - 1));

	ide->multiple = good ? n : 0;
	if (good)
		ide_finish(ide);
	else
		ide_fail(ide, IDE_ERROR_ABRT);
}

/* Transfer modes: 0 and 1, or 8 and above with a PIO mode's number; the others are DMA's. */
static bool is_pio_mode(u8 mode)
{
	return mode <= 1 || (mode >= 8 && mode <= 8 + 4);
}

static void flush(struct ide *ide)
{
	if (ide->disk->flush(ide->disk->owner))
		ide_finish(ide);
	else
		ide_fail(ide, IDE_ERROR_ABRT);
}

static void set_features(struct ide *ide)
{
	if (ide->features == 0x03 && is_pio_mode(ide->count)) {
		ide_finish(ide);
	} else if (ide->features == 0x02) {
		ide->write_cache = true;
		ide_finish(ide);
	} else if (ide->features == 0x82) {
		ide->write_cache = false;
		flush(ide);
	} else {
		ide_fail(ide, IDE_ERROR_ABRT);
	}
}

static void seek(struct ide *ide)
{
	u32 sector;

	if (ide_address(ide, &sector))
		ide_finish(ide);
	else
		ide_fail(ide, IDE_ERROR_IDNF);
}

static void read_sectors(struct ide *ide)
{
	ide_begin(ide, IDE_READ, 1);
}

static void write_sectors(struct ide *ide)
{
	ide_begin(ide, IDE_WRITE, 1);
}

static void multiple(struct ide *ide, enum ide_transfer transfer)
{
	if (ide->multiple)
		ide_begin(ide, transfer, ide->multiple);
	else
		ide_fail(ide, IDE_ERROR_ABRT);
}

static void read_multiple(struct ide *ide)
{
	multiple(ide, IDE_READ);
}

static void write_multiple(struct ide *ide)
{
	multiple(ide, IDE_WRITE);
}

static void set_power(struct ide *ide, enum ide_power power)
{
	ide->power = power;
	ide_finish(ide);
}

static void idle(struct ide *ide)
{
	set_power(ide, IDE_ACTIVE);
}

static void standby(struct ide *ide)
{
	set_power(ide, IDE_STANDBY);
}

static void sleep(struct ide *ide)
{
	set_power(ide, IDE_SLEEP);
}

static void check_power(struct ide *ide)
{
	ide->count = ide->power == IDE_ACTIVE ? 0xff : 0x00;
	ide_finish(ide);
}

/* Of a pair, the second is "without retry", or "immediate": the same to a disk that takes no time. */
static const struct {
	u8 code;
	bool wakes; /* makes a disk in standby turn again */
	void (*run)(struct ide *);
} commands[] = {
	{0x20, true, read_sectors},
	{0x21, true, read_sectors},
	{0x30, true, write_sectors},
	{0x31, true, write_sectors},
	{0xc4, true, read_multiple},
	{0xc5, true, write_multiple},
	{0x40, true, ide_verify},
	{0x41, true, ide_verify},
	{0x10, true, ide_finish}, /* RECALIBRATE: heads to cylinder 0 */
	{0x70, true, seek},
	{0x91, false, initialize_parameters},
	{0xc6, false, set_multiple},
	{0xe0, false, standby},
	{0xe1, false, idle},
	{0xe2, false, standby},
	{0xe3, false, idle},
	{0xe5, false, check_power},
	{0xe6, false, sleep},
	{0xe7, false, flush},
	{0xec, false, identify},
	{0xef, false, set_features},
};

static void execute(struct ide *ide, u8 code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].code == code) {
			if (commands[i].wakes)
				ide->power = IDE_ACTIVE;
			commands[i].run(ide);
			return;
		}
	ide_fail(ide, IDE_ERROR_ABRT); /* NOP too, by its definition */
}

#define DIAGNOSTIC 0x90

/* Nobody hears what is said to an absent device 1, but for the diagnostic of both. */
void ide_command(struct ide *ide, u8 code)
{
	bool asleep = ide->power == IDE_SLEEP; /* only a reset ends that */

	if (code == DIAGNOSTIC && !asleep) {
		ide_signature(ide);
		ide_interrupt(ide);
	} else if (!(ide->device & IDE_DEVICE_1) && !asleep) {
		ide->error = 0;
		execute(ide, code);
	}
}
