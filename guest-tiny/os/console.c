/*
 * The keyboard's side of the serial port: bytes come by interrupt, are echoed, can be taken back,
 * and become readable when their line is complete.
 *
 *   ... | read already | complete lines | being typed | free ...
 *                      ^ taken          ^ complete    ^ typed
 *
 * The three only count up; modulo SIZE they are places in the ring.
 */
#include "os.h"

#include "insn.h"
#include "machine.h"
#include "pic.h"

#define SIZE            256u
#define UART_IER        1
#define IER_DATA_READY  0x01
#define CONTROL(letter) ((letter)&0x1f)
#define KEY_DELETE      0x7f

static char ring[SIZE];
static u32 taken, complete, typed;
static u32 foreground;
static bool interrupted;

static void erase(void)
{
	if (typed == complete)
		return;
	typed--;
	print("\b \b");
}

static void put(char c)
{
	ring[typed++ % SIZE] = c;
	serial_put(c);
}

static void input(char c)
{
	bool room = typed - taken < SIZE - 1 && typed - complete < COMMAND_MAX - 1;

	if (c == '\r' || c == '\n') {
		if (typed - taken == SIZE)
			return;
		put('\n');
		complete = typed;
		process_wake(ring);
	} else if (c == '\b' || c == KEY_DELETE) {
		erase();
	} else if (c == CONTROL('C')) {
		print("^C\n");
		typed = complete;
		interrupted = true;
	} else if (c >= ' ' && room) {
		put(c);
	}
}

static void end_foreground(void)
{
	struct process *p = process_find(foreground);

	if (p && p->state != FREE)
		process_end(p, STATUS_KILLED);
}

/*
 * The port is emptied before anything else may happen: the interrupt controller sees edges, and the
 * line falls only when no byte is left. Ending the current process, which does not return, is last.
 */
static void on_receive(struct frame *f)
{
	int c;

	irq_eoi(IRQ_COM1);
	while ((c = serial_get()) >= 0)
		input(c);
	if (interrupted) {
		interrupted = false;
		end_foreground();
	}
}

void console_init(void)
{
	irq_set(IRQ_COM1, on_receive);
	out8(COM1 + UART_IER, IER_DATA_READY);
	irq_unmask(IRQ_COM1);
}

u32 console_read(char *buffer, u32 bytes)
{
	u32 length = 0;
	char c;

	while (taken == complete)
		process_block(ring, "reading");
	while ((c = ring[taken++ % SIZE]) != '\n')
		if (length + 1 < bytes)
			buffer[length++] = c;
	buffer[length] = 0;
	return length;
}

void console_foreground(u32 pid)
{
	foreground = pid;
}
