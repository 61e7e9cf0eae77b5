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

/* IRET, IRETD. Sets EFFECT_SEGMENTS. */
enum step emulate_iret(struct vcpu *, struct emulation *);
