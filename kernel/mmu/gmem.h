/*
 * Guest-physical memory: the one door to it. A machine's RAM is one run of host-physical frames;
 * the monitor has no direct map of it and sees a frame through `map`, for as long as one copy
 * takes. Every address is checked against the size here and nowhere else.
 *
 *    gpa 0            A0000   C0000   100000                size              4 GiB
 *    +----------------+-------+-------+---------------------+-----------------+
 *    |      RAM       | video |  ROM  |         RAM         |  nothing there  |
 *    +----------------+-------+-------+---------------------+-----------------+
 *    hpa base          (frames: unused, ones)
 */
#pragma once

#include "base/check.h"
#include "base/types.h"

/* The hole that every PC has below 1 MiB (video memory and ROM): not RAM in our guests either. */
#define GMEM_HOLE_START 0x000a0000u
#define GMEM_ROM_START  0x000c0000u
#define GMEM_HOLE_END   0x00100000u

/*
 * Who wants to hear of writes to a frame. Watched frames are never writable in the shadow tables.
 */
enum watch { WATCH_DESCRIPTORS = 1 << 0, WATCH_CODE = 1 << 1, WATCH_ROM = 1 << 2 };

#define GMEM_PINS 64u

struct gmem {
	u32 size;   /* bytes, from guest-physical 0; a multiple of PAGE_SIZE */
	hpa_t base; /* where guest-physical 0 lies */
	bool rom;   /* gmem_make_rom() has been called */

	/*
	 * A pointer to the frame, valid until the next call. hw/ gives a mapping slot, a host test
	 * an array.
	 */
	void *(*map)(struct gmem *, u32 gfn);
	/* The same for longer: valid until the next call with this number, below GMEM_PINS. */
	void *(*pin)(struct gmem *, unsigned number, u32 gfn);

	u8 *watch; /* a set of enum watch for each frame; may be NULL: nobody watches */
	/*
	 * Called after a write through this door to a watched frame, once for each; the bytes all lie
	 * in it. Perhaps not for one that changed nothing. May be NULL.
	 */
	void (*written)(struct gmem *, gpa_t address, u32 bytes, unsigned watchers);
	void *owner; /* for `map` and `written` */
};

/* Whether all of [address, address + bytes) is RAM. No range goes past 4 GiB. */
static inline bool gmem_is_ram(const struct gmem *mem, gpa_t address, u32 bytes)
{
	/* Not `address + bytes <= size`: that sum wraps for an address near 4 GiB. */
	if (address.v > mem->size || bytes > mem->size - address.v)
		return false;
	return address.v >= GMEM_HOLE_END || address.v + bytes <= GMEM_HOLE_START;
}

/*
 * Where a PC has its ROMs, kernels look for tables of a firmware's: Linux reads these 256 KiB thrice, a
 * word at a time. None are there, and an idle bus reads as ones; but each read would be an exit. So its
 * frames hold ones, and the shadow tables may map them, read-only: they are watched from here on. Needs
 * mem->watch, and `size` to be 1 MiB at least.
 */
void gmem_make_rom(struct gmem *);

/* Whether a read of it needs no device: it is RAM, or ROM. */
static inline bool gmem_is_readable(const struct gmem *mem, gpa_t address, u32 bytes)
{
	return gmem_is_ram(mem, address, bytes) ||
	       (mem->rom && address.v >= GMEM_ROM_START && address.v < GMEM_HOLE_END &&
		       bytes <= GMEM_HOLE_END - address.v);
}

/* Where a byte of RAM or ROM lies in the real machine. */
static inline hpa_t gmem_hpa(const struct gmem *mem, gpa_t address)
{
	check(gmem_is_readable(mem, address, 1));
	return hpa(mem->base.v + address.v);
}

/* Copy bytes; may cross frames. False, and nothing copied, if any byte is not RAM. */
bool gmem_read(struct gmem *, gpa_t address, void *buffer, u32 bytes);
bool gmem_write(struct gmem *, gpa_t address, const void *buffer, u32 bytes);

/*
 * A word at a multiple of 4, the fast way for page tables. What is not RAM reads as all ones, as an
 * idle bus does, and a write there is dropped.
 */
u32 gmem_read32(struct gmem *, gpa_t address);
void gmem_write32(struct gmem *, gpa_t address, u32 value);

/*
 * Adds or removes watchers of one frame; true if the set changed from or to empty. A frame that is
 * watched from now on must lose write permission in the shadow tables: shadow_protect(). False for
 * a frame past the end of RAM: there is nothing to write there.
 */
bool gmem_watch(struct gmem *, u32 gfn, unsigned watchers);
bool gmem_unwatch(struct gmem *, u32 gfn, unsigned watchers);

/* Who watches a frame: a set of enum watch. */
static inline unsigned gmem_watchers(const struct gmem *mem, u32 gfn)
{
	return mem->watch && gfn < mem->size >> PAGE_SHIFT ? mem->watch[gfn] : 0;
}
