/*
 * How a guest ends or resets its machine, and the A20 gate. The keyboard controller uses it too.
 *
 *   port 0x0f4: QEMU's isa-debug-exit, power off with a status
 *   port 0x092: system control port A: A20 and reset (IBM PS/2 technical reference)
 *   port 0xcf9: reset control register (Intel 82371SB data sheet)
 */
#pragma once

#include "base/types.h"

enum request { REQUEST_NONE, REQUEST_POWER_OFF, REQUEST_RESET };

struct control {
	enum request request; /* what the machine shall do; the first one stands */
	u32 status;           /* REQUEST_POWER_OFF: what was written to port 0xf4 */
	const char *reason;   /* the door that it came through, for a report */
	bool a20;             /* remembered; guest memory is never wrapped at 1 MiB */
	u8 reset_control;     /* port 0xcf9 */
};

void control_init(struct control *);
void control_power_off(struct control *, u32 status, const char *reason);
void control_reset(struct control *, const char *reason);

/* Port 0x92. */
u8 control_read_port92(const struct control *);
void control_write_port92(struct control *, u8 value);
/* Ports 0xcf8 to 0xcff: only a byte access to 0xcf9 means anything, since there is no PCI bus. */
u32 control_read_cf9(const struct control *, u16 port, unsigned size);
void control_write_cf9(struct control *, u16 port, unsigned size, u32 value);
