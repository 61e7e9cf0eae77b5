/* The real disks: each request is a few registers, a wait, and 256 words. */
#include "hw/ata.h"

#include "hw/insn.h"
#include "hw/timer.h"

/* Offsets from a channel's first port. */
enum {
	DATA = 0,
	COUNT = 2,
	LBA_LOW = 3,
	LBA_MID = 4,
	LBA_HIGH = 5,
	DEVICE = 6,
	STATUS = 7,
	COMMAND = 7
};

#define STATUS_BSY 0x80
#define STATUS_DF  0x20 /* device fault */
#define STATUS_DRQ 0x08
#define STATUS_ERR 0x01

#define DEVICE_LBA   0xe0
#define CONTROL_NIEN 0x02 /* no interrupts: we look */

#define READ_SECTORS  0x20
#define WRITE_SECTORS 0x30
#define FLUSH_CACHE   0xe7
#define IDENTIFY      0xec

#define PATIENCE (10ull * NS_PER_SECOND)

static const u16 channel[] = {0x1f0, 0x170};
static const u16 control[] = {0x3f6, 0x376};

/* Until BSY is clear; the other bits mean nothing before. False: never. */
static bool wait(enum ata_drive drive, u8 *status)
{
	u16 base = channel[drive / 2];
	u64 start = timer_now();

	/* The device has 400 ns to set BSY: so long do four reads take on an ISA bus. */
	for (unsigned i = 0; i < 4; i++)
		in8(control[drive / 2]);
	while ((*status = in8(base + STATUS)) & STATUS_BSY)
		if (timer_now() - start > PATIENCE)
			return false;
	return true;
}

/* Selects the drive. False: it is not there (no lines driven, or pulled down), or does not listen. */
static bool select(enum ata_drive drive, u32 sector)
{
	u16 base = channel[drive / 2];
	u8 status;

	out8(base + DEVICE, DEVICE_LBA | (drive % 2) << 4 | sector >> 24);
	out8(control[drive / 2], CONTROL_NIEN);
	return wait(drive, &status) && status != 0 && status != 0xff && !(status & STATUS_DRQ);
}

/* Gives a command for one sector and waits. False: it failed, or does not want (or have) data. */
static bool begin(enum ata_drive drive, u8 command, u32 sector, bool data)
{
	u16 base = channel[drive / 2];
	u8 status;

	if (!select(drive, sector))
		return false;
	out8(base + COUNT, 1);
	out8(base + LBA_LOW, sector);
	out8(base + LBA_MID, sector >> 8);
	out8(base + LBA_HIGH, sector >> 16);
	out8(base + COMMAND, command);
	return wait(drive, &status) && !(status & (STATUS_ERR | STATUS_DF)) &&
	       (status & STATUS_DRQ) == (data ? STATUS_DRQ : 0);
}

static bool read_data(enum ata_drive drive, u8 command, u32 sector, void *buffer)
{
	if (!begin(drive, command, sector, true))
		return false;
	in16_string(channel[drive / 2] + DATA, buffer, ATA_SECTOR / 2);
	return true;
}

u32 ata_sectors(enum ata_drive drive)
{
	u16 word[ATA_SECTOR / 2];
	const u16 lba = 1 << 9; /* of word 49 (IDENTIFY DEVICE) */

	if (!read_data(drive, IDENTIFY, 0, word) || !(word[49] & lba))
		return 0;
	return word[60] | word[61] << 16;
}

bool ata_read(enum ata_drive drive, u32 sector, void *buffer)
{
	return read_data(drive, READ_SECTORS, sector, buffer);
}

bool ata_write(enum ata_drive drive, u32 sector, const void *buffer)
{
	u8 status;

	if (!begin(drive, WRITE_SECTORS, sector, true))
		return false;
	out16_string(channel[drive / 2] + DATA, buffer, ATA_SECTOR / 2);
	return wait(drive, &status) && !(status & (STATUS_ERR | STATUS_DF));
}

bool ata_flush(enum ata_drive drive)
{
	return begin(drive, FLUSH_CACHE, 0, false);
}
