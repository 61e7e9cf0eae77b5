/*
 * tinyos, its parts in the order in which they are read; each is the file of the same name.
 *
 * The kernel runs with interrupts masked, always, but for the one STI;HLT of the idle loop. So it
 * needs no locks: nothing happens between two of its lines, and a process loses the processor only
 * in user mode (to the clock) or where it asks for that itself (process_block).
 */
#pragma once

#include "abi.h"
#include "trap.h"
#include "x86/multiboot.h"

/* --- ram.c: which frames of 4 KiB are free ------------------------------------------------- */

#define RAM_MAX    (64 * MIB) /* what the kernel uses of a larger machine */
#define FRAMES_MIN 256u       /* the least that it does anything with */

/* Finds the RAM behind the kernel, up to the address `limit`; false if it is below FRAMES_MIN. */
bool ram_init(const struct multiboot_info *, u32 limit);
/* A frame of zeros, or NULL. The kernel sees it at its physical address. */
void *ram_alloc(void);
void ram_free(void *frame);
u32 ram_end(void);         /* the address behind the last frame */
u32 ram_frames(void);      /* how many there are */
u32 ram_frames_free(void); /* and how many of them are free */

/* --- programs.S and elf.c: the programs in the kernel's image ------------------------------- */

struct program {
	const char *name;
	const u8 *image; /* an ELF file */
};

extern const struct program programs[]; /* ended by a name of NULL */

/* By the first word of a command line; or NULL. */
const struct program *program_find(const char *command);
u32 program_entry(const struct program *);
u32 program_end(const struct program *); /* the first address behind its bss */
/* Fills a frame of zeros as the page at `address` begins; false if no segment lies there. */
bool program_page(const struct program *, u32 address, void *frame, bool *writable);

/* --- space.c: address spaces, and the pages that come on demand ----------------------------- */

struct process;

/* Maps the kernel and turns paging on. */
void space_init(void);
/* A page directory with the kernel's half filled in, or NULL. */
u32 *space_create(void);
/* Gives every frame back. The directory must not be in use. */
void space_destroy(u32 *directory);
void space_switch(const u32 *directory); /* NULL: the kernel's half alone */
/*
 * Makes sure that a page of the process is there. False if it has none at `address`, if `write` is
 * set and it may only be read, or if no frame is left.
 */
bool space_touch(struct process *, u32 address, bool write);
/* The same for [address, address + bytes): the kernel can then use it without a fault. */
bool space_touch_range(struct process *, u32 address, u32 bytes, bool write);

/* --- process.c and switch.S: processes, and who runs next ----------------------------------- */

enum process_state { FREE, READY, RUNNING, BLOCKED };

struct process {
	u32 pid;
	enum process_state state;
	char command[COMMAND_MAX]; /* name and argument */
	const struct program *program;
	u32 *directory;
	u32 heap, heap_end;    /* addresses */
	u32 ticks;             /* how many ticks of the clock found it running */
	const void *waits_for; /* BLOCKED: an address that stands for what it waits for, */
	const char *waits_as;  /* and a word for it */
	int status;            /* FREE: how it ended */
	u32 *kernel_esp;       /* while it does not run: where switch_stack() left its registers */
};

#define FIRST_PID 1 /* the shell that the kernel starts */

/* Slot 0 is the idle loop's. A slot keeps pid and status until its next process. */
extern struct process processes[PROCESS_MAX];
extern struct process *current;

/* Starts a program: "name argument". NULL if there is none of that name, or no room. */
struct process *process_run(const char *command);
/* NULL if no slot holds it any more; it may have ended (FREE). */
struct process *process_find(u32 pid);
/* Frees what it has. Returns only if it is not the current one. The first must not end. */
void process_end(struct process *, int status);
/* Gives the processor to the next that is ready, else to the idle loop. */
void process_yield(void);
/* Waits until somebody calls process_wake() with the same address. */
void process_block(const void *what, const char *word);
void process_wake(const void *what);
/* The idle loop: what the kernel's first thread does when nobody else is ready. */
NORETURN void process_idle(void);

/* --- fault.c: what becomes of a process that faults ------------------------------------------ */

void fault_init(void);

/* --- clock.c: the tick ----------------------------------------------------------------------- */

void clock_init(void);
u32 clock_ticks(void);
void clock_sleep(u32 ticks);

/* --- console.c: lines from the serial port --------------------------------------------------- */

void console_init(void);
/* Waits for a line; copies at most `bytes`, with a zero at the end. Its length without that. */
u32 console_read(char *buffer, u32 bytes);
/* Whom Ctrl-C ends; 0: nobody. */
void console_foreground(u32 pid);

/* --- disk.c: the disk, if there is one -------------------------------------------------------- */

void disk_init(void);
/* One sector; false if there is none of that number, or the disk reports an error. */
bool disk_read(u32 sector, void *buffer);
bool disk_write(u32 sector, const void *buffer);

/* --- syscall.c: what programs may ask for ----------------------------------------------------- */

void syscall_init(void);
