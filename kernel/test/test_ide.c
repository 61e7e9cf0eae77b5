/*
 * The IDE channel: the protocol of each kind of command, addresses, errors, reset, the interrupt; over
 * a disk of a few sectors that can be made to fail.
 */
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

static bool disk_read(void *owner, u32 sector, void *buffer)
{
	assert_ptr_equal(owner, medium);
	assert_true(sector < SECTORS);
	memcpy(buffer, medium[sector], IDE_SECTOR);
	return sector != bad_read;
}

static bool disk_write(void *owner, u32 sector, const void *buffer)
{
	assert_true(sector < SECTORS);
	if (sector == bad_write)
		return false;
	memcpy(medium[sector], buffer, IDE_SECTOR);
	return true;
}

static bool disk_flush(void *owner)
{
	flushes++;
	return !bad_flush;
}

static const struct ide_disk disk = {medium, SECTORS, disk_read, disk_write, disk_flush};

static u8 in(u16 port)
{
	return ide_read(&ide, port, 1);
}

static void out(u16 port, u8 value)
{
	ide_write(&ide, port, 1, value);
}

static bool requested(void)
{
	return pic.chip[1].lines & 1 << (IRQ_DISK - 8);
}

static void address(u32 lba, u8 count)
{
	out(IDE_COUNT, count);
	out(IDE_SECTOR_NUMBER, lba);
	out(IDE_CYLINDER_LOW, lba >> 8);
	out(IDE_CYLINDER_HIGH, lba >> 16);
	out(IDE_DEVICE, 0xe0 | lba >> 24);
}

static u32 address_now(void)
{
	return in(IDE_SECTOR_NUMBER) | in(IDE_CYLINDER_LOW) << 8 | in(IDE_CYLINDER_HIGH) << 16 |
	       (in(IDE_DEVICE)&0xf) << 24;
}

/* Status, once: the request must have been there, and be gone. */
static u8 acknowledge(void)
{
	u8 status;

	assert_true(requested());
	status = in(IDE_STATUS);
	assert_false(requested());
	return status;
}

static void command(u8 code, u32 lba, u8 count)
{
	address(lba, count);
	out(IDE_STATUS, code);
}

static void expect_failure(u8 error, u32 lba)
{
	assert_int_equal(acknowledge(), FAILED);
	assert_int_equal(in(IDE_ERROR), error);
	assert_int_equal(address_now(), lba);
}

/* Reads sectors as a driver does, an interrupt a block, and compares them with the medium. */
static void read_and_compare(u8 code, u32 lba, unsigned sectors, unsigned block)
{
	command(code, lba, sectors);
	for (unsigned done = 0; done < sectors; done++) {
		if (done % block == 0)
			assert_int_equal(acknowledge(), DATA);
		for (unsigned i = 0; i < IDE_SECTOR; i += 2) {
			u16 word = ide_read(&ide, IDE_DATA, 2);

			assert_memory_equal(&word, &medium[lba + done][i], 2);
		}
	}
	assert_false(requested());
	assert_int_equal(in(IDE_STATUS), READY);
	assert_int_equal(in(IDE_ERROR), 0);
	assert_int_equal(address_now(), lba + sectors);
	assert_int_equal(in(IDE_COUNT), 0);
}

static void fill(u8 *bytes, u32 seed)
{
	for (unsigned i = 0; i < IDE_SECTOR; i++)
		bytes[i] = (seed = seed * 1664525 + 1013904223) >> 24;
}

static void put_sector(u32 seed)
{
	u8 bytes[IDE_SECTOR];

	fill(bytes, seed);
	for (unsigned i = 0; i < IDE_SECTOR; i += 4) {
		u32 value;

		memcpy(&value, &bytes[i], 4);
		ide_write(&ide, IDE_DATA, 4, value);
	}
}

static void write_sectors(u8 code, u32 lba, unsigned sectors, unsigned block)
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

static u16 *identify(void)
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

static int set_up(void **state)
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

static void reads_sector_by_sector(void **state)
{
	assert_int_equal(in(IDE_STATUS), READY);
	assert_int_equal(in(IDE_ERROR), 1);
	read_and_compare(0x20, 0, 1, 1);
	read_and_compare(0x21, 4990, 10, 1);
}

static void reads_blocks(void **state)
{
	read_and_compare(0xc4, 100, 16, 16);
	read_and_compare(0xc4, 100, 37, 16); /* the last block is short */
	out(IDE_COUNT, 4);
	out(IDE_STATUS, 0xc6);
	assert_int_equal(acknowledge(), READY);
	read_and_compare(0xc4, 100, 9, 4);
}

static void a_count_of_0_is_256(void **state)
{
	command(0x20, 0, 0);
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(acknowledge(), DATA);
		for (unsigned w = 0; w < 128; w++)
			ide_read(&ide, IDE_DATA, 4);
	}
	assert_int_equal(in(IDE_STATUS), READY);
	assert_int_equal(address_now(), 256);
}

static void writes(void **state)
{
	u8 expected[IDE_SECTOR];

	write_sectors(0x30, 10, 3, 1);
	write_sectors(0xc5, 20, 18, 16);
	for (u32 n = 10; n < 38; n++) {
		fill(expected, n < 13 || n >= 20 ? n : n + 7);
		assert_memory_equal(medium[n], expected, IDE_SECTOR);
	}
	assert_int_equal(flushes, 0);
}

/* Cylinder, head, sector as the guest has said they are to be counted. */
static void addresses_by_cylinder(void **state)
{
	u32 lba = (3 * 4 + 2) * 17 + 17 - 1;

	out(IDE_COUNT, 17);
	out(IDE_DEVICE, 0xa3); /* 4 heads */
	out(IDE_STATUS, 0x91);
	assert_int_equal(acknowledge(), READY);
	assert_int_equal(identify()[54], SECTORS / (4 * 17));
	assert_int_equal(identify()[55] << 8 | identify()[56], 4 << 8 | 17);
	out(IDE_COUNT, 20); /* over the ends of a track and of a cylinder */
	out(IDE_SECTOR_NUMBER, 17);
	out(IDE_CYLINDER_LOW, 3);
	out(IDE_CYLINDER_HIGH, 0);
	out(IDE_DEVICE, 0xa2);
	out(IDE_STATUS, 0x20);
	for (unsigned n = 0; n < 20; n++) {
		assert_int_equal(acknowledge(), DATA);
		for (unsigned i = 0; i < IDE_SECTOR; i += 2) {
			u16 word = ide_read(&ide, IDE_DATA, 2);

			assert_memory_equal(&word, &medium[lba + n][i], 2);
		}
	}
	assert_int_equal(in(IDE_SECTOR_NUMBER), 3);
	assert_int_equal(in(IDE_CYLINDER_LOW), 4);
	assert_int_equal(in(IDE_DEVICE), 0xa0);
}

static void no_such_sector(void **state)
{
	command(0x20, SECTORS, 1);
	expect_failure(IDE_ERROR_IDNF, SECTORS);
	command(0x20, 0xfffffff, 1);
	expect_failure(IDE_ERROR_IDNF, 0xfffffff);
	command(0x40, SECTORS - 2, 3); /* found out at the third */
	expect_failure(IDE_ERROR_IDNF, SECTORS);
	command(0x70, SECTORS, 1);
	expect_failure(IDE_ERROR_IDNF, SECTORS);
	command(0x30, SECTORS, 1);
	put_sector(1);
	expect_failure(IDE_ERROR_IDNF, SECTORS);

	out(IDE_SECTOR_NUMBER, 0); /* of a cylinder: they count from 1 */
	out(IDE_CYLINDER_LOW, 0);
	out(IDE_CYLINDER_HIGH, 0);
	out(IDE_DEVICE, 0xa0);
	out(IDE_STATUS, 0x20);
	expect_failure(IDE_ERROR_IDNF, 0);
	out(IDE_SECTOR_NUMBER, 64);
	out(IDE_STATUS, 0x20);
	expect_failure(IDE_ERROR_IDNF, 64);
}

static void bad_sectors(void **state)
{
	bad_read = 105;
	command(0xc4, 100, 32);
	expect_failure(IDE_ERROR_UNC, 105);
	command(0x40, 100, 32);
	expect_failure(IDE_ERROR_UNC, 105);
	read_and_compare(0x20, 100, 5, 1); /* the disk lives on */

	bad_write = 203;
	command(0x30, 202, 4);
	put_sector(1);
	assert_int_equal(acknowledge(), DATA);
	put_sector(2);
	expect_failure(IDE_ERROR_ABRT, 203);
	put_sector(3); /* nobody listens any more */
	assert_int_equal(in(IDE_STATUS), FAILED);

	bad_flush = true;
	out(IDE_STATUS, 0xe7);
	assert_int_equal(acknowledge(), FAILED);
	assert_int_equal(in(IDE_ERROR), IDE_ERROR_ABRT);
	bad_flush = false;
	out(IDE_STATUS, 0xe7);
	assert_int_equal(acknowledge(), READY);
}

static void without_a_write_cache_each_write_is_flushed(void **state)
{
	out(IDE_ERROR, 0x82);
	out(IDE_STATUS, 0xef);
	assert_int_equal(acknowledge(), READY);
	assert_int_equal(identify()[85] & 0x20, 0);
	flushes = 0;
	write_sectors(0x30, 1, 2, 1);
	assert_int_equal(flushes, 1);
	bad_flush = true;
	command(0x30, 1, 1);
	put_sector(1);
	assert_int_equal(acknowledge(), FAILED);
	out(IDE_ERROR, 0x02);
	out(IDE_STATUS, 0xef);
	assert_int_equal(acknowledge(), READY);
	assert_int_equal(identify()[85] & 0x20, 0x20);
}

static void identifies_itself(void **state)
{
	u16 *word = identify();

	assert_int_equal(word[0] & 0x8000, 0);
	assert_int_equal(word[60] | word[61] << 16, SECTORS);
	assert_int_equal(word[1] * word[3] * word[6], SECTORS / (16 * 63) * 16 * 63);
	assert_int_equal(word[57] | word[58] << 16, word[1] * word[3] * word[6]);
	assert_int_equal(word[47], 0x8010);
	assert_int_equal(word[59], 0x0110);
	assert_int_equal(word[27], 'C' << 8 | 'a');
	assert_int_equal(word[46], ' ' << 8 | ' ');
	assert_int_equal(word[63], 0); /* no DMA */
	assert_int_equal(word[83] & 0xd000, 0x5000);
}

static void small_disks_have_a_geometry(void **state)
{
	static const u32 sizes[] = {1, 2, 62, 63, 64, 1007, 1008, 20000000, IDE_LBA_MAX};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct ide_disk d = disk;
		u64 all;

		d.sectors = sizes[i];
		ide_init(&ide, &pic, &d);
		all = (u64)ide.standard.cylinders * ide.standard.heads * ide.standard.sectors;
		assert_true(all >= 1 && all <= sizes[i]);
		assert_true(all > sizes[i] / 2 || ide.standard.cylinders == 16383);
	}
}

static void refuses(void **state)
{
	static const u8 codes[] = {0x00, 0x08, 0x24, 0xa1, 0xc8, 0xca, 0xea, 0xf8, 0xff};

	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
		command(codes[i], 0, 1);
		expect_failure(IDE_ERROR_ABRT, 0);
	}
	out(IDE_ERROR, 0x03);
	for (unsigned mode = 0; mode < 256; mode++) { /* PIO 0 to 4, and the default */
		out(IDE_COUNT, mode);
		out(IDE_STATUS, 0xef);
		assert_int_equal(
			acknowledge(), mode < 2 || (mode >= 8 && mode <= 12) ? READY : FAILED);
	}
	out(IDE_COUNT, 0);
	out(IDE_STATUS, 0x91);
	expect_failure(IDE_ERROR_ABRT, 0);
}

static void multiple_can_be_off(void **state)
{
	static const u8 bad[] = {3, 17, 32, 255};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		command(0xc6, 0, bad[i]);
		expect_failure(IDE_ERROR_ABRT, 0);
		assert_int_equal(identify()[59], 0);
	}
	command(0xc4, 0, 1);
	expect_failure(IDE_ERROR_ABRT, 0);
	command(0xc5, 0, 1);
	expect_failure(IDE_ERROR_ABRT, 0);
	command(0xc6, 0, 1);
	assert_int_equal(acknowledge(), READY);
	read_and_compare(0xc4, 0, 3, 1);
}

static u8 power(void)
{
	out(IDE_STATUS, 0xe5);
	assert_int_equal(acknowledge(), READY);
	return in(IDE_COUNT);
}

static void sleeps_and_wakes(void **state)
{
	assert_int_equal(power(), 0xff);
	out(IDE_STATUS, 0xe0);
	assert_int_equal(acknowledge(), READY);
	assert_int_equal(power(), 0x00);
	read_and_compare(0x20, 5, 1, 1);
	assert_int_equal(power(), 0xff);
	out(IDE_STATUS, 0xe6);
	assert_int_equal(acknowledge(), READY);
	out(IDE_STATUS, 0xe5);
	assert_false(requested()); /* fast asleep */
	out(IDE_CONTROL, SRST);
	out(IDE_CONTROL, 0);
	assert_int_equal(power(), 0xff);
}

static void resets(void **state)
{
	command(0x20, 0x123, 9);
	assert_true(requested());
	out(IDE_CONTROL, SRST);
	assert_false(requested());
	assert_int_equal(in(IDE_CONTROL), IDE_STATUS_BSY);
	out(IDE_STATUS, 0xec); /* not now */
	assert_int_equal(in(IDE_STATUS), IDE_STATUS_BSY);
	out(IDE_CONTROL, 0);
	assert_false(requested());
	assert_int_equal(in(IDE_STATUS), READY);
	assert_int_equal(in(IDE_ERROR), 1);
	assert_int_equal(in(IDE_COUNT), 1);
	assert_int_equal(address_now(), 1);
	assert_int_equal(identify()[59], 0x0110); /* settings stay */
	read_and_compare(0x20, 0x123, 2, 1);
}

static void diagnoses_itself(void **state)
{
	out(IDE_DEVICE, 0xb0); /* whichever device is selected */
	out(IDE_STATUS, 0x90);
	assert_int_equal(acknowledge(), READY);
	assert_int_equal(in(IDE_ERROR), 1);
	assert_int_equal(address_now(), 1);
}

static void there_is_no_device_1(void **state)
{
	out(IDE_COUNT, 0x12);
	out(IDE_DEVICE, 0xb0);
	assert_int_equal(in(IDE_STATUS), 0);
	assert_int_equal(in(IDE_CONTROL), 0);
	assert_int_equal(in(IDE_COUNT), 0x12);
	out(IDE_STATUS, 0xec);
	assert_false(requested());
	out(IDE_DEVICE, 0xa0);
	assert_int_equal(in(IDE_STATUS), READY);
}

static void interrupts_only_when_let(void **state)
{
	out(IDE_CONTROL, NIEN);
	command(0x40, 0, 1);
	assert_false(requested());
	out(IDE_CONTROL, 0); /* it was only kept back */
	assert_true(requested());
	out(IDE_DEVICE, 0xf0); /* who is not selected does not drive the line */
	assert_false(requested());
	in(IDE_STATUS);
	out(IDE_DEVICE, 0xe0);
	assert_true(requested());
	in(IDE_CONTROL); /* the alternate status tells nobody */
	assert_true(requested());
	in(IDE_STATUS);
	assert_false(requested());
}

/* While a block waits, the registers are the disk's, and the wrong direction moves nothing. */
static void keeps_to_the_protocol(void **state)
{
	assert_int_equal(ide_read(&ide, IDE_DATA, 2), 0); /* nothing to read */
	command(0x20, 1, 2);
	out(IDE_COUNT, 77);
	out(IDE_STATUS, 0xec);
	assert_int_equal(in(IDE_COUNT), 1);
	ide_write(&ide, IDE_DATA, 2, 0xdead);
	ide_write(&ide, IDE_DATA, 4, 0xdeadbeef);
	for (unsigned i = 0; i < IDE_SECTOR; i += 2) {
		u16 word = ide_read(&ide, IDE_DATA, 2);

		assert_memory_equal(&word, &medium[1][i], 2);
	}
	assert_int_equal(ide_read(&ide, IDE_COUNT, 4), in(IDE_COUNT) | 3 << 8);
	ide_write(&ide, IDE_COUNT, 2, 0x1234);
	assert_int_equal(in(IDE_SECTOR_NUMBER), 3); /* DRQ again */
}

/* A doubleword where only a word is left moves nothing. */
static void does_not_go_beyond_the_block(void **state)
{
	command(0xc4, 0, 16);
	ide_read(&ide, IDE_DATA, 2);
	for (unsigned i = 0; i < 16 * IDE_SECTOR / 4 - 1; i++)
		ide_read(&ide, IDE_DATA, 4);
	assert_int_equal(ide_read(&ide, IDE_DATA, 4), 0);
	assert_int_equal(in(IDE_STATUS), DATA);
	assert_int_equal(ide_read(&ide, IDE_DATA, 2),
		medium[15][IDE_SECTOR - 2] | medium[15][IDE_SECTOR - 1] << 8);
	assert_int_equal(in(IDE_STATUS), READY);
}

static void without_a_disk_nothing_answers(void **state)
{
	ide_init(&ide, &pic, NULL);
	out(IDE_COUNT, 1);
	out(IDE_STATUS, 0xec);
	assert_int_equal(in(IDE_STATUS), 0xff);
	assert_int_equal(ide_read(&ide, IDE_DATA, 2), 0xffff);
	assert_int_equal(ide_read(&ide, IDE_DATA, 4), 0xffffffff);
	assert_false(requested());
}

/* Whatever a guest writes where, the disk answers and stays within its buffer (ASan looks on). */
static void survives_anything(void **state)
{
	u32 seed = 1;

	for (unsigned n = 0; n < 2000000; n++) {
		u16 port = IDE_DATA + (seed >> 8 & 7);
		unsigned size = 1 << (seed >> 12) % 3;

		if (seed >> 20 & 7 && ide.status & IDE_STATUS_DRQ)
			port = IDE_DATA; /* or no block would ever be through */
		if ((seed >> 8 & 0xffff) == 0)
			port = IDE_CONTROL;
		if (seed >> 31)
			ide_write(&ide, port, size, seed >> 5);
		else
			ide_read(&ide, port, size);
		if (n % 7 == 0 && !(ide.status & IDE_STATUS_DRQ))
			command(seed >> 24 & 1 ? 0xc4 : 0xc5, seed >> 19, seed >> 11);
		seed = seed * 1664525 + 1013904223;
		assert_true(ide.at <= ide.end && ide.end <= sizeof ide.buffer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_sector_by_sector, set_up),
		cmocka_unit_test_setup(reads_blocks, set_up),
		cmocka_unit_test_setup(a_count_of_0_is_256, set_up),
		cmocka_unit_test_setup(writes, set_up),
		cmocka_unit_test_setup(addresses_by_cylinder, set_up),
		cmocka_unit_test_setup(no_such_sector, set_up),
		cmocka_unit_test_setup(bad_sectors, set_up),
		cmocka_unit_test_setup(without_a_write_cache_each_write_is_flushed, set_up),
		cmocka_unit_test_setup(identifies_itself, set_up),
		cmocka_unit_test_setup(small_disks_have_a_geometry, set_up),
		cmocka_unit_test_setup(refuses, set_up),
		cmocka_unit_test_setup(multiple_can_be_off, set_up),
		cmocka_unit_test_setup(sleeps_and_wakes, set_up),
		cmocka_unit_test_setup(resets, set_up),
		cmocka_unit_test_setup(diagnoses_itself, set_up),
		cmocka_unit_test_setup(there_is_no_device_1, set_up),
		cmocka_unit_test_setup(interrupts_only_when_let, set_up),
		cmocka_unit_test_setup(keeps_to_the_protocol, set_up),
		cmocka_unit_test_setup(does_not_go_beyond_the_block, set_up),
		cmocka_unit_test_setup(without_a_disk_nothing_answers, set_up),
		cmocka_unit_test_setup(survives_anything, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
