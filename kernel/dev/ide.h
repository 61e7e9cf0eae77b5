/*
 * The primary IDE channel with one ATA disk, device 0, driven by programmed input and output.
 * Source: ATA/ATAPI-5 (T13 project 1321D), "ATA" below with the title of a clause.
 *
 *   port 0x1f0   data: 16 bits, or 32       0x1f4   cylinder, low byte
 *        0x1f1   error      W: features     0x1f5   cylinder, high byte
 *        0x1f2   sector count               0x1f6   device and head
 *        0x1f3   sector number              0x1f7   status     W: command
 *                                           0x3f6   status     W: device control
 *
 *   READ    command -> disk to buffer -> DRQ, IRQ 14 -> the guest reads it -> the next block, or idle
 *   WRITE   command -> DRQ -> the guest writes it -> buffer to disk -> IRQ 14 -> the next, or idle
 *
 * The disk takes no time: a block is there when the guest asks for it, and BSY is seen only during a
 * software reset. ide.c is the register file; ide_transfer.c moves sectors; ide_command.c knows the
 * commands.
 */
#pragma once

#include "dev/pic.h"

#define IDE_SECTOR   512u
#define IDE_MULTIPLE 16u         /* the most sectors that one DRQ, and one interrupt, stand for */
#define IDE_LBA_MAX  0x0fffffffu /* the most sectors that 28 bits address (ATA, IDENTIFY DEVICE) */

enum ide_port {
	IDE_DATA = 0x1f0,
	IDE_ERROR = 0x1f1,
	IDE_COUNT = 0x1f2,
	IDE_SECTOR_NUMBER = 0x1f3,
	IDE_CYLINDER_LOW = 0x1f4,
	IDE_CYLINDER_HIGH = 0x1f5,
	IDE_DEVICE = 0x1f6,
	IDE_STATUS = 0x1f7,
	IDE_CONTROL = 0x3f6,
};

#define IDE_STATUS_BSY 0x80u
#define IDE_STATUS_RDY 0x40u
#define IDE_STATUS_DSC 0x10u /* the heads have settled: older drivers look at it */
#define IDE_STATUS_DRQ 0x08u /* the data port has, or wants, a block */
#define IDE_STATUS_ERR 0x01u

#define IDE_ERROR_UNC  0x40u /* data that cannot be read */
#define IDE_ERROR_IDNF 0x10u /* no such sector */
#define IDE_ERROR_ABRT 0x04u

#define IDE_DEVICE_LBA  0x40u
#define IDE_DEVICE_1    0x10u
#define IDE_DEVICE_HEAD 0x0fu

/*
 * What the sectors lie in. Each function moves one of them, or makes sure that all which were written
 * will be found again; false if it cannot.
 */
struct ide_disk {
	void *owner;
	u32 sectors; /* 1 to IDE_LBA_MAX */
	bool (*read)(void *owner, u32 sector, void *buffer);
	bool (*write)(void *owner, u32 sector, const void *buffer);
	bool (*flush)(void *owner);
};

/* How a linear sector number is spelled as cylinder, head and sector (the last counts from 1). */
struct ide_geometry {
	u16 cylinders;
	u8 heads, sectors;
};

enum ide_power { IDE_ACTIVE, IDE_STANDBY, IDE_SLEEP };

/* What the data port is moving. */
enum ide_transfer { IDE_IDLE, IDE_ANSWER, IDE_READ, IDE_WRITE };

struct ide {
	struct pic *pic;             /* IRQ 14 */
	const struct ide_disk *disk; /* NULL: nothing is attached to the channel */

	u8 features, error, count, sector, cylinder_low, cylinder_high, device, status, control;
	bool interrupt; /* pending in the device, whether or not nIEN lets it out */

	struct ide_geometry standard, geometry; /* from power-on, and in force */
	u8 multiple;                            /* sectors a block of READ MULTIPLE; 0: refused */
	bool write_cache;                       /* else each WRITE ends with a flush */
	enum ide_power power;

	enum ide_transfer transfer;
	unsigned block;   /* sectors of each block but the last */
	unsigned left;    /* sectors of the command that have not been in the buffer */
	unsigned at, end; /* bytes of the buffer: the next, and behind the last */
	u8 buffer[IDE_MULTIPLE * IDE_SECTOR];
};

/* `disk` may be NULL. Otherwise as firmware leaves the disk that it has booted from. */
void ide_init(struct ide *, struct pic *, const struct ide_disk *disk);

/* Ports IDE_DATA to IDE_STATUS, and IDE_CONTROL; `size` is 1, 2 or 4 bytes. */
u32 ide_read(struct ide *, u16 port, unsigned size);
void ide_write(struct ide *, u16 port, unsigned size, u32 value);

/* Between ide.c, ide_transfer.c and ide_command.c. */

/* Ends a command, with IRQ 14: well, or with bits of the error register. */
void ide_finish(struct ide *);
void ide_fail(struct ide *, u8 error);
/* Sets DRQ for `sectors` sectors of the buffer, to be read or written by the guest. */
void ide_offer(struct ide *, unsigned sectors);
void ide_interrupt(struct ide *);
/* Registers after power-on, reset and diagnostic. */
void ide_signature(struct ide *);

/* A command register has been written: does what it says. */
void ide_command(struct ide *, u8 command);

/* READ and WRITE of what the address and count registers say, in blocks of so many sectors. */
void ide_begin(struct ide *, enum ide_transfer, unsigned block);
/* The guest has moved the whole buffer: what comes next. */
void ide_block_done(struct ide *);
/* Reads the sectors and gives them to nobody. */
void ide_verify(struct ide *);
/* The sector that the address registers name; false if the disk has none such. */
bool ide_address(const struct ide *, u32 *sector);
