/*
 * Instructions that C has no words for, one function each. All assembly of the guests that is not
 * in a .S file is here or in a probe.
 */
#pragma once

#include "base/types.h"
#include "x86/desc.h"

#define INLINE static inline __attribute__((always_inline))

INLINE void out8(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

INLINE void out16(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

INLINE void out32(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

INLINE u8 in8(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

INLINE u16 in16(u16 port)
{
	u16 value;

	asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

INLINE u32 in32(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

INLINE void cli(void)
{
	asm volatile("cli" : : : "memory");
}

INLINE void sti(void)
{
	asm volatile("sti" : : : "memory");
}

/*
 * Waits for the next interrupt. STI's shadow makes the pair one step: none is lost between (SDM 2B,
 * STI).
 */
INLINE void sti_hlt(void)
{
	asm volatile("sti; hlt" : : : "memory");
}

#define CONTROL_REGISTER(n)                                                     \
	INLINE u32 cr##n##_get(void)                                            \
	{                                                                       \
		u32 value;                                                      \
		asm volatile("movl %%cr" #n ", %0" : "=r"(value) : : "memory"); \
		return value;                                                   \
	}                                                                       \
	INLINE void cr##n##_set(u32 value)                                      \
	{                                                                       \
		asm volatile("movl %0, %%cr" #n : : "r"(value) : "memory");     \
	}

CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

#define DEBUG_REGISTER(n)                                                   \
	INLINE u32 dr##n##_get(void)                                        \
	{                                                                   \
		u32 value;                                                  \
		asm volatile("movl %%dr" #n ", %0" : "=r"(value));          \
		return value;                                               \
	}                                                                   \
	INLINE void dr##n##_set(u32 value)                                  \
	{                                                                   \
		asm volatile("movl %0, %%dr" #n : : "r"(value) : "memory"); \
	}

DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)

INLINE void lgdt(const struct table_register *table)
{
	asm volatile("lgdt %0" : : "m"(*table) : "memory");
}

INLINE void lidt(const struct table_register *table)
{
	asm volatile("lidt %0" : : "m"(*table) : "memory");
}

INLINE void lldt(u16 selector)
{
	asm volatile("lldt %0" : : "r"(selector) : "memory");
}

INLINE void ltr(u16 selector)
{
	asm volatile("ltr %0" : : "r"(selector) : "memory");
}

INLINE void clts(void)
{
	asm volatile("clts" : : : "memory");
}

INLINE void invlpg(const void *address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

INLINE u64 rdtsc(void)
{
	u64 value;

	asm volatile("rdtsc" : "=A"(value));
	return value;
}
