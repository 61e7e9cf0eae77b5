/*
 * The instruction decoder against Zydis, a well-kept disassembler: on every opcode with every ModRM
 * byte after every prefix that selects, on random bytes, and on the code of the 32-bit ELF files
 * named on the command line or in the environment variable DECODE_ELF (separated by spaces).
 */
#include "cpu/insn.h"
#include "cpu/mnemonic.h"

#include <ctype.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>
#include <cmocka.h>

/* How two decoders compare. What is allowed to differ is here, with the reason. */
enum verdict {
	SAME,
	NEITHER,        /* both refuse it */
	ALLOWED_VEX,    /* VEX, EVEX and XOP: the virtual CPU has no AVX, to it they are invalid */
	ALLOWED_VENDOR, /* SSE4A and PadLock: one vendor's, run only where CPUID names it */
	ALLOWED_NEW,    /* SGX and what is younger than 2019: Key Locker, TDX, SNP, and the like */
	ALLOWED_3DNOW,  /* 3DNow! with a last byte that is none: only the length matters to us */
	ALLOWED_PREFIX, /* 66, F2, F3 before MONITORX: not undefined by AMD's manual */
	WRONG,
	VERDICT_COUNT,
};

static const char *const verdict_name[VERDICT_COUNT] = {
	"same",
	"neither",
	"AVX",
	"vendor",
	"new",
	"3DNow!",
	"MONITORX",
	"wrong",
};

struct oracle {
	ZydisDecoder decoder;
	ZydisDecoderContext context;
	ZydisDecodedInstruction insn;
	bool known;
};

static void oracle_init(struct oracle *z, unsigned size)
{
	if (size == 4)
		ZydisDecoderInit(&z->decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	else
		ZydisDecoderInit(&z->decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	/* Without MPX, CET and CLDEMOTE their opcodes are NOPs (0F 1A to 1E). */
	ZydisDecoderEnableMode(&z->decoder, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
	ZydisDecoderEnableMode(&z->decoder, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
	ZydisDecoderEnableMode(&z->decoder, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
}

static void oracle_decode(struct oracle *z, const u8 *bytes, unsigned count)
{
	z->known = ZYAN_SUCCESS(
		ZydisDecoderDecodeInstruction(&z->decoder, &z->context, bytes, count, &z->insn));
}

/* Zydis knows the instruction and we say that it is invalid. */
static enum verdict why_refused(const ZydisDecodedInstruction *z)
{
	if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return z->encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW ? WRONG : ALLOWED_VEX;
	switch (z->meta.isa_set) {
	case ZYDIS_ISA_SET_SSE4A:
	case ZYDIS_ISA_SET_PADLOCK_ACE:
	case ZYDIS_ISA_SET_PADLOCK_PHE:
	case ZYDIS_ISA_SET_PADLOCK_PMM:
	case ZYDIS_ISA_SET_PADLOCK_RNG:
		return ALLOWED_VENDOR;
	case ZYDIS_ISA_SET_SGX:
	case ZYDIS_ISA_SET_SGX_ENCLV:
	case ZYDIS_ISA_SET_PCONFIG:
	case ZYDIS_ISA_SET_KEYLOCKER:
	case ZYDIS_ISA_SET_KEYLOCKER_WIDE:
	case ZYDIS_ISA_SET_HRESET:
	case ZYDIS_ISA_SET_TDX:
	case ZYDIS_ISA_SET_SNP:
	case ZYDIS_ISA_SET_AMD_INVLPGB:
	case ZYDIS_ISA_SET_TSX_LDTRK:
		return ALLOWED_NEW;
	case ZYDIS_ISA_SET_CET:
		return z->opcode == 0x01 ? ALLOWED_NEW : WRONG; /* RSTORSSP and its like */
	default:
		return WRONG;
	}
}

/* Zydis says that the instruction is invalid and we know it. */
static enum verdict why_accepted(const struct insn *insn)
{
	if (insn->opcode == (OPCODE_0F | 0x0f))
		return ALLOWED_3DNOW;
	if (insn->opcode == (OPCODE_0F | 0x01) && insn->mod == 3 && insn->reg == 7)
		return insn->rm == 2 || insn->rm == 3 ? ALLOWED_PREFIX : WRONG;
	return WRONG;
}

/* A 16- or 32-bit register as our number. */
static unsigned reg_number(ZydisRegister reg)
{
	return reg == ZYDIS_REGISTER_NONE ? NO_REG : (unsigned)ZydisRegisterGetId(reg);
}

/* Base, index, scale, displacement and segment of the operand that ModRM or a moffs names. */
static bool same_memory(const struct insn *insn, const struct oracle *z)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT], *m = operands;

	ZydisDecoderDecodeOperands(
		&z->decoder, &z->context, &z->insn, operands, z->insn.operand_count);
	while (m < operands + z->insn.operand_count && m->type != ZYDIS_OPERAND_TYPE_MEMORY)
		m++;
	if (m == operands + z->insn.operand_count) /* a NOP's, which Zydis does not show */
		return true;
	if (reg_number(m->mem.base) != insn->base || reg_number(m->mem.index) != insn->index)
		return false;
	if (insn->index != NO_REG && MAX(m->mem.scale, 1) != 1 << insn->scale)
		return false;
	if (m->mem.segment != ZYDIS_REGISTER_ES + (ZydisRegister)insn->seg)
		return m->mem.type == ZYDIS_MEMOP_TYPE_AGEN; /* LEA uses no segment */
	return (insn->addr_size == 2 ? (u16)insn->disp : (u32)insn->disp) ==
	       (insn->addr_size == 2 ? (u16)m->mem.disp.value : (u32)m->mem.disp.value);
}

/* Zydis calls signed what has a sign, we what is extended: compare what the operand has of bits. */
static bool same_immediates(const struct insn *insn, const ZydisDecodedInstruction *z)
{
	bool whole = z->operand_width == 32 || z->raw.imm[0].is_relative;
	u32 mask = whole ? 0xffffffff : (1u << z->operand_width) - 1;

	if (z->raw.imm[0].size && (insn->imm ^ (u32)z->raw.imm[0].value.u) & mask)
		return false;
	return !z->raw.imm[1].size || insn->imm2 == z->raw.imm[1].value.u;
}

static bool same_instruction(const struct insn *insn, const struct oracle *z)
{
	const ZydisDecodedInstruction *i = &z->insn;

	if (insn->length != i->length || insn->addr_size * 8 != i->address_width)
		return false;
	if ((insn->opcode & 0xff) != i->opcode && i->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return false;
	if (insn->has_modrm != !!(i->attributes & ZYDIS_ATTRIB_HAS_MODRM))
		return false;
	if (insn->has_modrm &&
		(insn->mod << 6 | insn->reg << 3 | insn->rm) !=
			(i->raw.modrm.mod << 6 | i->raw.modrm.reg << 3 | i->raw.modrm.rm))
		return false;
	return same_immediates(insn, i) && (!insn->has_memory || same_memory(insn, z));
}

static enum verdict compare(struct oracle *z, const u8 *bytes, unsigned count, unsigned size)
{
	struct insn insn, again;
	enum decode_status status = insn_decode(&insn, bytes, count, size);

	oracle_decode(z, bytes, count);
	if (status != DECODE_OK && z->known)
		return status == DECODE_INVALID ? why_refused(&z->insn) : WRONG;
	if (status != DECODE_OK) /* what is undefined and too long at once may be called either */
		return NEITHER;
	if (!z->known)
		return why_accepted(&insn);
	if (insn_decode(&again, bytes, insn.length - 1, size) != DECODE_SHORT)
		return WRONG;
	return same_instruction(&insn, z) ? SAME : WRONG;
}

static void show(const struct oracle *z, const u8 *bytes, unsigned count, unsigned size)
{
	struct insn insn;

	printf("%u bits:", size * 8);
	for (unsigned i = 0; i < count; i++)
		printf(" %02x", bytes[i]);
	printf(": ours %d", insn_decode(&insn, bytes, count, size));
	printf(" length %u disp %x imm %x base %u index %u seg %u", insn.length, insn.disp,
		insn.imm, insn.base, insn.index, insn.seg);
	printf("; Zydis %s length %u disp %lx imm %lx\n",
		z->known ? ZydisMnemonicGetString(z->insn.mnemonic) : "invalid", z->insn.length,
		(long)z->insn.raw.disp.value, (long)z->insn.raw.imm[0].value.u);
}

/* Compares, counts, shows the first errors. Returns the length, or 1 where there is none. */
static unsigned compare_and_count(unsigned *tally, const u8 *bytes, unsigned count, unsigned size)
{
	struct oracle z;
	enum verdict verdict;

	oracle_init(&z, size);
	verdict = compare(&z, bytes, count, size);
	tally[verdict]++;
	if (verdict == WRONG && tally[WRONG] <= 20)
		show(&z, bytes, count, size);
	return z.known ? z.insn.length : 1;
}

static void report(const char *what, const unsigned *tally)
{
	printf("%s:", what);
	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		printf(" %s %u%s", verdict_name[v], tally[v], v + 1 < VERDICT_COUNT ? "," : "\n");
	assert_int_equal(tally[WRONG], 0);
}

/* Pseudo-random, the same in each run (Marsaglia's xorshift). */
static u32 random32(void)
{
	static u32 state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* Puts an opcode of one of the four maps and returns what follows. */
static u8 *put_opcode(u8 *b, unsigned map, u8 opcode)
{
	if (map > 0)
		*b++ = 0x0f;
	if (map > 1)
		*b++ = map == 2 ? 0x38 : 0x3a;
	*b++ = opcode;
	return b;
}

/* Each opcode of each map, with each ModRM byte, after each prefix that could make a difference. */
static void test_every_opcode(void **state)
{
	static const u8 prefixes[] = {0x3e, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
	unsigned tally[VERDICT_COUNT] = {0};
	u8 bytes[INSN_MAX];

	for (unsigned map = 0; map < 4; map++) {
		for (unsigned n = 0; n < 0x10000; n++) {
			for (unsigned p = 0; p < ARRAY_SIZE(prefixes); p++) {
				u8 *b = put_opcode(bytes + 1, map, n >> 8);

				bytes[0] = prefixes[p];
				*b++ = n & 0xff;
				while (b < bytes + INSN_MAX)
					*b++ = random32();
				compare_and_count(tally, bytes, INSN_MAX, 4);
				compare_and_count(tally, bytes + 1, INSN_MAX - 1, 4);
				compare_and_count(tally, bytes, INSN_MAX, 2);
			}
		}
	}
	report("every opcode", tally);
}

/* Our name, up to a space or "cc", begins Zydis's, as IRET begins iretd and CMOVcc cmovz. */
static bool same_name(const char *ours, const char *theirs)
{
	for (; *ours && *ours != ' ' && *ours != 'c'; ours++, theirs++)
		if (*ours != toupper(*theirs))
			return false;
	return true;
}

/* Names are those of the 32-bit forms without prefixes. */
static void test_names(void **state)
{
	struct oracle z;
	struct insn insn;
	u8 bytes[INSN_MAX] = {0};

	oracle_init(&z, 4);
	for (unsigned n = 0; n < 0x20000; n++) {
		const char *ours, *theirs;

		*put_opcode(bytes, n >> 16, n >> 8) = n;
		oracle_decode(&z, bytes, INSN_MAX);
		if (insn_decode(&insn, bytes, INSN_MAX, 4) != DECODE_OK || !z.known)
			continue;
		ours = insn_name(&insn);
		theirs = ZydisMnemonicGetString(z.insn.mnemonic);
		if (islower(*ours) || !strcmp(theirs, "nop") || z.insn.raw.prefix_count)
			continue;
		if (!same_name(ours, theirs))
			fail_msg("%02x %02x %02x: %s, not %s", *bytes, bytes[1], bytes[2], ours,
				theirs);
	}
}

static void test_random_bytes(void **state)
{
	unsigned tally[VERDICT_COUNT] = {0};
	u8 bytes[INSN_MAX + 3];

	for (unsigned n = 0; n < 300000; n++) {
		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = random32();
		compare_and_count(tally, bytes, sizeof(bytes), n & 1 ? 2 : 4);
	}
	report("random bytes", tally);
}

/*
 * The same with prefixes and escapes likely, so that long, odd and too long instructions are among
 * them. LOCK comes last in the list and every other time not at all: it makes nearly all undefined.
 */
static void test_random_prefixes(void **state)
{
	static const u8 prefix[] = {
		0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0};
	static const u8 map[8] = {0, 0, 0, 1, 1, 1, 2, 3};
	unsigned tally[VERDICT_COUNT] = {0};
	u8 bytes[INSN_MAX + 3];

	for (unsigned n = 0; n < 300000; n++) {
		unsigned count = random32() % INSN_MAX;
		u8 *b = bytes;

		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = random32();
		while (count--)
			*b++ = prefix[random32() % (ARRAY_SIZE(prefix) - n % 2)];
		put_opcode(b, map[random32() % 8], random32());
		compare_and_count(tally, bytes, INSN_MAX + random32() % 4, n & 4 ? 2 : 4);
	}
	report("random prefixes", tally);
}

/* --- real code -------------------------------------------------------------------------------- */

/* Compares along the code; over what is no instruction (a table among the code) byte by byte. */
static void sweep(unsigned *tally, const u8 *code, size_t bytes)
{
	size_t at = 0;

	while (at < bytes)
		at += compare_and_count(tally, code + at, MIN(bytes - at, INSN_MAX), 4);
}

/* Sweeps each executable section of an ELF32 file. */
static void sweep_elf(const char *name, u8 *file, size_t size)
{
	const Elf32_Ehdr *elf = (const Elf32_Ehdr *)file;
	unsigned tally[VERDICT_COUNT] = {0};

	assert_true(size > sizeof(*elf) && !memcmp(elf->e_ident, ELFMAG "\1\1", 6));
	assert_true(elf->e_shoff + (size_t)elf->e_shnum * sizeof(Elf32_Shdr) <= size);
	for (unsigned i = 0; i < elf->e_shnum; i++) {
		const Elf32_Shdr *s = (const Elf32_Shdr *)(file + elf->e_shoff) + i;

		if (s->sh_type == SHT_PROGBITS && s->sh_flags & SHF_EXECINSTR) {
			assert_true((size_t)s->sh_offset + s->sh_size <= size);
			sweep(tally, file + s->sh_offset, s->sh_size);
		}
	}
	report(name, tally);
}

static void sweep_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	u8 *file;
	long size;

	if (!f)
		fail_msg("%s: cannot be opened", name);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	file = malloc(size);
	assert_int_equal(fread(file, 1, size, f), size);
	fclose(f);
	sweep_elf(name, file, size);
	free(file);
}

static void test_elf_files(void **state)
{
	char **names = *state;
	char *more = strdup(getenv("DECODE_ELF") ? getenv("DECODE_ELF") : "");

	for (; *names; names++)
		sweep_file(*names);
	for (char *name = strtok(more, " "); name; name = strtok(NULL, " "))
		sweep_file(name);
	free(more);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_opcode),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_random_prefixes),
		cmocka_unit_test_prestate(test_elf_files, argv + 1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
