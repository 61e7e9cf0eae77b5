/*
 * Single steps: runs code with TF set and says in a line where each trap said that it was, and what
 * else came between. A step is `+offset` into the code, with an i if the saved flags have interrupts
 * on, and a full stop if they end the steps. What is not a step alone has DR6 behind a stroke. Other events are named in front: f a fault, n a software
 * interrupt, q one from the timer.
 *
 *   STEPS(code, "nop; int3; nop");
 *   steps_show("code", code, code());	"code: 0: +15 n+16 +17 +24 +25."
 */
#pragma once

#include "probe.h"

#define TF_ON \
	"pushfl; orl $0x100, (%esp); popfl; " /* nine bytes; the first trap is after the next */
#define TF_OFF            "pushfl; andl $~0x100, (%esp); popfl; nop; "
#define STEPS(name, code) SNIPPET(name, VALUE TF_ON code "; " TF_OFF)

struct step_event {
	char kind; /* 0: a step */
	u32 eip, flags, dr6;
};

#define STEPS_KEPT 96
extern struct step_event steps_log[STEPS_KEPT];
extern unsigned steps_logged;

/* Handlers: for #DB; INT3 and INT 0x40 add one to EAX; #UD and #DE skip two bytes; IRQ 0. */
void steps_init(void);
/* For handlers of the probe's own. */
void steps_note(char kind, const struct frame *);

/* One line: `value` as a difference to SECRET, then the events, which are forgotten. */
void steps_show(const char *what, u32 (*code)(void), u32 value);
