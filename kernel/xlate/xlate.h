/*
 * Binary translation of guest kernel code. What the processor would do in virtual ring 0 is done in
 * real ring 3 by other code, made from the guest's block by block when it is first reached:
 *
 *    the guest's code                     the code cache
 *    c0100000  push %ebx                  push %ebx                 the same
 *    c0100001  pushf                      pushf; ...                virtual IF put in
 *    c0100002  cli                        movb $0, %gs:vif          one store instead of a trap
 *    c0100003  mov %cr3, %eax             mov %cr3, %eax            traps, is emulated, comes back
 *    c0100006  test %eax, %eax            test %eax, %eax           the same
 *    c0100008  je c0100020                je <exit or block>        linked when first taken
 *    c010000a  ret                        pop %gs:target; jmp *%gs:table(,...)
 *
 * The guest's general registers, flags and data segments are in the real ones all the time, except
 * GS, whose real register leads to struct xlate_state. Every translation can be begun again: until
 * its last access that may fault, all that the guest can see is as before its instruction.
 *
 *   emit.h        machine code, byte by byte
 *   translate.c   one block: what each instruction becomes
 *   cache.c       all blocks: look-up, chaining, invalidation
 *
 * Pure: code is made for an address where somebody else maps it, and pages of the guest are given.
 */
#pragma once

#include "cpu/insn.h"
#include "x86/paging.h"

/* The indirect look-up has one slot for each value of a guest address's low 16 bits. */
#define XLATE_SLOTS 65536u

/*
 * What translated code reads and writes through GS. Ring 3 can write the first page: what is read
 * back from there is a guest's word, good enough for the guest's own affairs and nothing else.
 */
struct xlate_state {
	u32 vif;    /* the virtual interrupt flag: EFLAGS_IF or 0 */
	u32 intr;   /* EFLAGS_IF if an interrupt waits for it, else 0 */
	u32 target; /* EIP that an indirect jump, call or return goes to */
	u32 ecx;    /* the guest's, while a translation uses the register */
	u32 unused[PAGE_SIZE / 4 - 4];
	u32 slot[XLATE_SLOTS]; /* read-only in ring 3: the code that checks `target` and runs it */
};

/* What a guest instruction became, from the start of its block: two bytes each. */
struct xlate_map {
	u8 guest; /* its length; and XLATE_COVERED */
	u8 host;  /* the length of its translation */
};

/* Interrupts wait for the end of this instruction: it follows STI (SDM 3A 6.8.3). */
#define XLATE_COVERED 0x80u

struct xlate_block;

/* A way out of a block to a guest address that is known. */
struct xlate_exit {
	u32 target;              /* guest EIP */
	u32 slot;                /* host address of its HLT, which traps while it is not linked */
	u32 patch;               /* host address of the 4-byte displacement that links it */
	struct xlate_block *to;  /* linked to this block; NULL: not */
	struct xlate_exit *next; /* of those linked to the same block */
};

/* A page of the guest's linear addresses that has been translated from. */
struct xlate_page {
	u32 linear; /* page number, linear address / 4096 */
	u32 gfn;    /* what it was mapped to */
	bool global;
	u16 writes;                 /* emulated writes to it since it was translated from */
	struct xlate_block *blocks; /* linked by next_in_page */
	struct xlate_page *next, *next_of_frame;
};

struct xlate_block {
	u32 eip;         /* of its first instruction */
	u32 host;        /* host address of its first instruction's translation */
	u16 guest_bytes; /* may reach into a second page with its last instruction */
	u16 host_bytes;
	u16 count; /* instructions */
	u8 exits;
	bool dead; /* not to be entered again; who is inside may finish */
	struct xlate_map *map;
	struct xlate_exit *exit;
	struct xlate_exit *incoming; /* exits of any block that are linked to this one */
	struct xlate_page *page[2];
	struct xlate_block *next_in_page[2];
	struct xlate_block *next; /* of the same hash */
};

/* What the cache counts. */
struct xlate_counts {
	u32 blocks, instructions, guest_bytes, host_bytes; /* translated, ever */
	u32 links;
	u32 misses;      /* indirect transfers that found nothing */
	u32 flushes;     /* the cache was full, or everything changed */
	u32 invalidated; /* blocks that died alone */
};

/* The memory that a cache is made of; all of it belongs to the cache from then on. */
struct xlate_memory {
	u8 *code;         /* where the cache writes code */
	u32 code_address; /* where ring 3 runs it */
	u32 code_bytes;
	struct xlate_state *state;
	void *records;    /* blocks, maps, exits, pages, hash tables */
	u32 record_bytes; /* xlate_record_bytes() */
};

struct xlate;

/* How many bytes of records go with so much code. */
u32 xlate_record_bytes(u32 code_bytes);
/* `code_bytes` >= 64 KiB. The cache lies at the start of the records. */
struct xlate *xlate_init(const struct xlate_memory *);

/*
 * Where a block is to be made from. Only 32-bit code. `code`: the bytes from EIP to the end of its
 * page; `next`: the first bytes of the next linear page, if they can be fetched.
 */
struct xlate_source {
	u32 eip, linear; /* of the first instruction; linear = EIP + base of CS */
	u32 limit;       /* of CS: no byte beyond it is code */
	u16 cs;          /* the selector that PUSH CS pushes */
	const u8 *code;
	unsigned bytes;
	u8 next[INSN_MAX - 1];
	unsigned next_bytes;
	u32 gfn[2];
	bool global[2];
	unsigned most; /* instructions at most; 0: as many as a block takes */
};

/* The block at EIP, or NULL. */
struct xlate_block *xlate_find(const struct xlate *, u32 eip);
/*
 * Makes a block and enters it into the look-up. NULL if its first instruction cannot be translated
 * and must be emulated. Never fails for want of room: it flushes then.
 */
struct xlate_block *xlate_translate(struct xlate *, const struct xlate_source *);

/* --- from the host's address back to the guest's --- */

enum xlate_place {
	XLATE_NOWHERE,  /* not in the cache */
	XLATE_CLEAN,    /* at the start of a guest instruction, whose EIP it is */
	XLATE_COVERS,   /* the same, but interrupts wait until it is done */
	XLATE_INSIDE,   /* in the middle of one, not to be interrupted; EIP is its start */
	XLATE_EXIT,     /* at an exit that is not linked: EIP is its target */
	XLATE_INDIRECT, /* at the end of an indirect transfer that missed: EIP is `target` */
};

struct xlate_where {
	enum xlate_place place;
	u32 eip;
	struct xlate_block *block;
	struct xlate_exit *exit;
};

struct xlate_where xlate_where(const struct xlate *, u32 host);

/* The host address of guest instruction EIP in the block, or 0 if none begins there. */
u32 xlate_host_of(const struct xlate_block *, u32 eip);

/* Links an exit to a block, so that it does not trap again. Both must be alive. */
void xlate_link(struct xlate *, struct xlate_exit *, struct xlate_block *);
/* From now on an indirect transfer to the block's EIP finds it. */
void xlate_enter_slot(struct xlate *, struct xlate_block *);

/* --- what ends a block's life --- */

void xlate_flush(struct xlate *);
/* Bytes of a frame have changed. */
void xlate_written(struct xlate *, u32 gfn, u32 offset, u32 bytes);
/* The mapping of a linear page is not what it was: all its blocks die. */
void xlate_drop_page(struct xlate *, struct xlate_page *);
/* All pages that have been translated from: NULL gives the first, a page the one after it. */
struct xlate_page *xlate_next_page(struct xlate *, struct xlate_page *);
struct xlate_page *xlate_find_page(struct xlate *, u32 linear);

const struct xlate_counts *xlate_counts(const struct xlate *);
/* Names the first broken rule of the cache's structures, or NULL. */
const char *xlate_audit(struct xlate *);
