/* An IDE channel's registers: who reads and writes what, when, and IRQ 14. */
#include "dev/ide.h"

#include "base/string.h"

#define CONTROL_NIEN 0x02u /* keep the interrupt to yourself */
#define CONTROL_SRST 0x04u /* software reset, for as long as it is set */

#define DEVICE_OBSOLETE 0xa0u /* bits that have always been read as ones */
#define DIAGNOSTIC_GOOD 0x01u /* device 0 passed, device 1 passed or is not there */

static bool absent_device(const struct ide *ide)
{
	return ide->device & IDE_DEVICE_1;
}

/* A device drives INTRQ only while it is selected, and nIEN is clear (ATA, Device Control register). */
static void update_line(struct ide *ide)
{
	bool driven = !(ide->control & CONTROL_NIEN) && !absent_device(ide);

	pic_set_line(ide->pic, IRQ_DISK, ide->interrupt && driven);
}

static void withdraw(struct ide *ide)
{
	ide->interrupt = false;
	update_line(ide);
}

void ide_interrupt(struct ide *ide)
{
	ide->interrupt = true;
	update_line(ide);
}

void ide_finish(struct ide *ide)
{
	ide->transfer = IDE_IDLE;
	ide->status = IDE_STATUS_RDY | IDE_STATUS_DSC;
	ide_interrupt(ide);
}

void ide_fail(struct ide *ide, u8 error)
{
	ide->transfer = IDE_IDLE;
	ide->error = error;
	ide->status = IDE_STATUS_RDY | IDE_STATUS_ERR;
	ide_interrupt(ide);
}

void ide_offer(struct ide *ide, unsigned sectors)
{
	ide->at = 0;
	ide->end = sectors * IDE_SECTOR;
	ide->status = IDE_STATUS_RDY | IDE_STATUS_DSC | IDE_STATUS_DRQ;
}

/* --- the data port --- */

/* The next bytes of the buffer, or NULL if it is not the turn of this direction. */
static u8 *take(struct ide *ide, bool write, unsigned size)
{
	u8 *bytes = &ide->buffer[ide->at];

	if (!(ide->status & IDE_STATUS_DRQ) || write != (ide->transfer == IDE_WRITE) ||
		absent_device(ide) || size > ide->end - ide->at)
		return NULL;
	ide->at += size;
	return bytes;
}

/* The low byte of a word comes first; a doubleword is two words (ATA, Data register). */
static u32 read_data(struct ide *ide, unsigned size)
{
	const u8 *bytes = take(ide, false, size);
	u32 value = 0;

	if (!bytes)
		return 0;
	memcpy(&value, bytes, size);
	if (ide->at == ide->end)
		ide_block_done(ide);
	return value;
}

static void write_data(struct ide *ide, unsigned size, u32 value)
{
	u8 *bytes = take(ide, true, size);

	if (!bytes)
		return;
	memcpy(bytes, &value, size);
	if (ide->at == ide->end)
		ide_block_done(ide);
}

/* --- the other registers --- */

/* Device 0 speaks for an absent device 1, whose status is 0 (ATA, Device 0 only configurations). */
static u8 read_register(struct ide *ide, u16 port)
{
	switch (port) {
	case IDE_ERROR:
		return ide->error;
	case IDE_COUNT:
		return ide->count;
	case IDE_SECTOR_NUMBER:
		return ide->sector;
	case IDE_CYLINDER_LOW:
		return ide->cylinder_low;
	case IDE_CYLINDER_HIGH:
		return ide->cylinder_high;
	case IDE_DEVICE:
		return ide->device | DEVICE_OBSOLETE;
	case IDE_STATUS:
		if (!absent_device(ide))
			withdraw(ide); /* whoever reads it knows (ATA, Status register) */
		return absent_device(ide) ? 0 : ide->status;
	case IDE_CONTROL: /* the same, and nobody is the wiser */
		return absent_device(ide) ? 0 : ide->status;
	}
	return 0xff; /* one byte of the data port: it has none */
}

void ide_signature(struct ide *ide)
{
	ide->count = ide->sector = 1;
	ide->cylinder_low = ide->cylinder_high = 0;
	ide->device = 0;
	ide->error = DIAGNOSTIC_GOOD;
	ide->status = IDE_STATUS_RDY | IDE_STATUS_DSC;
}

/* Settings stay: firmware has turned the return to power-on's off (ATA, SET FEATURES, 66h). */
static void write_control(struct ide *ide, u8 value)
{
	bool was_reset = ide->control & CONTROL_SRST;

	ide->control = value;
	if (value & CONTROL_SRST) {
		ide->transfer = IDE_IDLE;
		ide->status = IDE_STATUS_BSY;
		ide->interrupt = false;
	} else if (was_reset) {
		ide->power = IDE_ACTIVE;
		ide_signature(ide);
	}
	update_line(ide);
}

static void write_command(struct ide *ide, u8 command)
{
	withdraw(ide);
	ide_command(ide, command);
}

static void write_register(struct ide *ide, u16 port, u8 value)
{
	if (port == IDE_CONTROL)
		write_control(ide, value);
	else if (ide->status & (IDE_STATUS_BSY | IDE_STATUS_DRQ))
		return; /* a device in the middle of something does not listen */
	else if (port == IDE_ERROR)
		ide->features = value;
	else if (port == IDE_COUNT)
		ide->count = value;
	else if (port == IDE_SECTOR_NUMBER)
		ide->sector = value;
	else if (port == IDE_CYLINDER_LOW)
		ide->cylinder_low = value;
	else if (port == IDE_CYLINDER_HIGH)
		ide->cylinder_high = value;
	else if (port == IDE_DEVICE)
		ide->device = value;
	else if (port == IDE_STATUS)
		write_command(ide, value);
	update_line(ide);
}

/* What is wider than a register is one access to each, but for the data port. */
u32 ide_read(struct ide *ide, u16 port, unsigned size)
{
	u32 value = 0;

	if (!ide->disk)
		return ~0u >> (32 - 8 * size); /* nobody drives the lines */
	if (port == IDE_DATA && size > 1)
		return read_data(ide, size);
	for (unsigned i = 0; i < size; i++)
		value |= (u32)read_register(ide, port + i) << 8 * i;
	return value;
}

void ide_write(struct ide *ide, u16 port, unsigned size, u32 value)
{
	if (!ide->disk)
		return;
	if (port == IDE_DATA && size > 1)
		write_data(ide, size, value);
	else
		for (unsigned i = 0; i < size; i++)
			write_register(ide, port + i, value >> 8 * i);
}

/*
 * The geometry that disks have by default, 16 heads and 63 sectors; few sectors are one track each
 * (ATA, annex on CHS translation).
 */
static struct ide_geometry choose_geometry(u32 sectors)
{
	struct ide_geometry g = {.heads = 16, .sectors = 63};

	if (sectors < 16 * 63)
		g = (struct ide_geometry){.heads = 1, .sectors = MIN(sectors, 63u)};
	g.cylinders = MIN(sectors / (g.heads * g.sectors), 16383u);
	return g;
}

void ide_init(struct ide *ide, struct pic *pic, const struct ide_disk *disk)
{
	*ide = (struct ide){.pic = pic, .disk = disk};
	if (!disk)
		return;
	ide->standard = ide->geometry = choose_geometry(disk->sectors);
	ide->multiple = IDE_MULTIPLE;
	ide->write_cache = true;
	ide_signature(ide);
}
