/* What a program for tinyos may use: the system calls as functions, and a little text. */
#pragma once

#include "abi.h"

/*
 * Each program's own. `argument` is what stood behind its name on the command line, maybe nothing.
 */
int main(const char *argument);

int syscall(enum syscall number, u32 a, u32 b, u32 c);

NORETURN void exit(int status);
int read_line(char *buffer, u32 bytes);
void sleep_ticks(u32 ticks);
void *heap_grow(u32 bytes);
int run(const char *command);
int wait(int pid);
int kill(int pid);
bool process_info(u32 slot, struct process_info *);
struct system_info system_info(void);
void halt(void);
/* A sector of SECTOR bytes; false: there is none, or it cannot be read or written. */
bool disk_read(u32 sector, void *buffer);
bool disk_write(u32 sector, const void *buffer);

/* Formatted text (base/printf.h), at most 159 bytes, written in one piece. */
PRINTF_LIKE(1, 2) void print(const char *format, ...);

/* The number that a text begins with, or `otherwise` if it begins with none. */
u32 number(const char *text, u32 otherwise);
