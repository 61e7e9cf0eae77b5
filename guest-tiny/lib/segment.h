/*
 * A guest's segments: flat, and only as many as the architecture asks for.
 *
 *   0x00 null | 0x08 kernel code | 0x10 kernel data | 0x18 user code | 0x20 user data | 0x28 TSS
 *   0x30 free ...
 */
#pragma once

#define KERNEL_CODE   0x08
#define KERNEL_DATA   0x10
#define USER_CODE     0x1b /* 0x18 with RPL 3 */
#define USER_DATA     0x23 /* 0x20 with RPL 3 */
#define TSS_SELECTOR  0x28
#define FREE_SELECTOR 0x30 /* the first that a probe may take for itself */

#ifndef __ASSEMBLER__

#include "x86/desc.h"

#define ATTR_FLAT        (ATTR_G | ATTR_DB | ATTR_P | ATTR_S)
#define ATTR_KERNEL_CODE (ATTR_FLAT | ATTR_CODE | ATTR_READABLE)
#define ATTR_KERNEL_DATA (ATTR_FLAT | ATTR_WRITABLE)
#define ATTR_USER_CODE   (ATTR_KERNEL_CODE | ATTR_DPL)
#define ATTR_USER_DATA   (ATTR_KERNEL_DATA | ATTR_DPL)
#define ATTR_TSS         (ATTR_P | TYPE_TSS32)

/*
 * Tables that the processor reads are alone on their pages: a monitor may watch those pages, and
 * whatever else lay there would pay for it.
 */
#define PAGE_ALONE  __attribute__((aligned(PAGE_SIZE)))
#define GDT_ENTRIES (PAGE_SIZE / sizeof(struct descriptor))

extern struct descriptor gdt[GDT_ENTRIES];

/* The TSS with room for an I/O permission bitmap behind it (SDM 1 19.5.2), all ones: no port. */
struct task_page {
	struct tss tss;
	u8 io_bitmap[PAGE_SIZE - sizeof(struct tss)];
};

extern struct task_page task;

/* Loads the GDT, every segment register and the task register. No I/O bitmap is in force. */
void segment_init(void);

/* Sets one entry of the GDT. `attr` as in x86/desc.h; `limit` in bytes. */
void segment_set(u16 selector, u32 base, u32 limit, u32 attr);

#endif
