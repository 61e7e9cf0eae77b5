/*
 * The bus: which device answers at which port or address. It knows no device; a machine gives it
 * two tables.
 *
 *   OUT 0x3f8, AL --> exit --> bus_port_out() --+-- 0x020 pic
 *                                               +-- 0x040 pit
 *                                               +-- 0x3f8 uart  <-- this range answers
 *                                               +-- nobody: a write vanishes, a read gives ones
 */
#pragma once

#include "base/types.h"

/* A deadline that never comes. */
#define NEVER (~0ull)

/*
 * A run of ports. `machine` is bus->machine, `now` its clock in nanoseconds. Accesses of up to
 * `width` bytes reach the device whole; a wider one, or one that leaves the range, arrives as
 * single bytes, lowest port first, as the ISA bus splits it.
 */
struct port_range {
	u16 first, count;
	unsigned width;
	u32 (*in)(void *machine, u16 port, unsigned size, u64 now);
	void (*out)(void *machine, u16 port, unsigned size, u32 value, u64 now);
};

/* A run of memory addresses that a device answers. Wider accesses are split in the same way. */
struct mmio_range {
	u32 first, count;
	unsigned width;
	u32 (*read)(void *machine, u32 offset, unsigned size, u64 now);
	void (*write)(void *machine, u32 offset, unsigned size, u32 value, u64 now);
};

struct bus {
	void *machine;
	const struct port_range *ports;
	const struct mmio_range *mmio;
	unsigned port_ranges, mmio_ranges;
	u32 absent; /* byte cycles that no device has answered, for a machine's report */
};

/* `size` is 1, 2 or 4 bytes; values are zero-extended. What nobody answers reads as ones. */
u32 bus_port_in(struct bus *, u16 port, unsigned size, u64 now);
void bus_port_out(struct bus *, u16 port, unsigned size, u32 value, u64 now);
/* `count` values of `size` bytes, one access each to the same port: REP INS and REP OUTS. */
void bus_port_in_string(struct bus *, u16 port, unsigned size, void *values, u32 count, u64 now);
void bus_port_out_string(
	struct bus *, u16 port, unsigned size, const void *values, u32 count, u64 now);
u32 bus_mmio_read(struct bus *, gpa_t address, unsigned size, u64 now);
void bus_mmio_write(struct bus *, gpa_t address, unsigned size, u32 value, u64 now);
