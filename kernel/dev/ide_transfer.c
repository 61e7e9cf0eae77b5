/*
 * Sectors between the disk and the buffer. The address registers always name the next sector, so that
 * after an error they name the one that failed (ATA, READ SECTOR(S), WRITE SECTOR(S): Error outputs).
 */
#include "dev/ide.h"

bool ide_address(const struct ide *ide, u32 *sector)
{
	const struct ide_geometry *g = &ide->geometry;
	u32 cylinder = ide->cylinder_high << 8 | ide->cylinder_low;
	u32 head = ide->device & IDE_DEVICE_HEAD;

	if (ide->device & IDE_DEVICE_LBA)
		*sector = head << 24 | cylinder << 8 | ide->sector;
	else if (ide->sector >= 1 && ide->sector <= g->sectors && head < g->heads)
		*sector = (cylinder * g->heads + head) * g->sectors + ide->sector - 1;
	else
		return false;
	return *sector < ide->disk->sectors;
}

static void advance_cylinder(struct ide *ide)
{
	if (++ide->cylinder_low == 0)
		ide->cylinder_high++;
}

/* Puts the next sector's address into the registers: LBA bits 27:0, or sector, head, cylinder. */
static void advance(struct ide *ide)
{
	const struct ide_geometry *g = &ide->geometry;
	u8 head = ide->device & IDE_DEVICE_HEAD;

	ide->count--;
	ide->left--;
	if (ide->device & IDE_DEVICE_LBA) {
		if (++ide->sector == 0)
			advance_cylinder(ide);
		if (!ide->sector && !ide->cylinder_low && !ide->cylinder_high)
			head++;
	} else if (ide->sector++ == g->sectors) {
		ide->sector = 1;
		if (++head == g->heads) {
			head = 0;
			advance_cylinder(ide);
		}
	}
	ide->device = (ide->device & ~IDE_DEVICE_HEAD) | (head & IDE_DEVICE_HEAD);
}

/* One sector, the next one. False: the command has ended with an error. */
static bool move(struct ide *ide, bool write, u8 *buffer)
{
	const struct ide_disk *disk = ide->disk;
	u32 sector;

	if (!ide_address(ide, &sector)) {
		ide_fail(ide, IDE_ERROR_IDNF);
		return false;
	}
	if (!(write ? disk->write(disk->owner, sector, buffer)
		    : disk->read(disk->owner, sector, buffer))) {
		/* Only reads have a bit for bad data (ATA, WRITE SECTOR(S)). */
		ide_fail(ide, write ? IDE_ERROR_ABRT : IDE_ERROR_UNC);
		return false;
	}
	advance(ide);
	return true;
}

/* READ: a block comes with an interrupt (ATA, PIO data-in command protocol). */
static void read_block(struct ide *ide)
{
	unsigned n = MIN(ide->left, ide->block);

	for (unsigned i = 0; i < n; i++)
		if (!move(ide, false, &ide->buffer[i * IDE_SECTOR]))
			return;
	ide_offer(ide, n);
	ide_interrupt(ide);
}

static void end_write(struct ide *ide)
{
	if (ide->write_cache || ide->disk->flush(ide->disk->owner))
		ide_finish(ide);
	else
		ide_fail(ide, IDE_ERROR_ABRT);
}

/* WRITE: an interrupt asks for each block but the first, and says the end (PIO data-out). */
static void write_block(struct ide *ide)
{
	for (u8 *at = ide->buffer; at < &ide->buffer[ide->end]; at += IDE_SECTOR)
		if (!move(ide, true, at))
			return;
	if (!ide->left) {
		end_write(ide);
		return;
	}
	ide_offer(ide, MIN(ide->left, ide->block));
	ide_interrupt(ide);
}

/* A count of 0 stands for 256. */
static unsigned whole_count(const struct ide *ide)
{
	return ide->count ? ide->count : 256;
}

void ide_begin(struct ide *ide, enum ide_transfer transfer, unsigned block)
{
	ide->transfer = transfer;
	ide->block = block;
	ide->left = whole_count(ide);
	if (transfer == IDE_READ)
		read_block(ide);
	else
		ide_offer(ide, MIN(ide->left, block));
}

/* The end of a READ is silent: the interrupt came before the data. */
void ide_block_done(struct ide *ide)
{
	if (ide->transfer == IDE_WRITE) {
		write_block(ide);
	} else if (ide->left) {
		read_block(ide);
	} else {
		ide->transfer = IDE_IDLE;
		ide->status &= ~IDE_STATUS_DRQ;
	}
}

void ide_verify(struct ide *ide)
{
	for (ide->left = whole_count(ide); ide->left;)
		if (!move(ide, false, ide->buffer))
			return;
	ide_finish(ide);
}
