/* What a guest knows of its machine: how it was started, its serial console, its end. */
#pragma once

#include "base/types.h"
#include "x86/multiboot.h"

/* The guest's own main function; interrupts are masked, GDT, IDT, PIC and console are ready. */
void guest_main(const struct multiboot_info *);

#define COM1 0x3f8

void serial_init(void);
void serial_put(char c);
/* The next byte that has come in, or -1. */
int serial_get(void);

/* Formatted text (base/printf.h) on the serial port, at most 255 bytes a call. */
PRINTF_LIKE(1, 2) void print(const char *format, ...);

/*
 * Ends the machine by isa-debug-exit: bare QEMU exits with status << 1 | 1, the cave takes 0 for a
 * good end.
 */
NORETURN void machine_end(u8 status);

/* The image in memory, from guest.ld; what lies beyond image_end is free. */
extern u8 image_start[], image_data[], image_end[], stack_bottom[], stack_top[];
