/* Copies to and from guest-physical memory, and those who hear of it. */
#include "mmu/gmem.h"

#include "base/check.h"
#include "base/string.h"

static void tell_watchers(struct gmem *mem, u32 address, u32 bytes)
{
	unsigned watchers = gmem_watchers(mem, address >> PAGE_SHIFT);

	if (watchers && mem->written)
		mem->written(mem, gpa(address), bytes, watchers);
}

/* How many of `bytes` lie in the frame of `address`: a mapping never reaches further. */
static u32 within_frame(u32 address, u32 bytes)
{
	return MIN(bytes, PAGE_SIZE - (address & PAGE_MASK));
}

static u8 *pointer(struct gmem *mem, u32 address)
{
	return (u8 *)mem->map(mem, address >> PAGE_SHIFT) + (address & PAGE_MASK);
}

void gmem_make_rom(struct gmem *mem)
{
	for (u32 gfn = GMEM_ROM_START >> PAGE_SHIFT; gfn < GMEM_HOLE_END >> PAGE_SHIFT; gfn++) {
		memset(mem->map(mem, gfn), 0xff, PAGE_SIZE);
		mem->watch[gfn] = WATCH_ROM;
	}
	mem->rom = true;
}

bool gmem_read(struct gmem *mem, gpa_t address, void *buffer, u32 bytes)
{
	u8 *to = buffer;
	u32 part;

	if (!gmem_is_ram(mem, address, bytes))
		return false;
	for (u32 from = address.v; bytes; from += part, to += part, bytes -= part) {
		part = within_frame(from, bytes);
		memcpy(to, pointer(mem, from), part);
	}
	return true;
}

/* Kernels write the same again, the descriptors of a thread for one: that changes nothing for a watcher. */
static bool is_there(struct gmem *mem, u32 address, const void *buffer, u32 bytes)
{
	return bytes == within_frame(address, bytes) && gmem_watchers(mem, address >> PAGE_SHIFT) &&
	       !memcmp(pointer(mem, address), buffer, bytes);
}

bool gmem_write(struct gmem *mem, gpa_t address, const void *buffer, u32 bytes)
{
	const u8 *from = buffer;
	u32 end = address.v + bytes, part;

	if (!gmem_is_ram(mem, address, bytes))
		return false;
	if (is_there(mem, address.v, buffer, bytes))
		return true;
	for (u32 to = address.v; to != end; to += part, from += part) {
		part = within_frame(to, end - to);
		memcpy(pointer(mem, to), from, part);
	}
	/* Only now: a watcher that looks at memory must not see half a write. */
	for (u32 at = address.v; bytes; at += part, bytes -= part) {
		part = within_frame(at, bytes);
		tell_watchers(mem, at, part);
	}
	return true;
}

u32 gmem_read32(struct gmem *mem, gpa_t address)
{
	if (!gmem_is_ram(mem, address, 1))
		return 0xffffffff;
	return *(u32 *)pointer(mem, address.v);
}

void gmem_write32(struct gmem *mem, gpa_t address, u32 value)
{
	if (!gmem_is_ram(mem, address, 1))
		return;
	*(u32 *)pointer(mem, address.v) = value;
	tell_watchers(mem, address.v, sizeof value);
}

/* Gives a frame a new set of watchers; true if it has begun or ceased to be watched. */
static bool set_watchers(struct gmem *mem, u32 gfn, unsigned watchers)
{
	unsigned before = gmem_watchers(mem, gfn);

	if (gfn >= mem->size >> PAGE_SHIFT)
		return false;
	check(mem->watch);
	mem->watch[gfn] = watchers;
	return !before != !watchers;
}

bool gmem_watch(struct gmem *mem, u32 gfn, unsigned watchers)
{
	return set_watchers(mem, gfn, gmem_watchers(mem, gfn) | watchers);
}

bool gmem_unwatch(struct gmem *mem, u32 gfn, unsigned watchers)
{
	return set_watchers(mem, gfn, gmem_watchers(mem, gfn) & ~watchers);
}
