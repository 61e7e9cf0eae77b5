/*
 * The interval timer's registers: byte order, latches, read-back, modes and the gate (8254 data
 * sheet).
 */
#include "probe.h"

#define CHANNEL2  0x42
#define SPEAKER   0x61
#define GATE      0x01
#define OUTPUT    0x20
#define LATCH_0   0x00
#define LATCH_2   0x80
#define READ_BACK 0xc0
#define NO_COUNT  0x20 /* of a read-back: the count is not wanted */
#define NO_STATUS 0x10
#define OF_0      0x02

static u16 read_both(u16 port)
{
	u8 low = in8(port);

	return low | in8(port) << 8;
}

static void start(u8 command, u16 port, u16 count)
{
	out8(PIT_COMMAND, command);
	out8(port, count & 0xff);
	out8(port, count >> 8);
}

static void wait_a_little(void)
{
	for (u32 n = 0; n < 2000; n++)
		asm volatile("");
}

static u8 status(u8 which, u16 port)
{
	out8(PIT_COMMAND, READ_BACK | NO_COUNT | which);
	return in8(port);
}

/*
 * A latched count stays until it is read, and is read low byte first; then the counter itself is
 * read.
 */
static void try_latch(void)
{
	u16 first, second, third;

	start(0x34, PIT_CHANNEL0, 0xffff);
	wait_a_little();
	out8(PIT_COMMAND, LATCH_0);
	wait_a_little();
	out8(PIT_COMMAND, LATCH_0); /* a second latch before the read is ignored */
	first = read_both(PIT_CHANNEL0);
	out8(PIT_COMMAND, LATCH_0);
	second = read_both(PIT_CHANNEL0);
	third = read_both(PIT_CHANNEL0);
	print("latch: counts down %u %u kept %u\n", first < 0xffff,
		third <= second && second<first, first - second> 10);
}

static void try_read_back(void)
{
	static const u8 commands[] = {0x30, 0x34, 0x36, 0x38, 0x10, 0x14, 0x24};
	u8 first;

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		out8(PIT_COMMAND, commands[i]);
		out8(PIT_CHANNEL0, 0xf0);
		if ((commands[i] & 0x30) == 0x30)
			out8(PIT_CHANNEL0, 0xf0);
		wait_a_little();
		print("status %02x: %02x\n", commands[i], status(OF_0, PIT_CHANNEL0) & 0x7f);
	}
	start(0x34, PIT_CHANNEL0, 0x8000);
	wait_a_little();
	out8(PIT_COMMAND, READ_BACK | OF_0); /* both: the status comes first */
	first = in8(PIT_CHANNEL0);
	print("both: %02x then a count %u\n", first & 0x3f, read_both(PIT_CHANNEL0) < 0x8000);
}

/* Channel 2, whose gate port 0x61 opens and whose output it shows. */
static void try_gate(void)
{
	u16 first, second;

	out8(SPEAKER, GATE);
	start(0xb0, CHANNEL2, 0x4000);
	wait_a_little();
	out8(PIT_COMMAND, LATCH_2);
	first = read_both(CHANNEL2);
	print("output: %u", !!(in8(SPEAKER) & OUTPUT));
	wait_a_little();
	out8(PIT_COMMAND, LATCH_2);
	second = read_both(CHANNEL2);
	print(" counts %u gate reads %u\n", second < first, in8(SPEAKER) & GATE);
	while (!(in8(SPEAKER) & OUTPUT))
		;
	print("output: rose\n");
	out8(SPEAKER, 0);
}

/* Mode 0 interrupts once; mode 2 again and again; a new command takes the output's level back. */
static void try_modes(void)
{
	u32 edges = 0;

	pit_once(500);
	while (!(pic_requests() & 1 << IRQ_TIMER))
		;
	out8(PIC_MASTER, 0x0c); /* poll: acknowledges */
	in8(PIC_MASTER);
	out8(PIC_MASTER, PIC_EOI_OF(IRQ_TIMER));
	wait_a_little();
	wait_a_little();
	print("mode 0: again %u\n", pic_requests() & 1);
	pit_periodic(500);
	while (edges < 5) {
		if (!(pic_requests() & 1 << IRQ_TIMER))
			continue;
		out8(PIC_MASTER, 0x0c);
		in8(PIC_MASTER);
		out8(PIC_MASTER, PIC_EOI_OF(IRQ_TIMER));
		edges++;
	}
	print("mode 2: %u edges\n", edges);
}

PROBE(pit_registers)
{
	irq_unmask(IRQ_TIMER);
	print("secret: %08x\n", secret(1));
	PROBE_STOP(1);
	try_latch();
	try_read_back();
	try_gate();
	try_modes();
}
