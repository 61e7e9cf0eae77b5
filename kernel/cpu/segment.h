/*
 * Segment registers and descriptor tables as the guest sees them, with the checks of protected
 * mode. Source: SDM 3A 3.4, 5.5 to 5.8. All of these return STEP_DONE, or STEP_FAULT with the
 * exception pending in the vcpu.
 */
#pragma once

#include "cpu/emulate.h"

static inline unsigned segment_dpl(const struct segment *s)
{
	return (s->attr & ATTR_DPL) >> ATTR_DPL_SHIFT;
}

static inline bool segment_is_code(const struct segment *s)
{
	return (s->attr & ATTR_S) && (s->attr & ATTR_CODE);
}

static inline bool segment_is_writable(const struct segment *s)
{
	return (s->attr & ATTR_S) && !(s->attr & ATTR_CODE) && (s->attr & ATTR_WRITABLE);
}

static inline bool segment_equal(const struct segment *a, const struct segment *b)
{
	u32 x, y; /* selector and attributes */

	__builtin_memcpy(&x, a, sizeof x);
	__builtin_memcpy(&y, b, sizeof y);
	return x == y && a->base == b->base && a->limit == b->limit;
}

static inline bool selector_is_null(u16 selector)
{
	return !(selector & ~SELECTOR_RPL);
}

/* In a 16-bit stack segment only SP counts (SDM 1 6.2.3). */
static inline u32 stack_offset(const struct segment *ss, u32 esp)
{
	return ss->attr & ATTR_DB ? esp : esp & 0xffff;
}

/*
 * ESP after a push or pop, of which the upper half stays in a 16-bit segment. The stack grows down:
 * `distance` is negative, that is, a large number, for a push.
 */
static inline u32 stack_move(const struct segment *ss, u32 esp, u32 distance)
{
	u32 moved = stack_offset(ss, esp + distance);

	return ss->attr & ATTR_DB ? moved : (esp & 0xffff0000) | moved;
}

/* The register that a selector and the descriptor it names make. */
struct segment segment_make(u16 selector, struct descriptor);

/*
 * The guest-linear address of the descriptor that `selector` names; false if its table ends before.
 */
bool segment_address(const struct vcpu *, u16 selector, gva_t *address);

/*
 * Reads what `selector` names. A selector outside its table raises `vector` with the error code
 * selector | `ext` (ERROR_EXT while an external event is delivered, else 0).
 */
enum step segment_read(struct vcpu *, u16 selector, enum vector, u32 ext, struct segment *);

/*
 * Sets the accessed bit of a code or data descriptor in the guest's table and in `segment` (SDM 3A
 * 3.4.5.1).
 */
enum step segment_mark(struct vcpu *, struct segment *);

/* MOV, POP and the like into ES, SS, DS, FS or GS. Changes the register, or nothing. */
enum step segment_load(struct vcpu *, enum sreg, u16 selector);

/*
 * The code segment of a far JMP or CALL at the current level, checked but not loaded. A gate or
 * task that may be used comes back too (not ATTR_S), for the caller to refuse.
 */
enum step segment_check_jump(struct vcpu *, u16 selector, struct segment *);

/* A stack segment for privilege `cpl`: `vector` with the selector, or #SS if it is not present. */
enum step segment_check_stack(
	struct vcpu *, u16 selector, unsigned cpl, enum vector, u32 ext, struct segment *);

/* The code segment that IRET or a far RET goes back to, checked but not loaded. */
enum step segment_check_return(struct vcpu *, u16 selector, struct segment *);

/*
 * After a return to an outer level: data segments that it may not use become null (SDM 3A 5.8.6).
 */
void segment_drop_privileged(struct vcpu *);
