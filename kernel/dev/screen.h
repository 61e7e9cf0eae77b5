/*
 * The text screen of a colour adapter: 32 KiB of memory at 0xb8000, and the cursor's registers.
 * Nothing shows it; a guest that writes there finds what it wrote.
 *
 *   0xb8000 + 2 * (row * 80 + column):  character, attribute
 *   port 0x3d4: index, port 0x3d5: that register of the CRT controller (14, 15: cursor position)
 */
#pragma once

#include "base/types.h"

#define SCREEN_BASE      0x000b8000u
#define SCREEN_BYTES     (32 * KIB)
#define SCREEN_REGISTERS 25u

struct screen {
	u8 memory[SCREEN_BYTES];
	u8 index;
	u8 crtc[SCREEN_REGISTERS];
};

/* Blank, cursor at the top left. */
void screen_init(struct screen *);
/* `offset` from SCREEN_BASE; `size` bytes that lie inside. */
u32 screen_read(const struct screen *, u32 offset, unsigned size);
void screen_write(struct screen *, u32 offset, unsigned size, u32 value);
/* Ports 0x3d4 and 0x3d5. */
u8 screen_read_crtc(const struct screen *, u16 port);
void screen_write_crtc(struct screen *, u16 port, u8 value);
