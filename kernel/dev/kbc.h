/*
 * The 8042 keyboard controller with a keyboard that nobody types on, and no mouse: enough to be
 * probed, and the usual way to reset a PC. Source: IBM PS/2 technical reference, "Keyboard and
 * Auxiliary Device Controller".
 *
 *   port 0x60   read: the output buffer   write: to the keyboard, or a command's argument
 *   port 0x64   read: status              write: a command to the controller
 */
#pragma once

#include "dev/control.h"
#include "dev/pic.h"

#define KBC_QUEUE 16u

struct kbc {
	struct pic *pic; /* IRQ 1 */
	struct control *control;
	u8 command_byte; /* read by command 0x20, written by 0x60 */
	u8 argument_of;  /* the controller command that waits for its argument, or 0 */
	u8 keyboard_argument_of;
	bool last_was_command;

	u8 output[KBC_QUEUE]; /* answers that wait to be read: the first is in the output buffer */
	u8 count;
};

void kbc_init(struct kbc *, struct pic *, struct control *);
/* Ports 0x60 and 0x64. */
u8 kbc_read(struct kbc *, u16 port);
void kbc_write(struct kbc *, u16 port, u8 value);
