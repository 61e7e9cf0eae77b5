/* IN and OUT in all their sizes and forms, on ports that are there and on ports that are not. */
#include "probe.h"

#include "base/string.h"

#define SCRATCH     (COM1 + 7) /* a register of the UART that only remembers */
#define LCR         (COM1 + 3)
#define LCR_8N1     0x03
#define LCR_DIVISOR 0x83
#define ABSENT      0x2c0
#define SPEAKER     0x61

/* IN AL and IN AX leave the rest of EAX alone. */
SNIPPET(in_al_immediate, VALUE "inb $0x21, %al");
SNIPPET(in_al_dx, VALUE "movl $0x2c0, %edx; inb %dx, %al");
SNIPPET(in_ax_dx, VALUE "movl $0x2c0, %edx; inw %dx, %ax");
SNIPPET(in_eax_dx, VALUE "movl $0x2c0, %edx; inl %dx, %eax");

static void simple(void)
{
	out8(SCRATCH, secret(1));
	print("scratch: %02x then ", in8(SCRATCH));
	out8(SCRATCH, secret(2));
	print("%02x\n", in8(SCRATCH));
	out8(PIC_MASTER + 1, secret(3));
	out8(PIC_SLAVE + 1, secret(4));
	print("pic masks: %02x %02x\n", in8(PIC_MASTER + 1), in8(PIC_SLAVE + 1));
	print("in al, imm: %08x\n", in_al_immediate());
	out8(PIC_MASTER + 1, 0xff);
	for (unsigned v = 0; v < 4; v++) {
		out8(SPEAKER, v);
		print("speaker %u: %u\n", v, in8(SPEAKER) & 3);
	}
}

/* A wide access to byte registers is one access to each, the lowest first. */
static void wide(void)
{
	u32 low, high, both;

	out8(LCR, LCR_DIVISOR);
	out16(COM1, secret(5));
	low = in8(COM1);
	high = in8(COM1 + 1);
	both = in16(COM1);
	out16(COM1, 1);
	out8(LCR, LCR_8N1);
	print("divisor: %02x %02x %04x\n", low, high, both);
	print("scratch in a double word: %02x\n", in32(SCRATCH - 3) >> 24);
}

static void absent(void)
{
	out8(ABSENT, 1);
	out16(ABSENT, 2);
	out32(ABSENT, 3);
	print("absent: %02x %04x %08x\n", in8(ABSENT), in16(ABSENT), in32(ABSENT));
	print("absent to al ax eax: %08x %08x %08x\n", in_al_dx(), in_ax_dx(), in_eax_dx());
}

static void string_out(void)
{
	static const char digits[] = "0123456789abcdef";
	char text[8];
	const char *from = text;
	u32 count = sizeof text;

	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = digits[secret(6) >> 4 * i & 15];
	print("rep outsb: ");
	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(COM1) : "memory");
	print(" left %u moved %d\n", count, from - text);
	count = 5;
	from = text + 4;
	print("downwards: ");
	asm volatile("std; rep outsb; cld" : "+S"(from), "+c"(count) : "d"(COM1) : "memory");
	print(" left %u moved %d\n", count, from - text - 4);
}

static void string_in(void)
{
	u8 buffer[16];
	void *to = buffer;
	u32 count = 3;

	memset(buffer, 0, sizeof buffer);
	out8(SCRATCH, secret(7));
	asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	print("rep insb: %02x%02x%02x%02x left %u moved %d\n", buffer[0], buffer[1], buffer[2],
		buffer[3], count, to - (void *)buffer);
	count = 0;
	asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
	print("none: left %u moved %d\n", count, to - (void *)buffer);
	asm volatile("insw; insl" : "+D"(to) : "d"(ABSENT) : "memory");
	print("insw insl: %02x%02x%02x moved %d\n", buffer[3], buffer[8], buffer[9],
		to - (void *)buffer);
}

PROBE(port_io)
{
	PROBE_STOP(1);
	simple();
	wide();
	absent();
	string_out();
	string_in();
}
