/* The registers of the primary IDE channel (ATA/ATAPI-5, T13 1321D), by what is written or read there. */
#pragma once

#define IDE_DATA     0x1f0
#define IDE_ERROR    0x1f1
#define IDE_FEATURES 0x1f1
#define IDE_COUNT    0x1f2
#define IDE_SECTOR   0x1f3
#define IDE_LOW      0x1f4
#define IDE_HIGH     0x1f5
#define IDE_DEVICE   0x1f6
#define IDE_STATUS   0x1f7
#define IDE_COMMAND  0x1f7
#define IDE_CONTROL  0x3f6 /* read: the alternate status */

#define IDE_BSY 0x80
#define IDE_DRQ 0x08
