/*
 * The text screen's memory and cursor registers. The memory is plain: the adapter would draw it, and
 * here nobody looks. Words are in memory order, little-endian on guest and monitor alike.
 */
#include "dev/screen.h"

#include "base/string.h"

void screen_init(struct screen *screen)
{
	memset(screen, 0, sizeof(*screen));
	for (unsigned i = 0; i < SCREEN_BYTES; i += 2) {
		screen->memory[i] = ' ';
		screen->memory[i + 1] = 0x07; /* grey on black */
	}
}

u32 screen_read(const struct screen *screen, u32 offset, unsigned size)
{
	u32 value = 0;

	memcpy(&value, screen->memory + offset, size);
	return value;
}

void screen_write(struct screen *screen, u32 offset, unsigned size, u32 value)
{
	memcpy(screen->memory + offset, &value, size);
}

u8 screen_read_crtc(const struct screen *screen, u16 port)
{
	if (!(port & 1))
		return screen->index;
	return screen->index < SCREEN_REGISTERS ? screen->crtc[screen->index] : 0xff;
}

void screen_write_crtc(struct screen *screen, u16 port, u8 value)
{
	if (!(port & 1))
		screen->index = value;
	else if (screen->index < SCREEN_REGISTERS)
		screen->crtc[screen->index] = value;
}
