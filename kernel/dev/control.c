/* The doors by which a guest ends its machine. What the machine does about it is the vmm's. */
#include "dev/control.h"

#define PORT92_RESET 0x01u /* a rising edge resets */
#define PORT92_A20   0x02u

#define CF9_PORT       0xcf9
#define CF9_HARD_RESET 0x02u
#define CF9_RESET      0x04u /* a rising edge resets, by bit 1 hard or soft */

void control_init(struct control *control)
{
	*control = (struct control){.a20 = true};
}

/* The machine stops at its first request, but the instruction that makes it may make two. */
void control_power_off(struct control *control, u32 status, const char *reason)
{
	if (control->request != REQUEST_NONE)
		return;
	control->request = REQUEST_POWER_OFF;
	control->status = status;
	control->reason = reason;
}

void control_reset(struct control *control, const char *reason)
{
	if (control->request != REQUEST_NONE)
		return;
	control->request = REQUEST_RESET;
	control->reason = reason;
}

u8 control_read_port92(const struct control *control)
{
	return control->a20 ? PORT92_A20 : 0;
}

void control_write_port92(struct control *control, u8 value)
{
	control->a20 = value & PORT92_A20;
	if (value & PORT92_RESET) /* bit 0 was clear: it is never kept */
		control_reset(control, "fast reset by port 0x92");
}

/* A wider access is one to the configuration address of a PCI bus, and there is none. */
static bool is_cf9(u16 port, unsigned size)
{
	return port == CF9_PORT && size == 1;
}

u32 control_read_cf9(const struct control *control, u16 port, unsigned size)
{
	return is_cf9(port, size) ? control->reset_control : ~0u >> (32 - 8 * size);
}

void control_write_cf9(struct control *control, u16 port, unsigned size, u32 value)
{
	if (!is_cf9(port, size))
		return;
	if (value & ~control->reset_control & CF9_RESET)
		control_reset(control, "reset by port 0xcf9");
	control->reset_control = value & (CF9_HARD_RESET | CF9_RESET);
}
