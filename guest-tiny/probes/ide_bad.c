/*
 * A disk with bad places: every command that meets one ends with an error and the sector's address, and
 * the next command finds a disk that works. On a good disk all is good. Sectors 96 to 127 are read, 200
 * to 231 written; what they should hold is not looked at.
 */
#include "probe.h"
#include "probe/ide.h"

#define ERR 0x01

static u32 buffer[128];

static u8 wait(void)
{
	u8 status;

	while ((status = in8(IDE_CONTROL)) & IDE_BSY)
		;
	return status;
}

static u8 command(u8 code, u32 lba, u8 count)
{
	out8(IDE_COUNT, count);
	out8(IDE_SECTOR, lba);
	out8(IDE_LOW, lba >> 8);
	out8(IDE_HIGH, lba >> 16);
	out8(IDE_DEVICE, 0xe0 | lba >> 24);
	out8(IDE_STATUS, code);
	return wait();
}

/* Moves data for as long as the disk offers or asks for it; how many sectors that were. */
static u32 move(bool write)
{
	u32 sectors = 0;

	for (; wait() & IDE_DRQ; sectors++) {
		void *at = buffer;
		u32 words = 128;

		if (write)
			asm volatile("rep outsl"
				     : "+S"(at), "+c"(words)
				     : "d"(IDE_DATA)
				     : "memory");
		else
			asm volatile("rep insl" : "+D"(at), "+c"(words) : "d"(IDE_DATA) : "memory");
	}
	return sectors;
}

/* Is one of the bits set that may stand for a bad sector? */
static bool has_reason(void)
{
	return in8(IDE_ERROR) & 0x54;
}

/* Each sector by a command of its own. */
static void one_by_one(const char *what, u8 code, u32 first, bool write)
{
	u32 good = 0;

	for (u32 n = first; n < first + 32; n++) {
		command(code, n, 1);
		move(write);
		if (!(in8(IDE_STATUS) & ERR))
			good++;
		else
			print("%s: bad %u reason %u at %u\n", what, n, has_reason(),
				in8(IDE_SECTOR) | in8(IDE_LOW) << 8 | in8(IDE_HIGH) << 16);
	}
	print("%s: good %u\n", what, good);
}

/* All by one command, which ends at the first bad one. */
static void at_once(const char *what, u8 code, u32 first, bool write)
{
	bool all;

	command(code, first, 32);
	all = move(write) == 32;
	print("%s: all %u error %u\n", what, all && !(wait() & ERR), wait() & ERR);
	in8(IDE_STATUS);
}

PROBE(ide_bad)
{
	PROBE_STOP(1);
	for (u32 i = 0; i < 128; i++)
		buffer[i] = secret(i);
	one_by_one("read", 0x20, 96, false);
	at_once("read multiple", 0xc4, 96, false);
	one_by_one("write", 0x30, 200, true);
	at_once("write multiple", 0xc5, 200, true);
	print("flush: error %u", command(0xe7, 0, 0) & ERR);
	print(" then %u\n", command(0xe7, 0, 0) & ERR);
	one_by_one("read again", 0x20, 300, false);
}
