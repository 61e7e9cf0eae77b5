/*
 * One real serial port for the output of all machines, line by line, each with its name in front;
 * and one keyboard, which a key moves from machine to machine.
 */
#pragma once

#include "base/types.h"

struct vm;

/* What a machine has sent since its last line break. */
struct console_line {
	char text[128];
	unsigned length;
	unsigned shown; /* how much of it stands on the terminal's last line */
};

struct console_options {
	bool color;   /* names in colours */
	bool quiet;   /* no lines of the monitor's own but reports */
	bool trace;   /* one line an exit, to the real debug port 0xe9 */
	char raw[16]; /* the machine whose port is COM2, as it is; empty: none */
};

extern struct console_options console_options;

/* A byte that the machine sends. A line is shown when it is complete. */
void console_transmit(struct vm *, u8 byte);
/* Shows what there is of an unfinished line: the machine waits, or has ended. */
void console_flush(struct vm *);

/* A line of the monitor's own, `cave: ` in front. console_log() is silent under log=quiet. */
PRINTF_LIKE(1, 2) void console_say(const char *format, ...);
PRINTF_LIKE(1, 2) void console_log(const char *format, ...);

/* Takes what was typed to the machine that has the keyboard; Ctrl-T moves it to the next one. */
void console_input(void);
/* Gives the keyboard to the first machine that lives; or on, when its machine has ended. */
void console_focus(void);
