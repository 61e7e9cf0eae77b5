/* The IDE channel where something is wrong: sectors, commands, the disk, or the guest. */
#include "test/ide_channel.h"

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
		ide_test(no_such_sector),
		ide_test(bad_sectors),
		ide_test(without_a_write_cache_each_write_is_flushed),
		ide_test(refuses),
		ide_test(multiple_can_be_off),
		ide_test(there_is_no_device_1),
		ide_test(without_a_disk_nothing_answers),
		ide_test(survives_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
