/* Runs the random programs of a module, one after the other, and tells what became of each. */
#pragma once

#include "arena.h"

/* Both arguments, well mixed (MurmurHash3, Austin Appleby, public domain). */
static inline u32 fuzz_mix(u32 hash, u32 value)
{
	value *= 0xcc9e2d51u;
	value = (value << 15 | value >> 17) * 0x1b873593u;
	hash ^= value;
	return (hash << 13 | hash >> 19) * 5 + 0xe6546b64u;
}

/* The program that is running; a copy, mapped where it cannot be reached by chance. */
extern const struct program *fuzz_program;

/*
 * Plain flags again, IOPL 0 above all: a program may have changed all of them, and a translator may be
 * slow with unusual ones.
 */
static inline void fuzz_plain_flags(void)
{
	asm volatile("pushl $2; popfl" : : : "memory", "cc");
}

/* --- events.c --- */

/* Takes over all vectors. */
void events_init(void);
/* Begins a new record. */
void events_start(void);
/* The hash of all that was recorded. */
u32 events_hash(void);

/* --- enter.S --- */

/* Becomes the program: its registers, its flags. The way back is guard_unwind(). */
u32 fuzz_enter(void);
