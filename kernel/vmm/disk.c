/* What a machine's disk is made of. */
#include "vmm/disk.h"

#include "base/printf.h"
#include "base/string.h"
#include "hw/memory.h"

static char complaint[160];

/* A sector of a module, in one page of real memory or in two. */
static void move(const struct boot_module *m, u32 sector, u8 *buffer, bool write)
{
	u32 at = m->start.v + sector * IDE_SECTOR, left = IDE_SECTOR, part;

	for (; left; at += part, buffer += part, left -= part) {
		u8 *there = (u8 *)hw_map(hpa(at & ~PAGE_MASK)) + (at & PAGE_MASK);

		part = MIN(left, PAGE_SIZE - (at & PAGE_MASK));
		if (write)
			memcpy(there, buffer, part);
		else
			memcpy(buffer, there, part);
	}
}

static bool module_read(void *owner, u32 sector, void *buffer)
{
	move(((struct disk *)owner)->module, sector, buffer, false);
	return true;
}

static bool module_write(void *owner, u32 sector, const void *buffer)
{
	move(((struct disk *)owner)->module, sector, (u8 *)buffer, true);
	return true;
}

static bool module_flush(void *owner)
{
	return true;
}

/* What is left over beyond the last whole sector stays unused. */
const char *disk_from_module(struct disk *disk, const struct boot_module *m)
{
	if (m->bytes < IDE_SECTOR) {
		print_to(complaint, sizeof complaint,
			"the file of its disk has %u bytes; a disk has at least one sector of 512",
			m->bytes);
		return complaint;
	}
	disk->module = m;
	disk->ide = (struct ide_disk){
		disk, m->bytes / IDE_SECTOR, module_read, module_write, module_flush};
	return NULL;
}

static bool drive_read(void *owner, u32 sector, void *buffer)
{
	return ata_read(((struct disk *)owner)->drive, sector, buffer);
}

static bool drive_write(void *owner, u32 sector, const void *buffer)
{
	return ata_write(((struct disk *)owner)->drive, sector, buffer);
}

static bool drive_flush(void *owner)
{
	return ata_flush(((struct disk *)owner)->drive);
}

const char *disk_from_drive(struct disk *disk, enum ata_drive drive)
{
	static bool taken[ATA_DRIVES];
	u32 sectors = ata_sectors(drive);

	if (!sectors || taken[drive]) {
		print_to(complaint, sizeof complaint,
			taken[drive] ? "disk=hd%c belongs to another machine already: give it one "
				       "of its own"
				     : "disk=hd%c: there is no such disk: give QEMU one "
				       "(-drive if=ide,index=%u,format=raw,file=FILE)",
			'a' + drive, drive);
		return complaint;
	}
	taken[drive] = true;
	disk->drive = drive;
	disk->ide = (struct ide_disk){
		disk, MIN(sectors, IDE_LBA_MAX), drive_read, drive_write, drive_flush};
	return NULL;
}
