/* The bounds of guest-physical memory, checked once for all who read and write it. */
#include "mmu/gmem.h"

#include "base/check.h"
#include "base/string.h"

bool gmem_is_ram(const struct gmem *mem, gpa_t address, u32 bytes)
{
	/* Not `address + bytes <= size`: that sum wraps for an address near 4 GiB. */
	if (address.v > mem->size || bytes > mem->size - address.v)
		return false;
	return address.v >= GMEM_HOLE_END || address.v + bytes <= GMEM_HOLE_START;
}

/* The same for what does not cross into another frame: a byte, or a word in its place. */
static bool is_ram_at(const struct gmem *mem, u32 address)
{
	/* One comparison for both ends of the hole: what lies below it wraps to a large number. */
	return address < mem->size && address - GMEM_HOLE_START >= GMEM_HOLE_END - GMEM_HOLE_START;
}

hpa_t gmem_hpa(const struct gmem *mem, gpa_t address)
{
	check(is_ram_at(mem, address.v));
	return hpa(mem->base.v + address.v);
}

unsigned gmem_watchers(const struct gmem *mem, u32 gfn)
{
	return mem->watch && gfn < mem->size >> PAGE_SHIFT ? mem->watch[gfn] : 0;
}

static void tell_watchers(struct gmem *mem, u32 gfn)
{
	unsigned watchers = gmem_watchers(mem, gfn);

	if (watchers && mem->written)
		mem->written(mem, gfn, watchers);
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

bool gmem_write(struct gmem *mem, gpa_t address, const void *buffer, u32 bytes)
{
	const u8 *from = buffer;
	u32 end = address.v + bytes, part;

	if (!gmem_is_ram(mem, address, bytes))
		return false;
	for (u32 to = address.v; to != end; to += part, from += part) {
		part = within_frame(to, end - to);
		memcpy(pointer(mem, to), from, part);
	}
	/* Only now: a watcher that looks at memory must not see half a write. */
	for (u32 gfn = address.v >> PAGE_SHIFT; bytes && gfn <= (end - 1) >> PAGE_SHIFT; gfn++)
		tell_watchers(mem, gfn);
	return true;
}

u32 gmem_read32(struct gmem *mem, gpa_t address)
{
	if (!is_ram_at(mem, address.v))
		return 0xffffffff;
	return *(u32 *)pointer(mem, address.v);
}

void gmem_write32(struct gmem *mem, gpa_t address, u32 value)
{
	if (!is_ram_at(mem, address.v))
		return;
	*(u32 *)pointer(mem, address.v) = value;
	tell_watchers(mem, address.v >> PAGE_SHIFT);
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
