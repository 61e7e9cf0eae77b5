/* The 8042 and the keyboard behind it: each command and its answer. */
#include "dev/kbc.h"

/* Status, port 0x64. */
#define STATUS_OUTPUT  0x01u /* an answer waits in port 0x60 */
#define STATUS_SYSTEM  0x04u
#define STATUS_COMMAND 0x08u /* the last write was to port 0x64 */
#define STATUS_NO_LOCK 0x10u

/* The command byte. */
#define BYTE_INTERRUPT 0x01u /* IRQ 1 while an answer waits */
#define BYTE_SYSTEM    0x04u /* shown in the status: the self-test has passed */
#define BYTE_DISABLE   0x10u /* the keyboard's clock is held */
#define BYTE_NO_MOUSE  0x20u
#define BYTE_TRANSLATE 0x40u

/* The output port. */
#define PORT_NO_RESET 0x01u
#define PORT_A20      0x02u
#define PORT_OUTPUT   0x10u
#define PORT_IDLE     0xccu /* the clock and data lines of keyboard and mouse are high */

#define KEYBOARD_ACK    0xfa
#define KEYBOARD_RESEND 0xfe

/* An edge of the PIC needs a fall first: each byte in the output buffer is a request of its own. */
static void update_line(struct kbc *kbc)
{
	pic_set_line(kbc->pic, IRQ_KEYBOARD, false);
	pic_set_line(kbc->pic, IRQ_KEYBOARD, kbc->count && kbc->command_byte & BYTE_INTERRUPT);
}

static void answer(struct kbc *kbc, u8 byte)
{
	if (kbc->count == KBC_QUEUE)
		return; /* nobody reads: the keyboard's own buffer overflows as quietly */
	kbc->output[kbc->count++] = byte;
	if (kbc->count == 1)
		update_line(kbc);
}

static u8 read_data(struct kbc *kbc)
{
	u8 byte = kbc->output[0]; /* an empty buffer still holds what it held last */

	if (kbc->count == 0)
		return byte;
	kbc->count--;
	for (unsigned i = 0; i < kbc->count; i++)
		kbc->output[i] = kbc->output[i + 1];
	update_line(kbc);
	return byte;
}

static u8 output_port(const struct kbc *kbc)
{
	return PORT_IDLE | PORT_NO_RESET | (kbc->control->a20 ? PORT_A20 : 0) |
	       (kbc->count ? PORT_OUTPUT : 0);
}

static void write_output_port(struct kbc *kbc, u8 value)
{
	kbc->control->a20 = value & PORT_A20;
	if (!(value & PORT_NO_RESET))
		control_reset(kbc->control, "reset by the keyboard controller's output port");
}

static void write_command_byte(struct kbc *kbc, u8 value)
{
	kbc->command_byte = value;
	update_line(kbc);
}

/* What the keyboard says to a byte sent to it. */
static void keyboard(struct kbc *kbc, u8 byte)
{
	switch (byte) {
	case 0xee: /* echo */
		answer(kbc, 0xee);
		break;
	case 0xed: /* lights */
	case 0xf0: /* scan code set */
	case 0xf3: /* typematic rate */
		answer(kbc, KEYBOARD_ACK);
		kbc->keyboard_argument_of = byte;
		break;
	case 0xf2: /* identify: an MF2 keyboard; a translating controller shows 0x83 as 0x41 */
		answer(kbc, KEYBOARD_ACK);
		answer(kbc, 0xab);
		answer(kbc, kbc->command_byte & BYTE_TRANSLATE ? 0x41 : 0x83);
		break;
	case 0xf4: /* enable, disable, defaults: nobody types */
	case 0xf5:
	case 0xf6:
		answer(kbc, KEYBOARD_ACK);
		break;
	case 0xff: /* reset and self-test */
		answer(kbc, KEYBOARD_ACK);
		answer(kbc, 0xaa);
		break;
	default:
		answer(kbc, KEYBOARD_RESEND);
	}
}

/* The second byte of a keyboard command. Scan code set 0 asks for the set in force: 2. */
static void keyboard_argument(struct kbc *kbc, u8 byte)
{
	bool asks = kbc->keyboard_argument_of == 0xf0 && byte == 0;

	kbc->keyboard_argument_of = 0;
	answer(kbc, KEYBOARD_ACK);
	if (asks)
		answer(kbc, 2);
}

static void command(struct kbc *kbc, u8 byte)
{
	switch (byte) {
	case 0x20:
		answer(kbc, kbc->command_byte);
		break;
	case 0x60: /* command byte */
	case 0xd1: /* output port */
	case 0xd2: /* put a byte into the output buffer */
	case 0xd3: /* the same, as if from the mouse */
	case 0xd4: /* send a byte to the mouse */
		kbc->argument_of = byte;
		break;
	case 0xa9: /* test of the mouse's lines: its clock is stuck low, so there is none */
		answer(kbc, 0x01);
		break;
	case 0xaa: /* self-test */
		kbc->command_byte |= BYTE_SYSTEM;
		answer(kbc, 0x55);
		break;
	case 0xab: /* test of the keyboard's lines */
		answer(kbc, 0x00);
		break;
	case 0xad:
		kbc->command_byte |= BYTE_DISABLE;
		break;
	case 0xae:
		kbc->command_byte &= ~BYTE_DISABLE;
		break;
	case 0xc0: /* input port: the keyboard is not locked */
		answer(kbc, 0x80);
		break;
	case 0xd0:
		answer(kbc, output_port(kbc));
		break;
	default: /* 0xf0 to 0xff pulse the output port's low bits; bit 0 is the CPU's reset */
		if (byte >= 0xf0 && !(byte & 1))
			control_reset(kbc->control, "reset by the keyboard controller");
	}
}

static void argument(struct kbc *kbc, u8 byte)
{
	u8 of = kbc->argument_of;

	kbc->argument_of = 0;
	switch (of) {
	case 0x60:
		write_command_byte(kbc, byte);
		break;
	case 0xd1:
		write_output_port(kbc, byte);
		break;
	case 0xd2:
	case 0xd3: /* without a mouse's flag in the status: a probe sees that no mouse port is there */
		answer(kbc, byte);
		break;
	default: /* 0xd4: there is no mouse to hear it */
		break;
	}
}

u8 kbc_read(struct kbc *kbc, u16 port)
{
	if (port == 0x60)
		return read_data(kbc);
	return (kbc->count ? STATUS_OUTPUT : 0) |
	       (kbc->command_byte & BYTE_SYSTEM ? STATUS_SYSTEM : 0) |
	       (kbc->last_was_command ? STATUS_COMMAND : 0) | STATUS_NO_LOCK;
}

void kbc_write(struct kbc *kbc, u16 port, u8 value)
{
	kbc->last_was_command = port == 0x64;
	if (port == 0x64) {
		kbc->argument_of = 0;
		command(kbc, value);
	} else if (kbc->argument_of) {
		argument(kbc, value);
	} else if (kbc->keyboard_argument_of) {
		keyboard_argument(kbc, value);
	} else {
		keyboard(kbc, value);
	}
}

void kbc_init(struct kbc *kbc, struct pic *pic, struct control *control)
{
	*kbc = (struct kbc){
		.pic = pic,
		.control = control,
		.command_byte = BYTE_INTERRUPT | BYTE_SYSTEM | BYTE_NO_MOUSE | BYTE_TRANSLATE,
	};
	update_line(kbc);
}
