/*
 * Where random programs live: 4 MiB of linear addresses with frames of their own, the same for each
 * program and on every machine. tools/fuzz/arena.py has the same numbers.
 *
 *   linear               frame at               linear               frame at
 *   800000  code, 4      c00000                 850000  stack, 16    c10000
 *   810000  code again   c00000                 860000  inner stack  c20000   and the guard, below
 *   820000  other code   c04000                 861000  user code    c21000   user
 *   840000  data, 8      c08000                 862000  user stack   c22000   user
 *           3 read-only, 5 and 7 absent,        870000  this table   c23000
 *           6 user                              871000  LDT          c25000
 *                                               872000  the GDT, once more
 *
 * Two page directories lead there: the program's, where besides only this guest's image is mapped, its
 * code read-only, so that a stray store seldom meets anything; and the harness's, all RAM one to one.
 */
#pragma once

#include "base/types.h"
#include "x86/desc.h"
#include "x86/paging.h"

#define CODE        0x00800000u
#define CODE_AGAIN  0x00810000u
#define OTHER       0x00820000u
#define DATA        0x00840000u
#define STACK       0x00850000u
#define INNER_STACK 0x00860000u
#define USER        0x00861000u
#define USER_STACK  0x00862000u
#define TABLE       0x00870000u
#define LDT         0x00871000u
#define GDT_AGAIN   0x00872000u

#define FRAMES            0x00c00000u
#define CODE_FRAMES       FRAMES
#define OTHER_FRAMES      0x00c04000u
#define DATA_FRAMES       0x00c08000u
#define STACK_FRAMES      0x00c10000u
#define INNER_STACK_FRAME 0x00c20000u
#define USER_FRAME        0x00c21000u
#define USER_STACK_FRAME  0x00c22000u
#define TABLE_FRAME       0x00c23000u
#define DIRECTORY_FRAME   0x00c24000u
#define LDT_FRAME         0x00c25000u
#define HARNESS_TABLES    0x00c30000u /* directory, then a table for each 4 MiB */

#define CODE_PAGES  4u
#define DATA_PAGES  8u
#define STACK_PAGES 16u
#define RAM_MAPPED  (32u * MIB)

/*
 * How often the heads of loops may still be passed; in the arena, so that programs count it down. Not
 * where the stack ends: a program pops what lies behind that, and an event then writes there.
 */
#define GUARD (INNER_STACK + 0x400)

#define END_VECTOR     0x81 /* the program is done */
#define CALL_VECTOR    0x82 /* recorded, nothing else; user mode may */
#define RETURN_VECTOR  0x84 /* leads straight to the program: how its user mode comes back */
#define SELECTOR_LOCAL 0x30 /* of the LDT */

/* A program, as tools/fuzz/program.py writes it. Behind it: code, other code, user code, starts. */
struct program {
	u32 bytes; /* of all this */
	u32 number, flags;
	u32 eip, eflags;
	u32 gpr[8];
	u32 guard;
	u32 data;        /* what the data pages are filled from */
	u32 user_return; /* where RETURN_VECTOR leads */
	u32 code_at, code_bytes;
	u32 user_bytes;
	u32 starts; /* how many instructions, whose offsets in the code follow, two bytes each */
};

#define PROGRAM_BOUND 0x8000u /* in an offset: a fault there leaves out the next one, too */

#define PROGRAM_VERBOSE 1u /* say every event */
#define PROGRAM_TIMER   2u /* interrupt it all the time; that must not show */

/* Page tables, once. Loads the harness's directory and turns paging on. */
void arena_init(void);
/* Puts everything where this program expects it. What is there already is not written again. */
void arena_prepare(const struct program *);
/* A hash of all memory that a program can have changed. */
u32 arena_hash(bool stacks);
/* Switches between the two directories. */
void arena_enter(void);
void arena_leave(void);
