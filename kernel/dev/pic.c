/*
 * What an 8259A does with requests. In each of its two chips:
 *
 *   lines --edge or level--> IRR --not masked, above what is in service--> INT
 *                             |                                             |
 *                             +------- acknowledge: bit moves to ISR <------+
 *                                      end of interrupt: bit leaves ISR
 */
#include "dev/pic.h"

#define MASTER   0
#define SLAVE    1
#define SPURIOUS 7u /* the input whose vector is given when no request is left */

static unsigned bit(unsigned n)
{
	return 1u << n;
}

/* The input of `set` that comes first in the ring of priorities, or -1 if `set` is empty. */
static int first_of(const struct pic_chip *chip, unsigned set)
{
	unsigned ring = set << 8 | set; /* twice round, so that it can be read from any input on */

	return set ? (chip->top + __builtin_ctz(ring >> chip->top)) & 7 : -1;
}

/* An input's place in the ring: 0 is the highest priority. */
static unsigned rank(const struct pic_chip *chip, int input)
{
	return input < 0 ? 8 : (input - chip->top) & 7;
}

int pic_chip_in_service(const struct pic_chip *chip)
{
	/*
	 * In special mask mode, masking an input in service takes it off the others (DS "Special
	 * Mask Mode").
	 */
	return first_of(chip, chip->special_mask ? chip->isr & ~chip->imr : chip->isr);
}

int pic_chip_winner(const struct pic_chip *chip)
{
	int request = first_of(chip, chip->irr & ~chip->imr), service;

	if (request < 0)
		return -1;
	service = pic_chip_in_service(chip);
	if (rank(chip, request) < rank(chip, service))
		return request;
	/*
	 * The second chip may have found a more urgent request while an earlier one of its own is
	 * in service (DS "The Special Fully Nested Mode").
	 */
	if (chip->special_nest && request == IRQ_CASCADE && service == IRQ_CASCADE)
		return request;
	return -1;
}

static void chip_set_line(struct pic_chip *chip, unsigned input, bool high)
{
	if (!high) {
		/*
		 * A request must stay until it is acknowledged; if it does not, it is gone (DS "The
		 * Interrupt Sequence", figure 9).
		 */
		chip->lines &= ~bit(input);
		chip->irr &= ~bit(input);
	} else if (chip->level || !(chip->lines & bit(input))) {
		chip->lines |= bit(input);
		chip->irr |= bit(input);
	}
}

void pic_cascade(struct pic *pic)
{
	chip_set_line(&pic->chip[MASTER], IRQ_CASCADE, pic_chip_winner(&pic->chip[SLAVE]) >= 0);
}

void pic_move_line(struct pic *pic, unsigned irq, bool high)
{
	chip_set_line(&pic->chip[irq >> 3], irq & 7, high);
	pic_cascade(pic);
}

unsigned pic_chip_acknowledge(struct pic_chip *chip)
{
	int input = pic_chip_winner(chip);

	if (input < 0)
		return SPURIOUS;
	chip->isr |= bit(input);
	if (!chip->level)
		chip->irr &= ~bit(input);
	if (chip->auto_eoi)
		pic_chip_end(chip, input, chip->auto_rotate);
	return input;
}

u8 pic_acknowledge(struct pic *pic)
{
	struct pic_chip *master = &pic->chip[MASTER], *slave = &pic->chip[SLAVE];
	bool cascaded = pic_chip_winner(master) == IRQ_CASCADE;
	unsigned input = pic_chip_acknowledge(master);

	if (!cascaded)
		return master->base + input;
	input = pic_chip_acknowledge(slave);
	/* The second chip's INT falls with its acknowledge; with more to ask it rises again. */
	chip_set_line(master, IRQ_CASCADE, false);
	pic_cascade(pic);
	return slave->base + input;
}

void pic_chip_end(struct pic_chip *chip, unsigned input, bool rotate)
{
	chip->isr &= ~bit(input);
	if (rotate)
		chip->top = (input + 1) & 7;
}
