/*
 * The bus: finds who answers, and cuts accesses to the width of what is there.
 *
 *   IN EAX, 0x20    --> [pic 0x20-0x21, one byte wide]:  0x20, 0x21 to the PIC, 0x22, 0x23 to nobody
 *   OUT 0xf4, EAX   --> [exit 0xf4-0xf7, four bytes]:    whole
 */
#include "dev/bus.h"

#include "base/string.h"

/*
 * The searches are linear: the ranges are few, the busiest stand first, and the exit that leads here
 * has cost a hundred times more.
 */
static const struct port_range *find_ports(const struct bus *bus, u16 port)
{
	const struct port_range *end = bus->ports + bus->port_ranges;

	for (const struct port_range *range = bus->ports; range < end; range++)
		if ((u32)port - range->first < range->count)
			return range;
	return NULL;
}

static const struct mmio_range *find_mmio(const struct bus *bus, u32 address)
{
	for (unsigned i = 0; i < bus->mmio_ranges; i++)
		if (address - bus->mmio[i].first < bus->mmio[i].count)
			return &bus->mmio[i];
	return NULL;
}

/* Whether an access is the device's as a whole: not too wide for it, and not beyond its end. */
static bool fits(u32 offset, unsigned size, u32 count, unsigned width)
{
	return size <= width && offset + size <= count;
}

/* Byte by byte, and each may find another device or none: the ISA bus does just that. */
static u32 split_in(struct bus *bus, u16 port, unsigned size, u64 now)
{
	u32 value = 0;

	if (size == 1) { /* nobody drives the data lines, and pull-ups make them ones */
		bus->absent++;
		return 0xff;
	}
	for (unsigned i = 0; i < size; i++)
		value |= bus_port_in(bus, port + i, 1, now) << 8 * i;
	return value;
}

static void split_out(struct bus *bus, u16 port, unsigned size, u32 value, u64 now)
{
	if (size == 1)
		bus->absent++;
	else
		for (unsigned i = 0; i < size; i++)
			bus_port_out(bus, port + i, 1, value >> 8 * i & 0xff, now);
}

u32 bus_port_in(struct bus *bus, u16 port, unsigned size, u64 now)
{
	const struct port_range *range = find_ports(bus, port);

	if (range && fits(port - range->first, size, range->count, range->width))
		return range->in(bus->machine, port, size, now);
	return split_in(bus, port, size, now);
}

void bus_port_out(struct bus *bus, u16 port, unsigned size, u32 value, u64 now)
{
	const struct port_range *range = find_ports(bus, port);

	if (range && fits(port - range->first, size, range->count, range->width))
		range->out(bus->machine, port, size, value, now);
	else
		split_out(bus, port, size, value, now);
}

/* The device is looked for once; what it takes only in pieces is cut one by one. */
void bus_port_in_string(struct bus *bus, u16 port, unsigned size, void *values, u32 count, u64 now)
{
	const struct port_range *range = find_ports(bus, port);
	bool whole = range && fits(port - range->first, size, range->count, range->width);

	for (u8 *at = values, *end = at + count * size; at < end; at += size) {
		u32 value = whole ? range->in(bus->machine, port, size, now)
				  : split_in(bus, port, size, now);

		memcpy(at, &value, size);
	}
}

void bus_port_out_string(
	struct bus *bus, u16 port, unsigned size, const void *values, u32 count, u64 now)
{
	const struct port_range *range = find_ports(bus, port);
	bool whole = range && fits(port - range->first, size, range->count, range->width);

	for (const u8 *at = values, *end = at + count * size; at < end; at += size) {
		u32 value = 0;

		memcpy(&value, at, size);
		if (whole)
			range->out(bus->machine, port, size, value, now);
		else
			split_out(bus, port, size, value, now);
	}
}

u32 bus_mmio_read(struct bus *bus, gpa_t address, unsigned size, u64 now)
{
	const struct mmio_range *range = find_mmio(bus, address.v);
	u32 offset = range ? address.v - range->first : 0, value = 0;

	if (range && fits(offset, size, range->count, range->width))
		return range->read(bus->machine, offset, size, now);
	if (size == 1) {
		bus->absent++;
		return 0xff;
	}
	for (unsigned i = 0; i < size; i++)
		value |= bus_mmio_read(bus, gpa(address.v + i), 1, now) << 8 * i;
	return value;
}

void bus_mmio_write(struct bus *bus, gpa_t address, unsigned size, u32 value, u64 now)
{
	const struct mmio_range *range = find_mmio(bus, address.v);
	u32 offset = range ? address.v - range->first : 0;

	if (range && fits(offset, size, range->count, range->width))
		range->write(bus->machine, offset, size, value, now);
	else if (size == 1)
		bus->absent++;
	else
		for (unsigned i = 0; i < size; i++)
			bus_mmio_write(bus, gpa(address.v + i), 1, value >> 8 * i & 0xff, now);
}
