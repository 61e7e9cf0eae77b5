/*
 * What the emulator promises beyond results: a fault changes nothing, devices are asked in the right
 * order and once only, string instructions stop between two iterations and go on from there.
 */
#include "test/emulation.h"

/* The emulator has asked for one access to a device; it gets its answer and goes on. */
static enum step answer(enum exit_kind kind, bool write, u32 address, unsigned size, u32 value)
{
	assert_int_equal(asked.kind, kind);
	assert_int_equal(asked.write, write);
	assert_int_equal(kind == EXIT_PORT ? asked.port : asked.address.v, address);
	assert_int_equal(asked.size, size);
	if (write)
		assert_int_equal(asked.value, value);
	asked.kind = EXIT_NONE;
	emulation_answer(&e, value);
	return cpu_emulate(&v, &e);
}

#define DEVICE_READ(address, size, value)  answer(EXIT_MMIO, false, address, size, value)
#define DEVICE_WRITE(address, size, value) answer(EXIT_MMIO, true, address, size, value)
#define PORT_READ(port, size, value)       answer(EXIT_PORT, false, port, size, value)

/* Whether the instruction faults at `address` and leaves registers and memory as they were. */
static void expect_untouched(const char *bytes, unsigned count, u32 address, u32 error)
{
	static u8 before[0x10000];
	struct vcpu saved = v;

	gmem_write(&mem, gpa(v.eip), bytes, count);
	gmem_read(&mem, gpa(0), before, sizeof before);
	assert_int_equal(cpu_fetch(&v, &e), STEP_DONE);
	expect_page_fault(cpu_emulate(&v, &e), address, error);
	assert_memory_equal(v.gpr, saved.gpr, sizeof v.gpr);
	assert_int_equal(v.eflags, saved.eflags);
	assert_int_equal(v.eip, saved.eip);
	assert_memory_equal(mem.owner, before, sizeof before);
	assert_int_equal(asked.kind, EXIT_NONE);
}

#define UNTOUCHED(bytes, address, error) expect_untouched(bytes, sizeof(bytes) - 1, address, error)

/* Page 5 is absent, page 7 read-only; EBX points to the last byte before each, ESP just behind. */
static void faults_change_nothing(void **state)
{
	turn_paging_on();
	set_pte(0x5000, 0);
	set_pte(0x7000, 0x7000 | PTE_P);
	asked.kind = EXIT_NONE;
	v.gpr[EAX] = v.gpr[ECX] = v.gpr[EDX] = 0x12345678;
	v.gpr[EBX] = 0x4fff;
	v.gpr[ESP] = 0x6008;
	v.gpr[EBP] = 0x6010;
	v.gpr[ESI] = DEVICE;
	v.gpr[EDI] = 0x7000;
	UNTOUCHED("\x01\x03", 0x5000, PF_WRITE);     /* ADD [EBX], EAX */
	UNTOUCHED("\x87\x03", 0x5000, PF_WRITE);     /* XCHG [EBX], EAX */
	UNTOUCHED("\x0f\xc1\x03", 0x5000, PF_WRITE); /* XADD [EBX], EAX */
	UNTOUCHED("\x0f\xc7\x0b", 0x5000, PF_WRITE); /* CMPXCHG8B [EBX] */
	UNTOUCHED("\x60", 0x5ffc, PF_WRITE);         /* PUSHA */
	assert_false(pte(0x6000) & (PTE_A | PTE_D));
	UNTOUCHED("\xc8\x00\x00\x05", 0x5ffc, PF_WRITE); /* ENTER 0, 5 */
	UNTOUCHED("\xc8\x09\x00\x00", 0x5ffb, PF_WRITE); /* ENTER 9, 0 */
	UNTOUCHED("\x8f\x03", 0x5000, PF_WRITE);         /* POP [EBX] */
	v.gpr[EBX] = 0x7000;
	UNTOUCHED("\x80\x0b\x01", 0x7000, PF_WRITE | PF_PRESENT); /* OR BYTE [EBX], 1 */
	UNTOUCHED("\xa4", 0x7000, PF_WRITE | PF_PRESENT); /* MOVSB from a device, not read */
	v.gpr[EDX] = 0x3f8;
	UNTOUCHED("\x6c", 0x7000, PF_WRITE | PF_PRESENT); /* INSB: the port is not read */
	v.gpr[ESP] = 0x4ff8;
	UNTOUCHED("\x61", 0x5000, 0); /* POPA */
}

static void device_read(void **state)
{
	v.gpr[ECX] = 0xaabbccdd;
	assert_int_equal(RUN("\x8a\x0d\x03\x80\x0b\x00"), STEP_EXIT); /* MOV CL, [b8003] */
	assert_int_equal(v.eip, CODE);
	assert_int_equal(DEVICE_READ(DEVICE + 3, 1, 0xfffffe42), STEP_DONE);
	assert_int_equal(v.gpr[ECX], 0xaabbcc42);
	assert_int_equal(v.eip, CODE + 6);
}

static void device_write(void **state)
{
	v.gpr[EAX] = 0x12345678;
	assert_int_equal(RUN("\x66\xa3\x00\x80\x0b\x00"), STEP_EXIT); /* MOV [b8000], AX */
	assert_int_equal(DEVICE_WRITE(DEVICE, 2, 0x5678), STEP_DONE);
	assert_int_equal(v.eip, CODE + 6);
}

static void device_modify(void **state)
{
	v.gpr[EAX] = 1;
	assert_int_equal(RUN("\x01\x05\x00\x80\x0b\x00"), STEP_EXIT); /* ADD [b8000], EAX */
	assert_int_equal(DEVICE_READ(DEVICE, 4, 0xffffffff), STEP_EXIT);
	assert_int_equal(v.eflags, EFLAGS_FIXED);
	assert_int_equal(v.eip, CODE);
	assert_int_equal(DEVICE_WRITE(DEVICE, 4, 0), STEP_DONE);
	assert_int_equal(v.eflags, EFLAGS_FIXED | EFLAGS_CF | EFLAGS_ZF | EFLAGS_PF | EFLAGS_AF);
}

/* Devices see aligned accesses only. */
static void device_unaligned(void **state)
{
	assert_int_equal(RUN("\xa1\x01\x80\x0b\x00"), STEP_EXIT); /* MOV EAX, [b8001] */
	assert_int_equal(DEVICE_READ(DEVICE + 1, 1, 0x11), STEP_EXIT);
	assert_int_equal(DEVICE_READ(DEVICE + 2, 2, 0x3322), STEP_EXIT);
	assert_int_equal(DEVICE_READ(DEVICE + 4, 1, 0x44), STEP_DONE);
	assert_int_equal(v.gpr[EAX], 0x44332211);
	assert_int_equal(RUN("\xa3\x03\x80\x0b\x00"), STEP_EXIT); /* MOV [b8003], EAX */
	assert_int_equal(DEVICE_WRITE(DEVICE + 3, 1, 0x11), STEP_EXIT);
	assert_int_equal(DEVICE_WRITE(DEVICE + 4, 2, 0x3322), STEP_EXIT);
	assert_int_equal(DEVICE_WRITE(DEVICE + 6, 1, 0x44), STEP_DONE);
}

/* Two bytes lie in RAM, two in the hole after it: RAM is written only when the device has been. */
static void device_beside_ram(void **state)
{
	poke(0x9fffc, 0x2211dead);
	v.gpr[EAX] = 0x00010000;
	assert_int_equal(RUN("\x29\x05\xfe\xff\x09\x00"), STEP_EXIT); /* SUB [9fffe], EAX */
	assert_int_equal(DEVICE_READ(0xa0000, 2, 0x4433), STEP_EXIT);
	assert_int_equal(peek(0x9fffc), 0x2211dead);
	assert_int_equal(DEVICE_WRITE(0xa0000, 2, 0x4432), STEP_DONE);
	assert_int_equal(peek(0x9fffc), 0x2211dead);
	v.gpr[EAX] = 0x00000001;
	assert_int_equal(RUN("\x29\x05\xfe\xff\x09\x00"), STEP_EXIT);
	assert_int_equal(DEVICE_READ(0xa0000, 2, 0x4433), STEP_EXIT);
	assert_int_equal(DEVICE_WRITE(0xa0000, 2, 0x4433), STEP_DONE);
	assert_int_equal(peek(0x9fffc), 0x2210dead);
}

static void device_as_stack(void **state)
{
	v.gpr[ESP] = DEVICE + 32;
	v.gpr[EDI] = 7;
	assert_int_equal(RUN("\x60"), STEP_EXIT); /* PUSHA */
	for (u32 at = DEVICE + 28; at > DEVICE; at -= 4)
		assert_int_equal(DEVICE_WRITE(at, 4, v.gpr[(DEVICE + 28 - at) / 4]), STEP_EXIT);
	assert_int_equal(v.gpr[ESP], DEVICE + 32);
	assert_int_equal(DEVICE_WRITE(DEVICE, 4, 7), STEP_DONE);
	assert_int_equal(v.gpr[ESP], DEVICE);

	v.gpr[ESP] = DEVICE + 33; /* three pieces each: more than can be remembered */
	enum step step = RUN("\x60");

	while (step == STEP_EXIT && asked.kind == EXIT_MMIO) {
		emulation_answer(&e, 0);
		step = cpu_emulate(&v, &e);
	}
	assert_int_equal(step, STEP_EXIT);
	assert_int_equal(asked.kind, EXIT_UNSUPPORTED);
	assert_non_null(asked.reason);
}

static void string_between_devices(void **state)
{
	v.gpr[ESI] = DEVICE;
	v.gpr[EDI] = DEVICE + 0x100;
	v.gpr[ECX] = 2;
	assert_int_equal(RUN("\xf3\xa5"), STEP_EXIT); /* REP MOVSD */
	assert_int_equal(DEVICE_READ(DEVICE, 4, 0x11111111), STEP_EXIT);
	assert_int_equal(v.gpr[ECX], 2);
	assert_int_equal(DEVICE_WRITE(DEVICE + 0x100, 4, 0x11111111), STEP_EXIT);
	assert_int_equal(v.gpr[ECX], 1);
	assert_int_equal(v.gpr[ESI], DEVICE + 4);
	assert_int_equal(v.eip, CODE);
	assert_int_equal(DEVICE_READ(DEVICE + 4, 4, 0x22222222), STEP_EXIT);
	assert_int_equal(DEVICE_WRITE(DEVICE + 0x104, 4, 0x22222222), STEP_DONE);
	assert_int_equal(v.gpr[ECX], 0);
	assert_int_equal(v.gpr[EDI], DEVICE + 0x108);
	assert_int_equal(v.eip, CODE + 2);
}

/* A fault in the fourth iteration leaves three done, and the instruction goes on from there. */
static void string_faults_midway(void **state)
{
	turn_paging_on();
	set_pte(0x5000, 0);
	v.gpr[EAX] = 0x41414141;
	v.gpr[EDI] = 0x4ff4;
	v.gpr[ECX] = 5;
	expect_page_fault(RUN("\xf3\xab"), 0x5000, PF_WRITE); /* REP STOSD */
	assert_int_equal(v.gpr[ECX], 2);
	assert_int_equal(v.gpr[EDI], 0x5000);
	assert_int_equal(v.eip, CODE);
	assert_int_equal(peek(0x4ffc), 0x41414141);
	set_pte(0x5000, 0x5000 | MAPPED);
	assert_int_equal(RUN("\xf3\xab"), STEP_DONE);
	assert_int_equal(v.gpr[ECX], 0);
	assert_int_equal(peek(0x5004), 0x41414141);
	assert_int_equal(v.eip, CODE + 2);
}

/* A long one gives interrupts their chance: EIP stays where it is until the last iteration. */
static void string_in_batches(void **state)
{
	v.gpr[EDI] = 0x4000;
	v.gpr[ECX] = 600;
	v.gpr[EAX] = 'x';
	assert_int_equal(RUN("\xf3\xaa"), STEP_DONE); /* REP STOSB */
	assert_int_equal(v.gpr[ECX], 600 - 256);
	assert_int_equal(v.eip, CODE);
	while (v.eip == CODE)
		assert_int_equal(RUN("\xf3\xaa"), STEP_DONE);
	assert_int_equal(v.gpr[ECX], 0);
	assert_int_equal(v.gpr[EDI], 0x4000 + 600);
	assert_int_equal(peek(0x4000 + 598), 'x' << 8 | 'x');

	v.gpr[ECX] = 2;
	v.eflags |= EFLAGS_TF; /* stepped through: one at a time */
	assert_int_equal(RUN("\xf3\xaa"), STEP_DONE);
	assert_int_equal(v.gpr[ECX], 1);
}

/* An interrupt that waits is taken after the iteration under way, if the guest lets it in. */
static void string_and_interrupt(void **state)
{
	v.intr = true;
	v.gpr[EDI] = 0x4000;
	v.gpr[ECX] = 5;
	v.eflags |= EFLAGS_IF;
	assert_int_equal(RUN("\xf3\xaa"), STEP_DONE); /* REP STOSB */
	assert_int_equal(v.gpr[ECX], 4);
	assert_int_equal(v.eip, CODE);
	v.eflags &= ~EFLAGS_IF;
	assert_int_equal(RUN("\xf3\xaa"), STEP_DONE);
	assert_int_equal(v.gpr[ECX], 0);
	assert_int_equal(v.eip, CODE + 2);
}

/* The instruction is complete, but for a write to a port, which needs no answer. */
static void assert_posted(u16 port, unsigned size, u32 value)
{
	assert_true(e.effects & EFFECT_OUT);
	assert_int_equal(asked.kind, EXIT_PORT);
	assert_true(asked.write);
	assert_int_equal(asked.port, port);
	assert_int_equal(asked.size, size);
	assert_int_equal(asked.value, value);
}

static void string_ports(void **state)
{
	v.gpr[EDX] = 0x1f0;
	v.gpr[EDI] = v.gpr[ESI] = 0x4000;
	v.gpr[ECX] = 2;
	v.eflags |= EFLAGS_TF;                            /* one by one */
	assert_int_equal(RUN("\xf3\x66\x6d"), STEP_EXIT); /* REP INSW */
	assert_int_equal(PORT_READ(0x1f0, 2, 0xffff1111), STEP_DONE);
	assert_int_equal(v.gpr[ECX], 1);
	assert_int_equal(cpu_emulate(&v, &e), STEP_EXIT);
	assert_int_equal(PORT_READ(0x1f0, 2, 0x2222), STEP_DONE);
	assert_int_equal(peek(0x4000), 0x22221111);
	assert_int_equal(v.gpr[EDI], 0x4004);
	v.eflags &= ~EFLAGS_TF;

	assert_int_equal(RUN("\x6e"), STEP_DONE); /* OUTSB */
	assert_posted(0x1f0, 1, 0x11);
	assert_int_equal(v.gpr[ESI], 0x4001);
}

static void asked_string(bool write, unsigned size, u32 count, u32 at)
{
	assert_int_equal(asked.kind, EXIT_STRING);
	assert_int_equal(asked.port, 0x1f0);
	assert_int_equal(asked.write, write);
	assert_int_equal(asked.size, size);
	assert_int_equal(asked.value, count);
	assert_int_equal(asked.address.v, at);
}

/* What lies in one page of RAM goes at once, and the registers are ahead of it. */
static void string_ports_by_the_page(void **state)
{
	v.gpr[EDX] = 0x1f0;
	v.gpr[EDI] = v.gpr[ESI] = 0x4ff0;
	v.gpr[ECX] = 9;
	assert_int_equal(RUN("\xf3\x66\x6d"), STEP_EXIT); /* REP INSW */
	asked_string(false, 2, 8, 0x4ff0);
	assert_int_equal(v.gpr[ECX], 1);
	assert_int_equal(v.gpr[EDI], 0x5000);
	assert_int_equal(v.eip, CODE);
	assert_int_equal(RUN("\xf3\x66\x6d"), STEP_EXIT); /* the rest */
	asked_string(false, 2, 1, 0x5000);
	assert_int_equal(v.gpr[ECX], 0);
	assert_int_equal(v.eip, CODE + 3);

	v.gpr[ECX] = 3;
	assert_int_equal(RUN("\xf3\x6f"), STEP_EXIT); /* REP OUTSD */
	asked_string(true, 4, 3, 0x4ff0);
	assert_int_equal(v.gpr[ESI], 0x4ffc);
	assert_int_equal(v.eip, CODE + 5);
	assert_int_equal(RUN("\xf3\x6f"), STEP_DONE); /* none */
}

/* One by one: downwards, over the end of a page or of memory, from a device. */
static void string_ports_one_by_one(void **state)
{
	v.gpr[EDX] = 0x1f0;
	v.gpr[ECX] = 4;
	v.gpr[EDI] = 0x4ffe; /* and not RAM beyond the first */
	assert_int_equal(RUN("\xf3\x6d"), STEP_EXIT);
	assert_int_equal(PORT_READ(0x1f0, 4, 0x12345678), STEP_EXIT);
	assert_int_equal(peek(0x4ffe), 0x12345678);
	asked_string(false, 4, 3, 0x5002);
	v.gpr[ESI] = DEVICE;
	v.gpr[ECX] = 4;
	assert_int_equal(RUN("\xf3\x6e"), STEP_EXIT);
	assert_int_equal(asked.kind, EXIT_MMIO);
	v.gpr[ESI] = 0x4000;
	v.eflags |= EFLAGS_DF;
	assert_int_equal(RUN("\xf3\x6e"), STEP_DONE);
	assert_posted(0x1f0, 1, peek(0x4000) & 0xff);
	assert_int_equal(v.gpr[ECX], 3); /* one write to a port at a time */
	v.eflags &= ~EFLAGS_DF;
	v.seg[ES].limit = 0x4001;
	v.gpr[EDI] = 0x4000;
	v.gpr[ECX] = 2;
	assert_int_equal(RUN("\xf3\x66\x6d"), STEP_EXIT);
	assert_int_equal(asked.kind, EXIT_PORT);
	expect_fault(PORT_READ(0x1f0, 2, 0x1111), VECTOR_GP, 0);
	assert_int_equal(v.gpr[ECX], 1);
}

static void fpu_state(void **state)
{
	memset(v.fpu.image, 0x5a, sizeof v.fpu.image);
	memset(v.fpu.image + 24, 0, 8); /* MXCSR, and its mask: the default */
	v.gpr[EBX] = 0x4000;
	assert_int_equal(RUN("\x0f\xae\x03"), STEP_DONE); /* FXSAVE [EBX] */
	assert_memory_equal((u8 *)mem.owner + 0x4000, v.fpu.image, 288);
	assert_int_equal(peek(0x4000 + 288), 0);

	memset(v.fpu.image, 0, sizeof v.fpu.image);
	assert_int_equal(RUN("\x0f\xae\x0b"), STEP_DONE); /* FXRSTOR [EBX] */
	assert_memory_equal((u8 *)mem.owner + 0x4000, v.fpu.image, 288);

	poke(0x4018, 0x10000); /* a reserved bit of MXCSR */
	expect_fault(RUN("\x0f\xae\x0b"), VECTOR_GP, 0);
	v.gpr[EBX] = 0x4008;
	expect_fault(RUN("\x0f\xae\x03"), VECTOR_GP, 0);
	expect_fault(RUN("\x0f\xae\x13"), VECTOR_UD, 0); /* LDMXCSR without OSFXSR */
	v.cr4 |= CR4_OSFXSR;
	poke(0x4008, 0x1f80);
	assert_int_equal(RUN("\x0f\xae\x13"), STEP_DONE); /* LDMXCSR [EBX] */
	poke(0x4008, 0x11f80);
	expect_fault(RUN("\x0f\xae\x13"), VECTOR_GP, 0);
	v.gpr[EBX] = 0x4100;
	assert_int_equal(RUN("\x0f\xae\x1b"), STEP_DONE); /* STMXCSR [EBX] */
	assert_int_equal(peek(0x4100), 0x1f80);
	v.cr0 |= CR0_TS;
	expect_fault(RUN("\x0f\xae\x03"), VECTOR_NM, 0);
}

/* Completed instructions use up the interrupt shadow and the resume flag. */
static void instruction_is_over(void **state)
{
	v.shadow = true;
	v.eflags |= EFLAGS_RF;
	assert_int_equal(RUN("\x90"), STEP_DONE);
	assert_false(v.shadow);
	assert_int_equal(v.eflags, EFLAGS_FIXED);
}

static void unsupported(void **state)
{
	assert_int_equal(RUN("\xd9\x03"), STEP_EXIT); /* FLD [EBX] */
	assert_int_equal(asked.kind, EXIT_UNSUPPORTED);
	assert_non_null(asked.reason);
	assert_int_equal(RUN("\x0f\x6f\x03"), STEP_EXIT); /* MOVQ MM0, [EBX] */
	assert_int_equal(asked.kind, EXIT_UNSUPPORTED);
	assert_int_equal(v.eip, CODE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(faults_change_nothing),
		TEST(device_read),
		TEST(device_write),
		TEST(device_modify),
		TEST(device_unaligned),
		TEST(device_beside_ram),
		TEST(device_as_stack),
		TEST(string_between_devices),
		TEST(string_faults_midway),
		TEST(string_in_batches),
		TEST(string_and_interrupt),
		TEST(string_ports),
		TEST(string_ports_by_the_page),
		TEST(string_ports_one_by_one),
		TEST(fpu_state),
		TEST(instruction_is_over),
		TEST(unsupported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
