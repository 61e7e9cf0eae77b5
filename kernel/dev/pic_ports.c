/*
 * The register file of the two 8259A: which write means what. Two ports a chip:
 *
 *   port 0x20, 0xa0   bit 4 set: ICW1, starts the initialisation     read: IRR or ISR, or a poll
 *                     bits 4:3 00: OCW2 (end of interrupt)  01: OCW3
 *   port 0x21, 0xa1   ICW2, ICW3, ICW4 after ICW1; else OCW1, the mask  read: the mask
 */
#include "dev/pic.h"

#define ICW1       0x10u
#define ICW1_IC4   0x01u /* an ICW4 will follow */
#define ICW1_SNGL  0x02u /* no cascade: no ICW3 will follow */
#define ICW1_LTIM  0x08u
#define ICW4_AEOI  0x02u
#define ICW4_SFNM  0x10u
#define OCW2_LEVEL 0x07u
#define OCW3       0x08u
#define OCW3_RIS   0x01u
#define OCW3_RR    0x02u
#define OCW3_POLL  0x04u
#define OCW3_SMM   0x20u
#define OCW3_ESMM  0x40u

/* The three bits R, SL, EOI of OCW2 (DS figure 8). */
enum ocw2 {
	ROTATE_AUTO_CLEAR,
	END,
	NOTHING,
	END_SPECIFIC,
	ROTATE_AUTO_SET,
	END_ROTATE,
	SET_PRIORITY,
	END_ROTATE_SPECIFIC,
};

void pic_init(struct pic *pic)
{
	*pic = (struct pic){
		.chip = {{.base = 0x08, .imr = 0xb8, .lines = 1 << IRQ_TIMER},
			{.base = 0x70, .imr = 0x8e}},
	};
}

/* DS "Initialization Command Words 1 and 2": what a to f happens besides. */
static void start_initialisation(struct pic_chip *chip, u8 icw1)
{
	*chip = (struct pic_chip){
		.lines = chip->lines,
		.base = chip->base,
		.level = icw1 & ICW1_LTIM,
		.irr = icw1 & ICW1_LTIM ? chip->lines : 0, /* edges are forgotten */
		.expect = 2,
		.expect_icw3 = !(icw1 & ICW1_SNGL),
		.expect_icw4 = icw1 & ICW1_IC4,
	};
}

/* ICW2 to ICW4, in this order, as far as ICW1 has announced them. */
static void initialise(struct pic_chip *chip, u8 value)
{
	unsigned word = chip->expect;

	if (word == 2)
		chip->base = value & 0xf8;
	if (word == 4) {
		chip->auto_eoi = value & ICW4_AEOI;
		chip->special_nest = value & ICW4_SFNM;
	}
	/* ICW3 says where the cascade is. On a PC it is soldered: input 2. */
	if (word == 2 && chip->expect_icw3)
		chip->expect = 3;
	else
		chip->expect = word < 4 && chip->expect_icw4 ? 4 : 0;
}

static void command(struct pic_chip *chip, u8 ocw2)
{
	unsigned level = ocw2 & OCW2_LEVEL;
	int service = pic_chip_in_service(chip);

	switch ((enum ocw2)(ocw2 >> 5)) {
	case ROTATE_AUTO_CLEAR:
	case ROTATE_AUTO_SET:
		chip->auto_rotate = ocw2 >> 5 == ROTATE_AUTO_SET;
		break;
	case END:
	case END_ROTATE:
		if (service >= 0)
			pic_chip_end(chip, service, ocw2 >> 5 == END_ROTATE);
		break;
	case END_SPECIFIC:
	case END_ROTATE_SPECIFIC:
		pic_chip_end(chip, level, ocw2 >> 5 == END_ROTATE_SPECIFIC);
		break;
	case SET_PRIORITY: /* `level` becomes the lowest */
		chip->top = (level + 1) & 7;
		break;
	case NOTHING:
		break;
	}
}

static void select(struct pic_chip *chip, u8 ocw3)
{
	if (ocw3 & OCW3_ESMM)
		chip->special_mask = ocw3 & OCW3_SMM;
	if (ocw3 & OCW3_RR)
		chip->read_isr = ocw3 & OCW3_RIS;
	/* A poll overrides a register read (DS "Poll Command"). */
	chip->poll = ocw3 & OCW3_POLL;
}

void pic_write(struct pic *pic, u16 port, u8 value)
{
	struct pic_chip *chip = &pic->chip[port >= 0xa0];

	if (port & 1) {
		if (chip->expect)
			initialise(chip, value);
		else
			chip->imr = value;
	} else if (value & ICW1) {
		start_initialisation(chip, value);
	} else if (value & OCW3) {
		select(chip, value);
	} else {
		command(chip, value);
	}
	pic_cascade(pic);
}

/* A poll is an acknowledge by a read: bit 7 tells whether there was a request, bits 2:0 which. */
static u8 poll(struct pic *pic, struct pic_chip *chip)
{
	u8 value = 0;

	chip->poll = false;
	if (pic_chip_winner(chip) >= 0)
		value = 0x80 | pic_chip_acknowledge(chip);
	pic_cascade(pic);
	return value;
}

u8 pic_read(struct pic *pic, u16 port)
{
	struct pic_chip *chip = &pic->chip[port >= 0xa0];

	if (chip->poll)
		return poll(pic, chip);
	if (port & 1)
		return chip->imr;
	return chip->read_isr ? chip->isr : chip->irr;
}
