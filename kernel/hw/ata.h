/*
 * The disks of the real machine: those on its two IDE channels, by programmed I/O. Source: ATA/ATAPI-5
 * (T13 project 1321D). The monitor waits for each: the processor does nothing else meanwhile.
 */
#pragma once

#include "base/types.h"

#define ATA_SECTOR 512u

/* Primary channel, device 0 and 1; secondary channel. */
enum ata_drive { ATA_HDA, ATA_HDB, ATA_HDC, ATA_HDD, ATA_DRIVES };

/*
 * The size of a disk in sectors, as far as 28 bits address them; 0 if there is no disk, or one without
 * linear addresses.
 */
u32 ata_sectors(enum ata_drive);

/* One sector of ATA_SECTOR bytes; false if the disk reports an error, or nothing for ten seconds. */
bool ata_read(enum ata_drive, u32 sector, void *buffer);
bool ata_write(enum ata_drive, u32 sector, const void *buffer);
/* Makes sure that what was written is on the medium. */
bool ata_flush(enum ata_drive);
