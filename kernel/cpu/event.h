/*
 * Events enter a guest through its own IDT: exceptions, software interrupts, external interrupts.
 * Source: SDM 3A 6.8 to 6.14; SDM 2A, INT n and IRET.
 */
#pragma once

#include "cpu/emulate.h"

/*
 * Delivers v->event: switches stacks if the handler is more privileged, pushes the frame, enters
 * the handler. A fault on the way becomes a double fault, a fault then shuts the machine down.
 * STEP_DONE: the handler is next. STEP_EXIT: exit->kind is EXIT_SHUTDOWN or EXIT_UNSUPPORTED.
 */
enum step event_deliver(struct vcpu *, struct exit *);

/* The flags that entry through a gate clears. */
u32 event_eflags_cleared(struct descriptor gate);
/* EFLAGS after a return from this level that pops `popped`, `size` bytes of it (SDM 2A, IRET). */
u32 event_returned_flags(const struct vcpu *, u32 popped, unsigned size);

/* IRET, IRETD. Sets EFFECT_SEGMENTS if it goes to another code segment. */
enum step emulate_iret(struct vcpu *, struct emulation *);
