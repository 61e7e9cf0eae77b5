/*
 * The instruction decoder against the manual's formats, one by one. test_decode_zydis.c compares it
 * with another decoder on everything.
 */
#include "cpu/insn.h"
#include "cpu/length.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Decodes `count` bytes: an instruction of just this length, or what is refused as expected. */
static struct insn decode(
	unsigned size, enum decode_status expected, const u8 *bytes, unsigned count)
{
	struct insn insn;

	assert_int_equal(insn_decode(&insn, bytes, count, size), expected);
	if (expected == DECODE_OK)
		assert_int_equal(insn.length, count);
	return insn;
}

/* clang-format off */
#define BYTES(...)           (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__})
#define DECODE(...)          decode(4, DECODE_OK, BYTES(__VA_ARGS__))
#define DECODE16(...)        decode(2, DECODE_OK, BYTES(__VA_ARGS__))
#define REFUSED(status, ...) decode(4, status, BYTES(__VA_ARGS__))
/* clang-format on */

static void test_opcode_alone(void **state)
{
	struct insn insn = DECODE(0xfa); /* CLI */

	assert_int_equal(insn.opcode, 0xfa);
	assert_int_equal(insn.op_size, 4);
	assert_int_equal(insn.addr_size, 4);
	assert_int_equal(insn.seg, DS);
	assert_int_equal(insn.rep, REP_NONE);
	assert_false(insn.seg_override || insn.lock || insn.has_modrm || insn.has_memory);
	assert_int_equal(DECODE(0x0f, 0x06).opcode, OPCODE_0F | 0x06); /* CLTS */
}

static void test_prefixes(void **state)
{
	struct insn insn = DECODE(0xf3, 0x65, 0x66, 0x67, 0xa5); /* REP MOVSW GS:[SI] */

	assert_int_equal(insn.opcode, 0xa5);
	assert_int_equal(insn.rep, REP_E);
	assert_int_equal(insn.seg, GS);
	assert_true(insn.seg_override);
	assert_int_equal(insn.op_size, 2);
	assert_int_equal(insn.addr_size, 2);

	insn = DECODE(
		0x66, 0x26, 0xf3, 0x66, 0x3e, 0xf2, 0xae); /* of each group the last one counts */
	assert_int_equal(insn.op_size, 2);
	assert_int_equal(insn.seg, DS);
	assert_int_equal(insn.rep, REP_NE);

	assert_int_equal(DECODE(0x26, 0xac).seg, ES);
	assert_int_equal(DECODE(0x2e, 0xac).seg, CS);
	assert_int_equal(DECODE(0x36, 0xac).seg, SS);
	assert_int_equal(DECODE(0x64, 0xac).seg, FS);
	assert_int_equal(DECODE16(0x66, 0xad).op_size, 4);
	assert_int_equal(DECODE16(0x67, 0xad).addr_size, 4);
}

static void test_lock(void **state)
{
	assert_true(DECODE(0xf0, 0x01, 0x08).lock);      /* LOCK ADD [EAX], ECX */
	DECODE(0xf0, 0x0f, 0xc7, 0x08);                  /* LOCK CMPXCHG8B [EAX] */
	REFUSED(DECODE_INVALID, 0xf0, 0x01, 0xc8);       /* ... ADD EAX, ECX */
	REFUSED(DECODE_INVALID, 0xf0, 0x03, 0x08);       /* ... ADD ECX, [EAX] */
	REFUSED(DECODE_INVALID, 0xf0, 0x83, 0x38, 0x00); /* ... CMP [EAX], 0 */
	REFUSED(DECODE_INVALID, 0xf0, 0xfa);             /* ... CLI */
}

/* `scale` is the exponent; NO_REG where a register is missing. */
static void assert_memory(
	struct insn insn, unsigned base, unsigned index, unsigned scale, s32 disp, unsigned seg)
{
	assert_true(insn.has_memory);
	assert_int_equal(insn.base, base);
	assert_int_equal(insn.index, index);
	assert_int_equal(insn.scale, scale);
	assert_int_equal(insn.disp, disp);
	assert_int_equal(insn.seg, seg);
}

static void test_memory32(void **state)
{
	struct insn insn = DECODE(0x8b, 0xc3); /* MOV EAX, EBX */

	assert_true(insn.has_modrm);
	assert_false(insn.has_memory);
	assert_int_equal(insn.mod, 3);
	assert_int_equal(insn.reg, EAX);
	assert_int_equal(insn.rm, EBX);

	assert_memory(DECODE(0x8b, 0x03), EBX, NO_REG, 0, 0, DS);
	assert_memory(DECODE(0x8b, 0x43, 0xfc), EBX, NO_REG, 0, -4, DS);
	assert_memory(DECODE(0x8b, 0x83, 4, 3, 2, 0x81), EBX, NO_REG, 0, (s32)0x81020304, DS);
	assert_memory(DECODE(0x8b, 0x05, 4, 3, 2, 1), NO_REG, NO_REG, 0, 0x01020304, DS);
	assert_memory(DECODE(0x8b, 0x45, 0x08), EBP, NO_REG, 0, 8, SS);
	assert_memory(DECODE(0x3e, 0x8b, 0x45, 0x08), EBP, NO_REG, 0, 8, DS);
	assert_memory(DECODE(0x8b, 0x04, 0x24), ESP, NO_REG, 0, 0, SS);
	assert_memory(DECODE(0x8b, 0x04, 0x88), EAX, ECX, 2, 0, DS);
	assert_memory(DECODE(0x8b, 0x04, 0xe8), EAX, EBP, 3, 0, DS);
	assert_memory(DECODE(0x8b, 0x04, 0x4d, 4, 3, 2, 1), NO_REG, ECX, 1, 0x01020304, DS);
	assert_memory(DECODE(0x8b, 0x44, 0x4d, 0x80), EBP, ECX, 1, -128, SS);
	assert_memory(DECODE(0x8b, 0x84, 0x24, 4, 3, 2, 1), ESP, NO_REG, 0, 0x01020304, SS);
}

static void test_memory16(void **state)
{
	assert_memory(DECODE(0x67, 0x8b, 0x00), EBX, ESI, 0, 0, DS);
	assert_memory(DECODE(0x67, 0x8b, 0x42, 0xff), EBP, ESI, 0, -1, SS);
	assert_memory(DECODE(0x67, 0x8b, 0x84, 0x34, 0x12), ESI, NO_REG, 0, 0x1234, DS);
	assert_memory(DECODE(0x67, 0x8b, 0x06, 0x34, 0x12), NO_REG, NO_REG, 0, 0x1234, DS);
	assert_memory(DECODE(0x67, 0x8b, 0x46, 0x00), EBP, NO_REG, 0, 0, SS);
	assert_memory(DECODE16(0x8b, 0x07), EBX, NO_REG, 0, 0, DS);
	assert_memory(DECODE16(0x67, 0x8b, 0x04, 0x24), ESP, NO_REG, 0, 0, SS);
}

static void test_offsets(void **state)
{
	struct insn insn = DECODE(0x64, 0xa1, 4, 3, 2, 0x81); /* MOV EAX, FS:[81020304] */

	assert_memory(insn, NO_REG, NO_REG, 0, (s32)0x81020304, FS);
	assert_false(insn.has_modrm);
	assert_memory(DECODE(0x67, 0xa2, 4, 0x83), NO_REG, NO_REG, 0, 0x8304, DS);
}

static void test_immediates(void **state)
{
	struct insn insn;

	assert_int_equal(DECODE(0x83, 0xc0, 0xff).imm, 0xffffffff);             /* ADD EAX, -1 */
	assert_int_equal(DECODE(0x80, 0xc0, 0xff).imm, 0xff);                   /* ADD AL, FF */
	assert_int_equal(DECODE(0x81, 0xc0, 4, 3, 2, 0x81).imm, 0x81020304);    /* ADD EAX, ... */
	assert_int_equal(DECODE(0x66, 0x81, 0xc0, 4, 0x83).imm, 0x8304);        /* ADD AX, ... */
	assert_int_equal(DECODE(0x6a, 0x80).imm, 0xffffff80);                   /* PUSH -128 */
	assert_int_equal(DECODE(0x66, 0x68, 2, 1).imm, 0x0102);                 /* PUSH word */
	assert_int_equal(DECODE(0xcd, 0x80).imm, 0x80);                         /* INT 80 */
	assert_int_equal(DECODE(0xe6, 0xf4).imm, 0xf4);                         /* OUT F4, AL */
	assert_int_equal(DECODE(0xc2, 4, 0x80).imm, 0x8004);                    /* RET 8004 */
	assert_int_equal(DECODE(0xeb, 0xfe).imm, 0xfffffffe);                   /* JMP itself */
	assert_int_equal(DECODE(0xe8, 0xfb, 0xff, 0xff, 0xff).imm, 0xfffffffb); /* CALL */
	assert_int_equal(DECODE(0x66, 0xe9, 0xfc, 0xff).imm, 0xfffffffc);       /* JMP, 16 bits */
	assert_int_equal(DECODE(0x0f, 0x84, 1, 0, 0, 0).imm, 1);                /* JZ */
	assert_int_equal(DECODE(0xf7, 0xc0, 1, 2, 3, 4).imm, 0x04030201);       /* TEST has one */
	assert_int_equal(DECODE(0xf7, 0xd0).imm, 0);                            /* NOT has none */
	assert_int_equal(DECODE(0x0f, 0xba, 0x28, 31).imm, 31);                 /* BTS [EAX], 31 */

	insn = DECODE(0xc8, 4, 1, 2); /* ENTER 104, 2 */
	assert_int_equal(insn.imm, 0x104);
	assert_int_equal(insn.imm2, 2);
	insn = DECODE(0xea, 4, 3, 2, 1, 0x08, 0); /* JMP 8:01020304 */
	assert_int_equal(insn.imm, 0x01020304);
	assert_int_equal(insn.imm2, 8);
	insn = DECODE16(0x9a, 4, 3, 0x08, 0); /* CALL 8:0304 */
	assert_int_equal(insn.imm, 0x0304);
	assert_int_equal(insn.imm2, 8);
}

static void test_maps(void **state)
{
	struct insn insn = DECODE(0x0f, 0x22, 0x18); /* MOV CR3, EAX: mod does not matter */

	assert_int_equal(insn.opcode, OPCODE_0F | 0x22);
	assert_false(insn.has_memory);
	assert_int_equal(insn.reg, 3);
	assert_int_equal(insn.rm, EAX);

	insn = DECODE(0x0f, 0x01, 0x15, 4, 3, 2, 1); /* LGDT [01020304] */
	assert_int_equal(insn.reg, 2);
	assert_memory(insn, NO_REG, NO_REG, 0, 0x01020304, DS);

	assert_int_equal(
		DECODE(0x66, 0x0f, 0x38, 0x17, 0xc1).opcode, OPCODE_0F38 | 0x17); /* PTEST */
	assert_int_equal(DECODE(0x66, 0x0f, 0x3a, 0x63, 0x00, 0x0c).opcode,
		OPCODE_0F3A | 0x63); /* PCMPISTRI */
	assert_int_equal(
		DECODE(0xf2, 0x0f, 0x38, 0xf1, 0xc1).opcode, OPCODE_0F38 | 0xf1); /* CRC32 */
	assert_int_equal(DECODE(0x0f, 0xae, 0x05, 4, 3, 2, 1).reg, 0);            /* FXSAVE */
	assert_int_equal(DECODE(0xdd, 0x35, 4, 3, 2, 1).reg, 6);                  /* FNSAVE */
	assert_int_equal(DECODE(0x0f, 0x0f, 0x40, 0x10, 0xb4).imm, 0xb4);         /* PFMUL */
}

static void test_refused(void **state)
{
	REFUSED(DECODE_INVALID, 0x0f, 0x04);
	REFUSED(DECODE_INVALID, 0xff, 0xff);             /* group 5 has no /7 */
	REFUSED(DECODE_INVALID, 0x8d, 0xc0);             /* LEA of a register */
	REFUSED(DECODE_INVALID, 0x8e, 0xc8);             /* MOV CS, EAX */
	REFUSED(DECODE_INVALID, 0x0f, 0x22, 0xe8);       /* MOV CR5, EAX */
	REFUSED(DECODE_INVALID, 0xc5, 0xf8, 0x77);       /* VZEROUPPER */
	REFUSED(DECODE_INVALID, 0x62, 0xf1, 0x7c, 0x48); /* EVEX */
	REFUSED(DECODE_INVALID, 0x8f, 0xe8, 0x78, 0xc0); /* XOP */
	REFUSED(DECODE_INVALID, 0xf3, 0x0f, 0x6c, 0xc0); /* PUNPCKLQDQ is with 66 only */
}

/* What reaches past the bytes there are is short at every length, until it is whole. */
static void test_short(void **state)
{
	static const u8 bytes[15] = {0x2e, 0x66, 0xc7, 0x84, 0x8b, 1, 2, 3, 4, 5, 6};
	struct insn insn;

	for (unsigned count = 0; count < 11; count++)
		assert_int_equal(insn_decode(&insn, bytes, count, 4), DECODE_SHORT);
	assert_int_equal(insn_decode(&insn, bytes, 11, 4), DECODE_OK);
	assert_int_equal(insn.length, 11);
	assert_int_equal(insn.imm, 0x0605);
}

static void test_too_long(void **state)
{
	u8 bytes[20];
	struct insn insn;

	memset(bytes, 0x66, sizeof(bytes));
	bytes[14] = 0x90;
	assert_int_equal(insn_decode(&insn, bytes, sizeof(bytes), 4), DECODE_OK);
	assert_int_equal(insn.length, INSN_MAX);
	bytes[14] = 0x66;
	bytes[15] = 0x90;
	assert_int_equal(insn_decode(&insn, bytes, sizeof(bytes), 4), DECODE_TOO_LONG);
	assert_int_equal(insn_decode(&insn, bytes, INSN_MAX, 4), DECODE_TOO_LONG);
	assert_int_equal(insn_decode(&insn, bytes, 14, 4), DECODE_SHORT);
}

/* The short way gives the length that the long one does, or none; and none behind a prefix. */
static unsigned compare_length(u8 first, u8 second, u8 third, u8 fourth)
{
	const u8 bytes[INSN_MAX] = {first, second, third, fourth};
	unsigned length = insn_plain_length(bytes);
	struct insn insn;

	if (!length)
		return 0;
	assert_int_equal(insn_decode(&insn, bytes, sizeof bytes, 4), DECODE_OK);
	assert_int_equal(insn.length, length);
	assert_true(insn.opcode == first || insn.opcode == (OPCODE_0F | second));
	return length;
}

/* All opcodes with all of ModRM, and of SIB some. */
static void test_plain_length(void **state)
{
	for (unsigned opcode = 0; opcode < 256; opcode++)
		for (unsigned modrm = 0; modrm < 256; modrm++)
			for (unsigned sib = 0; sib < 256; sib += 5) {
				compare_length(opcode, modrm, sib, 0);
				compare_length(0x0f, opcode, modrm, sib);
			}
	assert_int_equal(compare_length(0x8b, 0x04, 0x85, 0), 7);  /* MOV EAX, [EAX * 4 + 0] */
	assert_int_equal(compare_length(0x0f, 0xb6, 0x45, 8), 4);  /* MOVZX EAX, byte [EBP + 8] */
	assert_int_equal(compare_length(0x81, 0x84, 0x24, 0), 11); /* ADD dword [ESP + 0], 0 */
	assert_int_equal(compare_length(0xf7, 0xd8, 0, 0), 2);     /* NEG EAX: of its group only */
	assert_int_equal(compare_length(0xf7, 0xc0, 0, 0), 6);     /* TEST has an immediate */
	assert_int_equal(compare_length(0x66, 0x90, 0, 0), 0);     /* a prefix */
	assert_int_equal(compare_length(0x0f, 0x6f, 0xc0, 0), 0);  /* MOVQ, with another MOVDQA */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opcode_alone),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_memory32),
		cmocka_unit_test(test_memory16),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_immediates),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_plain_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
