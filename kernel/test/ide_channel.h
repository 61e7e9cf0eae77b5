/*
 * An IDE channel as a driver uses it, over a disk of a few sectors that can be made to fail. Include it
 * once a test.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/ide.h"

#define SECTORS 5000u
#define NOWHERE (~0u)
#define READY   0x50u
#define DATA    0x58u
#define FAILED  0x41u
#define NIEN    0x02u
#define SRST    0x04u

static struct pic pic;
static struct ide ide;
static u8 medium[SECTORS][IDE_SECTOR];
static u32 bad_read, bad_write, flushes;
static bool bad_flush;

static inline bool disk_read(void *owner, u32 sector, void *buffer)
{
	assert_ptr_equal(owner, medium);
	assert_true(sector < SECTORS);
	memcpy(buffer, medium[sector], IDE_SECTOR);
	return sector != bad_read;
}

static inline bool disk_write(void *owner, u32 sector, const void *buffer)
{
	assert_true(sector < SECTORS);
	if (sector == bad_write)
		return false;
	memcpy(medium[sector], buffer, IDE_SECTOR);
	return true;
}

static inline bool disk_flush(void *owner)
{
	flushes++;
	return !bad_flush;
}

static const struct ide_disk disk = {medium, SECTORS, disk_read, disk_write, disk_flush};

static inline u8 in(u16 port)
{
	return ide_read(&ide, port, 1);
}

static inline void out(u16 port, u8 value)
{
	ide_write(&ide, port, 1, value);
}

static inline bool requested(void)
{
	return pic.chip[1].lines & 1 << (IRQ_DISK - 8);
}

static inline void address(u32 lba, u8 count)
{
	out(IDE_COUNT, count);
	out(IDE_SECTOR_NUMBER, lba);
	out(IDE_CYLINDER_LOW, lba >> 8);
	out(IDE_CYLINDER_HIGH, lba >> 16);
	out(IDE_DEVICE, 0xe0 | lba >> 24);
}

static inline u32 address_now(void)
{
	return in(IDE_SECTOR_NUMBER) | in(IDE_CYLINDER_LOW) << 8 | in(IDE_CYLINDER_HIGH) << 16 |
	       (in(IDE_DEVICE)&0xf) << 24;
}

/* Status, once: the request must have been there, and be gone. */
static inline u8 acknowledge(void)
{
	u8 status;

	assert_true(requested());
	status = in(IDE_STATUS);
	assert_false(requested());
	return status;
}

static inline void command(u8 code, u32 lba, u8 count)
{
	address(lba, count);
	out(IDE_STATUS, code);
}

static inline void expect_failure(u8 error, u32 lba)
{
	assert_int_equal(acknowledge(), FAILED);
	assert_int_equal(in(IDE_ERROR), error);
	assert_int_equal(address_now(), lba);
}

/* Reads the sector that waits, and compares it with the medium's. */
static inline void read_sector(u32 lba)
{
	for (unsigned i = 0; i < IDE_SECTOR; i += 2) {
		u16 word = ide_read(&ide, IDE_DATA, 2);

		assert_memory_equal(&word, &medium[lba][i], 2);
	}
}

/* Reads sectors as a driver does, an interrupt a block, and compares them with the medium. */
static inline void read_and_compare(u8 code, u32 lba, unsigned sectors, unsigned block)
{
	command(code, lba, sectors);
	for (unsigned done = 0; done < sectors; done++) {
		if (done % block == 0)
			assert_int_equal(acknowledge(), DATA);
		read_sector(lba + done);
	}
	assert_false(requested());
	assert_int_equal(in(IDE_STATUS), READY);
	assert_int_equal(in(IDE_ERROR), 0);
	assert_int_equal(address_now(), lba + sectors);
	assert_int_equal(in(IDE_COUNT), 0);
}

static inline void fill(u8 *bytes, u32 seed)
{
	for (unsigned i = 0; i < IDE_SECTOR; i++)
		bytes[i] = (seed = seed * 1664525 + 1013904223) >> 24;
}

static inline void put_sector(u32 seed)
{
	u8 bytes[IDE_SECTOR];

	fill(bytes, seed);
	for (unsigned i = 0; i < IDE_SECTOR; i += 4) {
		u32 value;

		memcpy(&value, &bytes[i], 4);
		ide_write(&ide, IDE_DATA, 4, value);
	}
}

static inline void write_sectors(u8 code, u32 lba, unsigned sectors, unsigned block)
{
	command(code, lba, sectors);
	assert_false(requested()); /* the first block is not asked for */
	for (unsigned done = 0; done < sectors; done++) {
		if (done && done % block == 0)
			assert_int_equal(acknowledge(), DATA);
		assert_int_equal(in(IDE_CONTROL), DATA);
		put_sector(lba + done);
	}
	assert_int_equal(acknowledge(), READY);
}

static inline u16 *identify(void)
{
	static u16 word[256];

	out(IDE_DEVICE, 0xa0);
	out(IDE_STATUS, 0xec);
	assert_int_equal(acknowledge(), DATA);
	for (unsigned i = 0; i < 256; i++)
		word[i] = ide_read(&ide, IDE_DATA, 2);
	assert_int_equal(in(IDE_STATUS), READY);
	return word;
}

static inline int set_up(void **state)
{
	pic_init(&pic);
	ide_init(&ide, &pic, &disk);
	for (u32 n = 0; n < SECTORS; n++)
		fill(medium[n], n + 7);
	bad_read = bad_write = NOWHERE;
	bad_flush = false;
	flushes = 0;
	return 0;
}

#define ide_test(f) cmocka_unit_test_setup(f, set_up)
