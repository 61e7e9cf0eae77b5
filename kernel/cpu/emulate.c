/*
 * From EIP to the function that knows the instruction: fetch, decode, look up in the opcode map.
 *
 *   cpu_fetch():    CS:EIP --> at most 15 bytes of one page, or two --> struct insn
 *   cpu_emulate():  insn.opcode --> one_byte[] or two_byte[] --> emulate_...()
 */
#include "cpu/emulate.h"

#include "cpu/access.h"
#include "cpu/instructions.h"

/* CS.D says how the code was compiled, for 16 or 32 bits; prefixes choose the other (SDM 3A 3.4.5). */
static enum decode_status decode(
	struct vcpu *v, struct emulation *e, const u8 *bytes, unsigned count)
{
	emulation_begin(e);
	return insn_decode(&e->insn, bytes, count, v->seg[CS].attr & ATTR_DB ? 4 : 2);
}

enum step cpu_fetch(struct vcpu *v, struct emulation *e)
{
	u8 bytes[INSN_MAX];
	gva_t at = gva(v->seg[CS].base + v->eip);
	unsigned count = MIN(INSN_MAX - 1u, v->seg[CS].limit - v->eip) + 1;
	unsigned here = MIN(count, PAGE_SIZE - (at.v & PAGE_MASK));
	enum decode_status status;

	if (v->eip > v->seg[CS].limit)
		return emulation_fault(v, VECTOR_GP, 0);
	/* As much as an instruction can need, for its length is known only when it is decoded. */
	TRY(access_linear(v, at, bytes, here, ACCESS_FETCH, v->cpl));
	status = decode(v, e, bytes, here);
	if (status == DECODE_SHORT && here < count) {
		/* Only an instruction that reaches the next page may fault there. */
		at.v += here;
		TRY(access_linear(v, at, bytes + here, count - here, ACCESS_FETCH, v->cpl));
		status = decode(v, e, bytes, count);
	}
	if (status == DECODE_OK)
		return STEP_DONE;
	/* Too long, or beyond the segment's limit: #GP(0) (SDM 3A 6.15). */
	return emulation_fault(v, status == DECODE_INVALID ? VECTOR_UD : VECTOR_GP, 0);
}

/* What is not plainly right is left to cpu_fetch(), which knows all that can be wrong. */
enum step cpu_fetch_mapped(struct vcpu *v, struct emulation *e, const u8 *code)
{
	const struct segment *cs = &v->seg[CS];
	unsigned here = PAGE_SIZE - ((cs->base + v->eip) & PAGE_MASK);

	if (v->eip <= cs->limit && decode(v, e, code, here) == DECODE_OK &&
		e->insn.length - 1u <= cs->limit - v->eip)
		return STEP_DONE;
	return cpu_fetch(v, e);
}

/* Undefined, or of an extension that the guest's CPUID does not offer. */
static enum step undefined(struct vcpu *v, struct emulation *e)
{
	return emulation_fault(v, VECTOR_UD, 0);
}

/* Those run on the real FPU only. They come here if their operand is where ring 3 cannot reach it. */
static enum step floating_point(struct vcpu *v, struct emulation *e)
{
	return emulation_unsupported(
		e, "a floating-point instruction accesses memory that has to be emulated");
}

/* Group 5 (SDM 2D table A-6): INC DEC CALL CALL-far JMP JMP-far PUSH. */
static enum step group_5(struct vcpu *v, struct emulation *e)
{
	switch (e->insn.reg) {
	case 0:
	case 1:
		return emulate_integer(v, e);
	case 2:
	case 4:
		return emulate_branch(v, e);
	case 3:
	case 5:
		return emulate_transfer(v, e);
	case 6:
		return emulate_stack(v, e);
	}
	return undefined(v, e);
}

/* Group 6: SLDT STR LLDT LTR are the tables' affair, VERR and VERW the segments'. */
static enum step group_6(struct vcpu *v, struct emulation *e)
{
	if (e->insn.reg < 4)
		return emulate_privileged(v, e);
	return e->insn.reg < 6 ? emulate_transfer(v, e) : undefined(v, e);
}

/* The opcode map, one byte (SDM 2D table A-2). Prefixes and what only the FPU knows stay empty. */
static const handler one_byte[256] = {
	[0x00 ... 0x05] = emulate_integer,    /* ADD */
	[0x06] = emulate_stack,               /* PUSH ES */
	[0x07] = emulate_transfer,            /* POP ES */
	[0x08 ... 0x0d] = emulate_integer,    /* OR */
	[0x0e] = emulate_stack,               /* PUSH CS */
	[0x10 ... 0x15] = emulate_integer,    /* ADC */
	[0x16] = emulate_stack,               /* PUSH SS */
	[0x17] = emulate_transfer,            /* POP SS */
	[0x18 ... 0x1d] = emulate_integer,    /* SBB */
	[0x1e] = emulate_stack,               /* PUSH DS */
	[0x1f] = emulate_transfer,            /* POP DS */
	[0x20 ... 0x25] = emulate_integer,    /* AND */
	[0x27] = emulate_integer,             /* DAA */
	[0x28 ... 0x2d] = emulate_integer,    /* SUB */
	[0x2f] = emulate_integer,             /* DAS */
	[0x30 ... 0x35] = emulate_integer,    /* XOR */
	[0x37] = emulate_integer,             /* AAA */
	[0x38 ... 0x3d] = emulate_integer,    /* CMP */
	[0x3f ... 0x4f] = emulate_integer,    /* AAS, INC, DEC */
	[0x50 ... 0x61] = emulate_stack,      /* PUSH POP PUSHA POPA */
	[0x62 ... 0x63] = emulate_integer,    /* BOUND ARPL */
	[0x68] = emulate_stack,               /* PUSH imm */
	[0x69] = emulate_integer,             /* IMUL */
	[0x6a] = emulate_stack,               /* PUSH imm8 */
	[0x6b] = emulate_integer,             /* IMUL */
	[0x6c ... 0x6f] = emulate_string,     /* INS OUTS */
	[0x70 ... 0x7f] = emulate_branch,     /* Jcc */
	[0x80 ... 0x85] = emulate_integer,    /* group 1, TEST */
	[0x86 ... 0x87] = emulate_exchange,   /* XCHG */
	[0x88 ... 0x8d] = emulate_move,       /* MOV LEA */
	[0x8e] = emulate_transfer,            /* MOV Sreg */
	[0x8f] = emulate_stack,               /* POP r/m */
	[0x90 ... 0x97] = emulate_exchange,   /* NOP XCHG */
	[0x98 ... 0x99] = emulate_move,       /* CBW CWD */
	[0x9a] = emulate_transfer,            /* CALL far */
	[0x9b] = floating_point,              /* WAIT */
	[0x9c ... 0x9d] = emulate_privileged, /* PUSHF POPF */
	[0x9e ... 0x9f] = emulate_move,       /* SAHF LAHF */
	[0xa0 ... 0xa3] = emulate_move,       /* MOV moffs */
	[0xa4 ... 0xa7] = emulate_string,     /* MOVS CMPS */
	[0xa8 ... 0xa9] = emulate_integer,    /* TEST */
	[0xaa ... 0xaf] = emulate_string,     /* STOS LODS SCAS */
	[0xb0 ... 0xbf] = emulate_move,       /* MOV imm */
	[0xc0 ... 0xc1] = emulate_bits,       /* shifts and rotates */
	[0xc2 ... 0xc3] = emulate_branch,     /* RET */
	[0xc4 ... 0xc5] = emulate_transfer,   /* LES LDS */
	[0xc6 ... 0xc7] = emulate_move,       /* MOV imm */
	[0xc8 ... 0xc9] = emulate_stack,      /* ENTER LEAVE */
	[0xca ... 0xcf] = emulate_transfer,   /* RETF INT3 INT INTO IRET */
	[0xd0 ... 0xd3] = emulate_bits,       /* shifts and rotates */
	[0xd4 ... 0xd5] = emulate_integer,    /* AAM AAD */
	[0xd7] = emulate_move,                /* XLAT */
	[0xd8 ... 0xdf] = floating_point,
	[0xe0 ... 0xe3] = emulate_branch,     /* LOOP JECXZ */
	[0xe4 ... 0xe7] = emulate_privileged, /* IN OUT */
	[0xe8 ... 0xe9] = emulate_branch,     /* CALL JMP */
	[0xea] = emulate_transfer,            /* JMP far */
	[0xeb] = emulate_branch,              /* JMP */
	[0xec ... 0xef] = emulate_privileged, /* IN OUT */
	[0xf4] = emulate_privileged,          /* HLT */
	[0xf5] = emulate_integer,             /* CMC */
	[0xf6 ... 0xf9] = emulate_integer,    /* group 3, CLC STC */
	[0xfa ... 0xfb] = emulate_privileged, /* CLI STI */
	[0xfc ... 0xfe] = emulate_integer,    /* CLD STD, group 4 */
	[0xff] = group_5,
};

/* The opcode map, 0F xx (SDM 2D table A-3). MMX and SSE stay empty. */
static const handler two_byte[256] = {
	[0x00] = group_6,
	[0x01] = emulate_privileged,          /* SGDT SIDT LGDT LIDT SMSW LMSW INVLPG */
	[0x02 ... 0x03] = emulate_transfer,   /* LAR LSL */
	[0x05] = undefined,                   /* SYSCALL */
	[0x06] = emulate_privileged,          /* CLTS */
	[0x07] = undefined,                   /* SYSRET */
	[0x08 ... 0x09] = emulate_privileged, /* INVD WBINVD */
	[0x0b] = undefined,                   /* UD2 */
	[0x0d] = emulate_move,                /* PREFETCHW */
	[0x18 ... 0x1f] = emulate_move,       /* PREFETCH, NOP r/m */
	[0x20 ... 0x23] = emulate_privileged, /* MOV CR, MOV DR */
	[0x30 ... 0x33] = emulate_privileged, /* WRMSR RDTSC RDMSR RDPMC */
	[0x34 ... 0x35] = undefined,          /* SYSENTER SYSEXIT */
	[0x40 ... 0x4f] = emulate_move,       /* CMOVcc */
	[0x80 ... 0x8f] = emulate_branch,     /* Jcc */
	[0x90 ... 0x9f] = emulate_move,       /* SETcc */
	[0xa0] = emulate_stack,               /* PUSH FS */
	[0xa1] = emulate_transfer,            /* POP FS */
	[0xa2] = emulate_privileged,          /* CPUID */
	[0xa3 ... 0xa5] = emulate_bits,       /* BT SHLD */
	[0xa8] = emulate_stack,               /* PUSH GS */
	[0xa9] = emulate_transfer,            /* POP GS */
	[0xaa] = undefined,                   /* RSM, outside system-management mode */
	[0xab ... 0xad] = emulate_bits,       /* BTS SHRD */
	[0xae] = emulate_fxstate,             /* FXSAVE FXRSTOR, fences */
	[0xaf] = emulate_integer,             /* IMUL */
	[0xb0 ... 0xb1] = emulate_exchange,   /* CMPXCHG */
	[0xb2] = emulate_transfer,            /* LSS */
	[0xb3] = emulate_bits,                /* BTR */
	[0xb4 ... 0xb5] = emulate_transfer,   /* LFS LGS */
	[0xb6 ... 0xb7] = emulate_move,       /* MOVZX */
	[0xb8 ... 0xb9] = undefined,          /* POPCNT, UD1 */
	[0xba ... 0xbd] = emulate_bits,       /* group 8, BTC BSF BSR */
	[0xbe ... 0xbf] = emulate_move,       /* MOVSX */
	[0xc0 ... 0xc1] = emulate_exchange,   /* XADD */
	[0xc3] = undefined,                   /* MOVNTI, of SSE2 */
	[0xc7] = emulate_exchange,            /* CMPXCHG8B */
	[0xc8 ... 0xcf] = emulate_move,       /* BSWAP */
	[0xff] = undefined,                   /* UD0 */
};

static handler find_handler(u16 opcode)
{
	if (opcode < OPCODE_0F)
		return one_byte[opcode & 0xff];
	return (opcode & 0xff00) == OPCODE_0F ? two_byte[opcode & 0xff] : NULL;
}

bool cpu_emulates(const struct insn *insn)
{
	handler found = find_handler(insn->opcode);

	return found && found != floating_point;
}

static void flush_tlb(struct vcpu *v, const struct emulation *e)
{
	if (e->effects & EFFECT_FLUSH)
		tlb_flush(&v->tlb);
	if (e->effects & EFFECT_CR3)
		tlb_switch(&v->tlb);
	if (e->effects & EFFECT_INVLPG)
		tlb_invlpg(&v->tlb, e->page);
}

enum step cpu_emulate(struct vcpu *v, struct emulation *e)
{
	handler run = find_handler(e->insn.opcode);
	enum step step;

	if (!run)
		return emulation_unsupported(e, "the emulator does not know this instruction");
	e->used = 0;
	v->shadow = false; /* this is the one instruction that interrupts had to wait for */
	step = run(v, e);
	if (e->effects & (EFFECT_FLUSH | EFFECT_CR3 | EFFECT_INVLPG))
		flush_tlb(v, e);
	return step;
}

/* Reads and writes are numbered together, in the order in which the instruction makes them. */
void emulation_answer(struct emulation *e, u32 value)
{
	e->answer[e->answers++] = value;
}
