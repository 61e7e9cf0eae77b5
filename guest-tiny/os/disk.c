/*
 * The IDE disk, a sector at a time. The processor copies every word itself, so it also looks itself
 * whether the disk is ready, instead of waiting for its interrupt. Source: ATA/ATAPI-5 (T13 1321D), PIO
 * data-in and data-out command protocols.
 */
#include "os.h"

#include "insn.h"
#include "machine.h"

enum port {
	DATA = 0x1f0,
	COUNT = 0x1f2,
	LBA_LOW = 0x1f3,
	LBA_MID = 0x1f4,
	LBA_HIGH = 0x1f5,
	DEVICE = 0x1f6,
	STATUS = 0x1f7,
	COMMAND = 0x1f7,
	CONTROL = 0x3f6,
};

#define STATUS_BSY 0x80
#define STATUS_DRQ 0x08
#define STATUS_ERR 0x01

#define DEVICE_LBA   0xe0
#define CONTROL_NIEN 0x02 /* no interrupts */

#define READ_SECTORS  0x20
#define WRITE_SECTORS 0x30
#define IDENTIFY      0xec

static u32 sectors;

/* The status, once the disk is through with what it does. */
static u8 wait(void)
{
	u8 status;

	while ((status = in8(STATUS)) & STATUS_BSY)
		;
	return status;
}

/* True if the disk now has, or wants, the sector's data. */
static bool begin(u8 command, u32 sector)
{
	wait();
	out8(COUNT, 1);
	out8(LBA_LOW, sector);
	out8(LBA_MID, sector >> 8);
	out8(LBA_HIGH, sector >> 16);
	out8(DEVICE, DEVICE_LBA | sector >> 24);
	out8(COMMAND, command);
	return (wait() & (STATUS_DRQ | STATUS_ERR)) == STATUS_DRQ;
}

static bool get(u8 command, u32 sector, void *buffer)
{
	u32 words = SECTOR / 2;

	if (!begin(command, sector))
		return false;
	asm volatile("rep insw" : "+D"(buffer), "+c"(words) : "d"(DATA) : "memory");
	return true;
}

void disk_init(void)
{
	u16 word[SECTOR / 2];
	u8 status;

	out8(DEVICE, DEVICE_LBA);
	status = in8(STATUS);
	if (status == 0 || status == 0xff) /* pulled down, or floating: nobody is there */
		return;
	out8(CONTROL, CONTROL_NIEN);
	if (!get(IDENTIFY, 0, word))
		return;
	sectors = word[60] | word[61] << 16;
	print("[ok] disk: %u sectors\n", sectors);
}

bool disk_read(u32 sector, void *buffer)
{
	return sector < sectors && get(READ_SECTORS, sector, buffer);
}

bool disk_write(u32 sector, const void *buffer)
{
	u32 words = SECTOR / 2;

	if (sector >= sectors || !begin(WRITE_SECTORS, sector))
		return false;
	asm volatile("rep outsw" : "+S"(buffer), "+c"(words) : "d"(DATA) : "memory");
	return !(wait() & STATUS_ERR);
}
