/*
 * Time without a trap. A machine's TSC is its clock, in nanoseconds, and the real one is not; but from one
 * moment on, which the engine renews again and again, the one is computed from the other. And kernels
 * lose a microsecond by writing to a port that nothing listens at.
 */
#include "xlate/translation.h"

/*
 * Only the flags have to be kept; RDTSC itself replaces EAX and EDX (SDM 2B RDTSC). LAHF and SETO take all
 * six of them (SDM 1 3.4.3.1), SAHF and an addition that overflows give them back.
 *
 *       lahf;  seto %al;  mov %eax, gs:flags
 *       rdtsc;  sub gs:clock_from, %eax;  mull gs:clock_scale;  shrd $24, %edx, %eax;  shr $24, %edx
 *       add gs:clock_base, %eax;  adc gs:clock_base + 4, %edx
 *       mov %eax, gs:eax;  mov gs:flags, %eax;  add $127, %al;  sahf;  mov gs:eax, %eax
 */
enum flow translate_rdtsc(struct translation *t)
{
	static const u8 take_flags[] = {0x9f, 0x0f, 0x90, 0xc0};
	static const u8 rdtsc[] = {0x0f, 0x31};
	static const u8 shift[] = {0x0f, 0xac, 0xd0, 24, 0xc1, 0xea, 24};
	static const u8 give_flags[] = {0x04, 127, 0x9e};
	struct emitter *e = &t->out;

	emit_bytes(e, take_flags, sizeof take_flags);
	emit_state(e, 0x89, EAX, STATE(flags));
	emit_bytes(e, rdtsc, sizeof rdtsc);
	emit_state(e, 0x2b, EAX, STATE(clock_from));
	emit_state(e, 0xf7, 4, STATE(clock_scale)); /* MUL */
	emit_bytes(e, shift, sizeof shift);
	emit_state(e, 0x03, EAX, STATE(clock_base));
	emit_state(e, 0x13, EDX, STATE(clock_base) + 4);
	emit_state(e, 0x89, EAX, STATE(eax));
	emit_state(e, 0x8b, EAX, STATE(flags));
	emit_bytes(e, give_flags, sizeof give_flags);
	emit_state(e, 0x8b, EAX, STATE(eax));
	return FLOW_ON;
}

/* A PC's port for POST codes: who listens there shows them, and no machine of ours does (dev/platform.c). */
#define PORT_POST 0x80

/* OUT imm8, AL: Linux writes there behind each access to an old device, so that the device keeps up. */
enum flow translate_out_immediate(struct translation *t)
{
	if ((t->insn.imm & 0xff) != PORT_POST)
		return translate_trap(t);
	emit8(&t->out, 0x90); /* NOP */
	return FLOW_ON;
}
