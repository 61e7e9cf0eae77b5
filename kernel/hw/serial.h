/* The real serial ports: COM1 is the console of all machines, COM2 one machine's raw port. */
#pragma once

#include "base/types.h"

enum serial_port { SERIAL_CONSOLE, SERIAL_RAW, SERIAL_COUNT };

/* Both ports: 115200 baud, interrupts when a byte arrives (HOST_COM1, HOST_COM2). */
void serial_init(void);
/* Waits until the byte is taken. An absent port takes everything. */
void serial_write(enum serial_port, u8 byte);
/* A byte that has arrived, or -1. */
int serial_read(enum serial_port);
