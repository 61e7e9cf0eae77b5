/*
 * Names of instructions, by opcode and, in groups, by ModRM.reg. Conditions are not spelt out: Jcc
 * is any conditional jump. MMX and SSE have no names here.
 */
#include "cpu/mnemonic.h"

/* clang-format off */
static const char *const one_byte[256] = {
	[0x00 ... 0x05] = "ADD", [0x08 ... 0x0d] = "OR", [0x10 ... 0x15] = "ADC",
	[0x18 ... 0x1d] = "SBB", [0x20 ... 0x25] = "AND", [0x28 ... 0x2d] = "SUB",
	[0x30 ... 0x35] = "XOR", [0x38 ... 0x3d] = "CMP", [0x06] = "PUSH ES", [0x07] = "POP ES",
	[0x0e] = "PUSH CS", [0x16] = "PUSH SS", [0x17] = "POP SS", [0x1e] = "PUSH DS",
	[0x1f] = "POP DS", [0x27] = "DAA", [0x2f] = "DAS", [0x37] = "AAA", [0x3f] = "AAS",
	[0x40 ... 0x47] = "INC", [0x48 ... 0x4f] = "DEC", [0x50 ... 0x57] = "PUSH",
	[0x58 ... 0x5f] = "POP", [0x60] = "PUSHA", [0x61] = "POPA", [0x62] = "BOUND",
	[0x63] = "ARPL", [0x68] = "PUSH", [0x69] = "IMUL", [0x6a] = "PUSH", [0x6b] = "IMUL",
	[0x6c ... 0x6d] = "INS", [0x6e ... 0x6f] = "OUTS", [0x70 ... 0x7f] = "Jcc",
	[0x84 ... 0x85] = "TEST", [0x86 ... 0x87] = "XCHG", [0x88 ... 0x8b] = "MOV",
	[0x8c] = "MOV from Sreg", [0x8d] = "LEA", [0x8e] = "MOV to Sreg", [0x8f] = "POP",
	[0x90] = "NOP", [0x91 ... 0x97] = "XCHG", [0x98] = "CWDE", [0x99] = "CDQ",
	[0x9a] = "CALL far", [0x9b] = "FWAIT", [0x9c] = "PUSHF", [0x9d] = "POPF", [0x9e] = "SAHF",
	[0x9f] = "LAHF", [0xa0 ... 0xa3] = "MOV", [0xa4 ... 0xa5] = "MOVS",
	[0xa6 ... 0xa7] = "CMPS", [0xa8 ... 0xa9] = "TEST", [0xaa ... 0xab] = "STOS",
	[0xac ... 0xad] = "LODS", [0xae ... 0xaf] = "SCAS", [0xb0 ... 0xbf] = "MOV",
	[0xc2 ... 0xc3] = "RET", [0xc4] = "LES", [0xc5] = "LDS", [0xc6 ... 0xc7] = "MOV",
	[0xc8] = "ENTER", [0xc9] = "LEAVE", [0xca ... 0xcb] = "RET far", [0xcc] = "INT3",
	[0xcd] = "INT", [0xce] = "INTO", [0xcf] = "IRET", [0xd4] = "AAM", [0xd5] = "AAD",
	[0xd6] = "SALC", [0xd7] = "XLAT", [0xd8 ... 0xdf] = "x87 instruction", [0xe0] = "LOOPNE",
	[0xe1] = "LOOPE", [0xe2] = "LOOP", [0xe3] = "JECXZ", [0xe4 ... 0xe5] = "IN",
	[0xe6 ... 0xe7] = "OUT", [0xe8] = "CALL", [0xe9] = "JMP", [0xea] = "JMP far",
	[0xeb] = "JMP", [0xec ... 0xed] = "IN", [0xee ... 0xef] = "OUT", [0xf1] = "INT1",
	[0xf4] = "HLT", [0xf5] = "CMC", [0xf8] = "CLC", [0xf9] = "STC", [0xfa] = "CLI",
	[0xfb] = "STI", [0xfc] = "CLD", [0xfd] = "STD",
};

static const char *const two_byte[256] = {
	[0x02] = "LAR", [0x03] = "LSL", [0x05] = "SYSCALL", [0x06] = "CLTS", [0x07] = "SYSRET",
	[0x08] = "INVD", [0x09] = "WBINVD", [0x0b] = "UD2", [0x0d] = "PREFETCH",
	[0x18] = "PREFETCH", [0x19 ... 0x1f] = "NOP", [0x20] = "MOV from CR",
	[0x21] = "MOV from DR", [0x22] = "MOV to CR", [0x23] = "MOV to DR", [0x30] = "WRMSR",
	[0x31] = "RDTSC", [0x32] = "RDMSR", [0x33] = "RDPMC", [0x34] = "SYSENTER",
	[0x35] = "SYSEXIT", [0x40 ... 0x4f] = "CMOVcc", [0x77] = "EMMS", [0x80 ... 0x8f] = "Jcc",
	[0x90 ... 0x9f] = "SETcc", [0xa0] = "PUSH FS", [0xa1] = "POP FS", [0xa2] = "CPUID",
	[0xa3] = "BT", [0xa4 ... 0xa5] = "SHLD", [0xa8] = "PUSH GS", [0xa9] = "POP GS",
	[0xaa] = "RSM", [0xab] = "BTS", [0xac ... 0xad] = "SHRD", [0xaf] = "IMUL",
	[0xb0 ... 0xb1] = "CMPXCHG", [0xb2] = "LSS", [0xb3] = "BTR", [0xb4] = "LFS",
	[0xb5] = "LGS", [0xb6 ... 0xb7] = "MOVZX", [0xb8] = "POPCNT", [0xb9] = "UD1",
	[0xbb] = "BTC", [0xbc] = "BSF", [0xbd] = "BSR", [0xbe ... 0xbf] = "MOVSX",
	[0xc0 ... 0xc1] = "XADD", [0xc3] = "MOVNTI", [0xc8 ... 0xcf] = "BSWAP", [0xff] = "UD0",
};

/* Names by ModRM.reg, for the forms with memory, with a register, or both. */
static const struct {
	u16 first, last;
	enum { MEMORY = 1, REGISTER = 2, BOTH = 3 } forms;
	const char *name[8];
} groups[] = {
	{0x80, 0x83, BOTH, {"ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP"}},
	{0xc0, 0xc1, BOTH, {"ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SHL", "SAR"}},
	{0xc6, 0xc6, REGISTER, {[7] = "XABORT"}},
	{0xc7, 0xc7, REGISTER, {[7] = "XBEGIN"}},
	{0xd0, 0xd3, BOTH, {"ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SHL", "SAR"}},
	{0xf6, 0xf7, BOTH, {"TEST", "TEST", "NOT", "NEG", "MUL", "IMUL", "DIV", "IDIV"}},
	{0xfe, 0xff, BOTH, {"INC", "DEC", "CALL", "CALL far", "JMP", "JMP far", "PUSH"}},
	{0x0f00, 0x0f00, BOTH, {"SLDT", "STR", "LLDT", "LTR", "VERR", "VERW"}},
	{0x0f01, 0x0f01, MEMORY, {"SGDT", "SIDT", "LGDT", "LIDT", [7] = "INVLPG"}},
	{0x0f01, 0x0f01, BOTH, {[4] = "SMSW", [6] = "LMSW"}},
	{0x0fae, 0x0fae, MEMORY, {"FXSAVE", "FXRSTOR", "LDMXCSR", "STMXCSR"}},
	{0x0fae, 0x0fae, REGISTER, {[5] = "LFENCE", "MFENCE", "SFENCE"}},
	{0x0fba, 0x0fba, BOTH, {[4] = "BT", "BTS", "BTR", "BTC"}},
	{0x0fc7, 0x0fc7, MEMORY, {[1] = "CMPXCHG8B"}},
	{0x0fc7, 0x0fc7, REGISTER, {[6] = "RDRAND", "RDSEED"}},
};
/* clang-format on */

static const char *group_name(const struct insn *insn)
{
	unsigned form = insn->has_memory ? MEMORY : REGISTER;

	if (!insn->has_modrm)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(groups); i++)
		if (insn->opcode >= groups[i].first && insn->opcode <= groups[i].last &&
			groups[i].forms & form && groups[i].name[insn->reg])
			return groups[i].name[insn->reg];
	return NULL;
}

const char *insn_name(const struct insn *insn)
{
	const char *name = group_name(insn);

	if (!name && insn->opcode < OPCODE_0F)
		name = one_byte[insn->opcode & 0xff];
	if (!name && (insn->opcode & 0xff00) == OPCODE_0F)
		name = two_byte[insn->opcode & 0xff];
	return name ? name : "instruction";
}
