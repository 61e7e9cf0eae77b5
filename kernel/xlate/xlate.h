/*
 * Binary translation of guest kernel code. What the processor would do in virtual ring 0 is done in
 * real ring 3 by other code, made from the guest's block by block when it is first reached:
 *
 *    the guest's code                     the code cache
 *    c0100000  push %ebx                  push %ebx                 the same
 *    c0100001  pushf                      pushf; ...                virtual IF put in
 *    c0100002  cli                        movl $0, %gs:vif          one store instead of a trap
 *    c0100003  mov %eax, %cr3             hlt                       traps, is emulated, comes back
 *    c0100006  test %eax, %eax            test %eax, %eax           the same
 *    c0100008  je c0100020                je <exit or block>        linked when first taken
 *    c010000a  ret                        pop %gs:target; jmp *%gs:slot(,%ecx,4)
 *
 * The guest's general registers, flags and data segments are in the real ones all the time, except
 * GS, whose real register leads to struct xlate_state. Every translation can be begun again: until
 * its last access that may fault, all that the guest can see is as before its instruction.
 *
 *   emit.h        machine code, byte by byte
 *   translate.c   one block: what each instruction becomes, with flags.c, branch.c, segments.c, clock.c
 *   cache.c       all blocks: room, look-up, chaining
 *   invalidate.c  what ends a block's life
 *   where.c       from the address of a trap back to the guest's instruction
 *   audit.c       the rules that all of this keeps
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
	u32 vif;        /* the virtual interrupt flag: EFLAGS_IF or 0 */
	u32 intr;       /* EFLAGS_IF if an interrupt waits for it, else 0 */
	u32 target;     /* EIP that an indirect jump, call or return goes to */
	u32 ecx;        /* the guest's, while a translation uses the register */
	u32 cs, ss, gs; /* the selectors that reading these gives */
	u32 cr[5];      /* the control registers, by number */
	u32 eax, flags; /* the guest's and its flags, while RDTSC computes */
	/* The guest's TSC is clock_base + ((real TSC - clock_from) * clock_scale >> 24): clock.c. */
	u32 clock_from, clock_scale;
	u64 clock_base;
	u32 unused[PAGE_SIZE / 4 - 18];
	/* Read-only in ring 3: the host address to try for such a `target`; */
	u32 slot[XLATE_SLOTS];
	u8 refused[XLATE_SLOTS]; /* whether a selector is not to be loaded (cpu/descriptor.h) */
};

/* What a guest instruction became, from the start of its block: two bytes each. */
struct xlate_map {
	u8 guest; /* its length, perhaps with XLATE_COVERED */
	u8 host;  /* the length of its translation */
};

/* Interrupts wait for the end of this instruction: it follows STI (SDM 3A 6.8.3). */
#define XLATE_COVERED 0x80u

struct xlate_block;

/*
 * A way out of a block to a guest address that is known: a jump, whose 4-byte displacement leads to
 * a HLT of its own until it is linked.
 */
struct xlate_exit {
	u32 target;              /* guest EIP */
	u32 halt;                /* host address of its HLT */
	u32 patch;               /* host address of the displacement */
	struct xlate_block *to;  /* linked to this block; NULL: not */
	struct xlate_exit *next; /* of those linked to the same block */
};

/* A page of the guest's linear addresses that has been translated from. */
struct xlate_page {
	u32 linear; /* page number: linear address / 4096 */
	u32 gfn;    /* what it was mapped to */
	bool global;
	struct xlate_block *blocks; /* linked by next_in_page */
	struct xlate_page *next;    /* of the same hash */
	struct xlate_page *next_of_frame;
	struct xlate_page *next_local; /* of those that are not global */
	bool local;                    /* it is among these */
	u16 writes;                    /* to its frame, since something was made from it */
};

struct xlate_block {
	u32 eip, linear; /* of its first instruction */
	u32 gate;        /* host address where indirect transfers enter; 0: none yet */
	u32 host;        /* host address where the translation of the first instruction begins */
	u32 halts;       /* host address of its exits' HLTs, a byte each */
	u32 end;         /* host address behind its last byte */
	u32 guest_bytes; /* may reach into a second page with its last instruction */
	u16 count;       /* instructions */
	u16 exits;
	bool dead; /* not to be entered again; who is inside may finish */
	struct xlate_map *map;
	struct xlate_exit *exit;
	struct xlate_exit *incoming; /* exits of any block that are linked to this one */
	struct xlate_page *page[2];
	struct xlate_block *next_in_page[2];
	struct xlate_block *next; /* of the same hash */
};

struct xlate_counts {
	u32 blocks;  /* translated, ever */
	u32 links;   /* of exits to them */
	u32 flushes; /* of everything, mostly for want of room */
	u32 dropped; /* blocks that died alone */
};

/* The memory that a cache is made of; all of it belongs to the cache from then on. */
struct xlate_memory {
	u8 *code;         /* where the cache writes code */
	u32 code_address; /* where ring 3 runs it */
	u32 code_bytes;   /* XLATE_CODE_MIN at least */
	struct xlate_state *state;
	void *records; /* zero, aligned as pointers are; xlate_record_bytes() of it */
};

#define XLATE_CODE_MIN 16384u

struct xlate;

/* How many bytes of records go with so much code. */
u32 xlate_record_bytes(u32 code_bytes);
/* Makes an empty cache, which lies at the start of the records. */
struct xlate *xlate_init(const struct xlate_memory *);

/* Where a block is to be made from: 32-bit code. */
struct xlate_source {
	u32 eip, linear; /* of the first instruction; linear = EIP + base of CS */
	u32 limit;       /* of CS: no byte beyond it is code */
	bool indirect;   /* an indirect transfer has asked for it */
	bool trap_loads; /* of DS, ES and FS too: their descriptors may have changed unnoticed */
	const u8 *code;  /* the bytes from EIP to the end of its page */
	unsigned bytes;
	u8 next[INSN_MAX - 1]; /* the first bytes of the next linear page, */
	unsigned next_bytes;   /* 0 if it cannot be fetched from */
	u32 gfn[2];            /* of both pages */
	bool global[2];
	unsigned most; /* instructions; 0: as many as a block holds */
};

/* The block at EIP, or NULL. */
struct xlate_block *xlate_find(const struct xlate *, u32 eip);
/*
 * Makes a block and enters it into the look-up. NULL if its first instruction cannot be fetched or
 * decoded. Never fails for want of room: everything is flushed then.
 */
struct xlate_block *xlate_translate(struct xlate *, const struct xlate_source *);
/*
 * Whether an instruction of kernel code means the same in ring 3, or traps there: it is copied, and
 * may be run where it lies as well.
 */
bool xlate_is_plain(const struct insn *);

/* Links an exit to a block, so that it does not trap again. Both must be alive. */
void xlate_link(struct xlate *, struct xlate_exit *, struct xlate_block *);
/*
 * From now on an indirect transfer to the block's EIP finds it. The block; or NULL: there was no room,
 * and everything was flushed.
 */
struct xlate_block *xlate_open_gate(struct xlate *, struct xlate_block *);

/* --- where.c: from a host address back to the guest's --- */

enum xlate_place {
	XLATE_NOWHERE, /* not in the cache */
	XLATE_CLEAN,   /* at the start of a guest instruction, whose EIP it is */
	XLATE_COVERS,  /* the same, but interrupts wait until it is done */
	XLATE_INSIDE, /* past the start of one: the guest's registers are as before it only at a fault */
	XLATE_EXIT,     /* at an exit that is not linked: EIP is its target */
	XLATE_INDIRECT, /* at an indirect transfer that found nothing: EIP is xlate_state.target */
};

struct xlate_where {
	enum xlate_place place;
	u32 eip;
	struct xlate_block *block;
	struct xlate_exit *exit; /* XLATE_EXIT */
	u32 host;                /* where its translation begins */
	u32 next_eip, next_host; /* of the instruction behind it in the block; next_host 0: none */
};

/* The place stays valid until the next call; after a flush it is nowhere. */
const struct xlate_where *xlate_where(struct xlate *, u32 host);
extern const struct xlate_where xlate_nowhere;

/* --- invalidate.c: what ends a block's life --- */

void xlate_flush(struct xlate *);
/*
 * Bytes of a frame have changed: what was made from them dies; and all that was made from the frame,
 * if it is written again and again. Whether other blocks are left, so that it must still be watched.
 */
bool xlate_written(struct xlate *, u32 gfn, u32 offset, u32 bytes);
/* The mapping of a linear page is not what it was: what was made from it dies. */
void xlate_drop_page(struct xlate *, struct xlate_page *);
/* The page's mapping is a global one now, or not. */
void xlate_set_global(struct xlate *, struct xlate_page *, bool global);
/* The page that was translated from at this linear page number, or NULL. */
struct xlate_page *xlate_find_page(const struct xlate *, u32 linear);
/*
 * All of them, or only those whose mapping is not global, in any order: NULL gives the first, a page
 * the one after it, the last one NULL.
 */
struct xlate_page *xlate_next_page(const struct xlate *, const struct xlate_page *);
struct xlate_page *xlate_next_local(struct xlate *, struct xlate_page *);

const struct xlate_counts *xlate_counts(const struct xlate *);
/* Bytes of code in use. */
u32 xlate_used(const struct xlate *);
/* Names the first broken rule of the cache's structures, or NULL. */
const char *xlate_audit(const struct xlate *);
