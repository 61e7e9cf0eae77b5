/*
 * The instructions that C has no words for. All of the monitor's inline assembly is here, but for the
 * one division of base/math64.h.
 */
#pragma once

#include "base/types.h"
#include "x86/desc.h"

#define DEFINE_REGISTER(name)                                               \
	static inline u32 read_##name(void)                                 \
	{                                                                   \
		u32 value;                                                  \
                                                                            \
		asm volatile("mov %%" #name ", %0" : "=r"(value));          \
		return value;                                               \
	}                                                                   \
                                                                            \
	static inline void write_##name(u32 value)                          \
	{                                                                   \
		asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
	}

DEFINE_REGISTER(cr0)
DEFINE_REGISTER(cr2)
DEFINE_REGISTER(cr3)
DEFINE_REGISTER(cr4)
DEFINE_REGISTER(dr0)
DEFINE_REGISTER(dr1)
DEFINE_REGISTER(dr2)
DEFINE_REGISTER(dr3)
DEFINE_REGISTER(dr6)
DEFINE_REGISTER(dr7)

static inline u8 in8(u16 port)
{
	u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out8(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(u16 port, u16 value)
{
	asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(u16 port, u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/* `count` words, one after the other, from or to the same port. */
static inline void in16_string(u16 port, void *buffer, u32 count)
{
	asm volatile("rep insw" : "+D"(buffer), "+c"(count) : "d"(port) : "memory");
}

static inline void out16_string(u16 port, const void *buffer, u32 count)
{
	asm volatile("rep outsw" : "+S"(buffer), "+c"(count) : "d"(port) : "memory");
}

static inline u64 read_tsc(void)
{
	u64 value;

	asm volatile("rdtsc" : "=A"(value));
	return value;
}

static inline void flush_page(const void *address)
{
	asm volatile("invlpg %0" : : "m"(*(const u8 *)address) : "memory");
}

static inline void load_gdt(const struct table_register *table)
{
	asm volatile("lgdt %0" : : "m"(*table));
}

static inline void load_idt(const struct table_register *table)
{
	asm volatile("lidt %0" : : "m"(*table));
}

static inline void load_ldt(u16 selector)
{
	asm volatile("lldt %0" : : "r"(selector));
}

static inline void load_task(u16 selector)
{
	asm volatile("ltr %0" : : "r"(selector));
}

static inline void cpuid(u32 leaf, u32 out[4])
{
	asm volatile("cpuid"
		     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
		     : "a"(leaf), "c"(0));
}

/* A far jump for CS, moves for the others. FS and GS are never the monitor's. */
static inline void load_segments(u16 code, u16 data)
{
	asm volatile("pushl %0; pushl $1f; lret; 1: mov %1, %%ds; mov %1, %%es; mov %1, %%ss"
		     :
		     : "r"((u32)code), "r"((u32)data)
		     : "memory");
}

static inline void clear_ts(void)
{
	asm volatile("clts");
}

/* `image`: 512 bytes, 16-byte aligned (SDM 1 10.5). */
static inline void save_fpu(void *image)
{
	asm volatile("fxsave %0" : "=m"(*(u8(*)[512])image));
}

static inline void restore_fpu(const void *image)
{
	asm volatile("fxrstor %0" : : "m"(*(const u8(*)[512])image));
}

/* Lets one interrupt in, or sleeps until one comes: STI holds it off until HLT has begun. */
static inline void wait_for_interrupt(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

static inline void halt_forever(void)
{
	for (;;)
		asm volatile("cli; hlt");
}
