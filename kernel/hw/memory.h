/* The real machine's memory: who gets which physical pages, and how the monitor sees them. */
#pragma once

#include "hw/boot.h"
#include "hw/window.h"
#include "x86/multiboot.h"

/*
 * Takes stock of RAM: what the boot loader reports, less the first MiB, the image and the modules.
 * Call before memory_enter_window(), while `info` is still mapped to itself.
 */
void memory_init(const struct multiboot_info *, const struct boot_info *);

/* Builds the monitor's own address space and enters it. From here on nothing is identity-mapped. */
void memory_enter_window(void);

/*
 * Physical memory for a machine, never given back: page-aligned, not cleared. False if no free run
 * is as long.
 */
bool memory_allot(u32 bytes, hpa_t *start);
/* The longest run that memory_allot() could give, in bytes. */
u32 memory_left(void);

/* Monitor memory: page-aligned, cleared, in the window. NULL if the heap is used up. */
void *memory_pages(unsigned pages);
/* The physical address of something in the image or the heap. */
hpa_t memory_physical(const void *);

/* The window's directory entries, the same for every address space: WINDOW_PDES of them. */
const u32 *memory_window_entries(void);
u32 memory_window_start(void);
/* The physical address of a page directory that maps the window and nothing else. */
hpa_t memory_root(void);

/*
 * A pointer to a physical page, through one of 1024 slots; valid until a page whose number is equal
 * modulo 1024 is mapped. So: at most one pointer at a time, used at once.
 */
void *hw_map(hpa_t page);

#define HW_PINS 1024u

/* The same through a place of the caller's own, below HW_PINS: valid until another page is pinned there. */
void *hw_pin(unsigned place, hpa_t page);
