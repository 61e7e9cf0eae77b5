/*
 * The IDE channel's protocol: sectors read and written, how they are addressed, what the disk says of
 * itself, power, reset and the interrupt.
 */
#include "test/ide_channel.h"

/* --- sectors ---------------------------------------------------------------------------------- */

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
		read_sector(lba + n);
	}
	assert_int_equal(in(IDE_SECTOR_NUMBER), 3);
	assert_int_equal(in(IDE_CYLINDER_LOW), 4);
	assert_int_equal(in(IDE_DEVICE), 0xa0);
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
	read_sector(1);
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

/* --- what the disk says of itself ------------------------------------------------------------- */

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

/* --- power, reset, interrupt ------------------------------------------------------------------ */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ide_test(reads_sector_by_sector),
		ide_test(reads_blocks),
		ide_test(a_count_of_0_is_256),
		ide_test(writes),
		ide_test(addresses_by_cylinder),
		ide_test(keeps_to_the_protocol),
		ide_test(does_not_go_beyond_the_block),
		ide_test(identifies_itself),
		ide_test(small_disks_have_a_geometry),
		ide_test(sleeps_and_wakes),
		ide_test(resets),
		ide_test(diagnoses_itself),
		ide_test(interrupts_only_when_let),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
