/* The scalars that every file uses, and the three kinds of address that must never be mixed up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/*
 *      guest program             guest "hardware"              real machine
 *
 *   gva (linear address) --> gpa (guest-physical address) --> hpa (host-physical address)
 *        guest's page tables            the monitor's allotment
 *   gva -----------------------------------------------------> hpa
 *                        the shadow page tables
 *
 * Each is a struct of one member, so that the compiler refuses one where another is wanted.
 */
typedef struct {
	u32 v;
} gva_t;

typedef struct {
	u32 v;
} gpa_t;

typedef struct {
	u64 v;
} hpa_t;

static inline gva_t gva(u32 v)
{
	return (gva_t){v};
}

static inline gpa_t gpa(u32 v)
{
	return (gpa_t){v};
}

static inline hpa_t hpa(u64 v)
{
	return (hpa_t){v};
}

#define PAGE_SHIFT    12
#define PAGE_SIZE     4096u
#define PAGE_MASK     (PAGE_SIZE - 1)
#define KIB           1024u
#define MIB           (1024u * 1024u)
#define NS_PER_SECOND 1000000000u

/* How many pages hold so many bytes. */
#define PAGE_COUNT(bytes) (((bytes) + PAGE_MASK) >> PAGE_SHIFT)

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)      ((a) < (b) ? (a) : (b))
#define MAX(a, b)      ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, n) (((x) + (n)-1) & ~((n)-1)) /* n: a power of two */

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NORETURN                 __attribute__((noreturn))
