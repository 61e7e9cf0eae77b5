/*
 * The opcode maps. Each has the shape of the manual's: the row is the high digit of the opcode, the
 * column the low one; and the letters are the manual's where it has some (SDM 2D A.2.1), except
 * that an operand that takes no byte is left out.
 *
 *   UD   no instruction             Ib   a byte of immediate      E    ModRM: register or memory
 *   o    the opcode alone           Is   ... that is signed       M    ModRM: memory only
 *   pf   a prefix                   Iw   two bytes                R    ModRM: a register only
 *   esc  leads to the next map      Iz   2 or 4, by operand size  C    ModRM: register, any mod
 *   Gn   by ModRM.reg: group n      Jb   branch, one byte         L    E, and may be LOCKed
 *   Pn   by mandatory prefix        Jz   branch, 2 or 4 bytes     EIb  E, then Ib; and so on
 *   Sn   by ModRM.rm                Ap   far pointer
 *                                   O    2 or 4, by address size
 *
 * A digit after a letter is the set of mandatory prefixes that make an instruction: 1 for none, 2
 * for 66, 4 for F3, 8 for F2. So E3, the most frequent, is an MMX instruction that SSE2 widened:
 * alone or with 66; and Ef takes all four. Without a digit such prefixes change nothing but, with
 * 66, the operand size.
 *
 * What is here: everything with a legacy encoding up to about 2019, VMX and SVM included. Which of
 * it the virtual CPU has is not the decoder's affair. What is not here: VEX, EVEX and XOP (AVX and
 * its kin), whose first bytes are LES, LDS, BOUND and POP to a processor without them; and some
 * that a kernel runs only where CPUID names vendor or feature: SSE4A, PadLock, SGX, Key Locker.
 */
#include "cpu/opcodes.h"

#define SET(digit)   ((digit) << 16)
#define INDEX(n)     ((n) << 20)
#define GROUP(n)     (E | CELL_GROUP | INDEX(n))
#define BY_PREFIX(n) (o | CELL_BY_PREFIX | INDEX(n))
#define S(set)       (E | CELL_BY_RM | INDEX(set))

/* clang-format off */

/*
 * The manual's group numbers (SDM 2D table A-6), 11 to 15 as one hexadecimal digit, with b and z
 * for operands of a byte and of more. Then MOV of control registers, MOV to and from segment
 * registers, and the x87's opcodes D9 to DF.
 */
enum group {
	g1, g1a, g3b, g3z, g4, g5, g6, g7, g8, g9, gbb, gbz, gc, ge, gf,
	gcr, gsr, gsw, gx9, gxa, gxb, gxd, gxe, gxf,
};
enum by_prefix { p12, p16, pd6, pf0, pf6 };

enum cell {
	UD = 0, esc = 0, o = CELL_DEFINED, pf = o | CELL_PREFIX,

	Ib = o | IMM_BYTE, Is = o | IMM_SIGNED, Iw = o | IMM_WORD, Iz = o | IMM_SIZE,
	Jb = o | IMM_SIGNED, Jz = o | IMM_BRANCH, Ap = o | IMM_FAR, O = o | IMM_OFFSET,
	Iwb = o | IMM_ENTER,

	E = o | CELL_MODRM, M = E | CELL_NO_REGISTER, R = E | CELL_NO_MEMORY,
	C = E | CELL_REGISTER, L = E | CELL_LOCK,
	EIb = E | Ib, EIs = E | Is, EIz = E | Iz,

	o1 = o | SET(1),
	E1 = E | SET(1), E2 = E | SET(2), E3 = E | SET(3), E4 = E | SET(4), E5 = E | SET(5),
	E7 = E | SET(7), Ea = E | SET(10), Ee = E | SET(14), Ef = E | SET(15),
	M1 = M | SET(1), M2 = M | SET(2), M3 = M | SET(3), M8 = M | SET(8), Me = M | SET(14),
	R3 = R | SET(3),
	E1b = E1 | Ib, E2b = E2 | Ib, E3b = E3 | Ib, Efb = Ef | Ib, R3b = R3 | Ib,

	G1b = GROUP(g1) | Ib, G1s = GROUP(g1) | Is, G1z = GROUP(g1) | Iz, G1a = GROUP(g1a),
	G3b = GROUP(g3b), G3z = GROUP(g3z), G4 = GROUP(g4), G5 = GROUP(g5), G6 = GROUP(g6),
	G7 = GROUP(g7), G8b = GROUP(g8) | Ib, G9 = GROUP(g9), Gbb = GROUP(gbb), Gbz = GROUP(gbz),
	Gcb = GROUP(gc) | Ib, Geb = GROUP(ge) | Ib, Gf = GROUP(gf),
	Gcr = GROUP(gcr), Gsr = GROUP(gsr), Gsw = GROUP(gsw), Gx9 = GROUP(gx9), Gxa = GROUP(gxa),
	Gxb = GROUP(gxb), Gxd = GROUP(gxd), Gxe = GROUP(gxe), Gxf = GROUP(gxf),

	P12 = BY_PREFIX(p12), P16 = BY_PREFIX(p16), Pd6 = BY_PREFIX(pd6), Pf0 = BY_PREFIX(pf0),
	Pf6 = BY_PREFIX(pf6),

	/* The values of ModRM.rm that are defined, a bit each: x87; then groups 11 and 7. */
	S01 = S(0x01), S02 = S(0x02), S1f = S(0x1f), S33 = S(0x33), S7f = S(0x7f),
	Sb = S(0x01) | Ib, Sz = S(0x01) | Jz,
	S70 = S(0x1e) | SET(1), S71 = S(0x0f) | SET(1), S72 = S(0x73) | SET(1),
	S75 = S(0xc1) | SET(1), S77 = S(0x3e),
};

const u32 opcode_map[256] = {
/*       0    1    2    3    4    5    6    7    8    9    a    b    c    d    e    f */
/* 0 */  L,   L,   E,   E,   Ib,  Iz,  o,   o,   L,   L,   E,   E,   Ib,  Iz,  o,   esc,
/* 1 */  L,   L,   E,   E,   Ib,  Iz,  o,   o,   L,   L,   E,   E,   Ib,  Iz,  o,   o,
/* 2 */  L,   L,   E,   E,   Ib,  Iz,  pf,  o,   L,   L,   E,   E,   Ib,  Iz,  pf,  o,
/* 3 */  L,   L,   E,   E,   Ib,  Iz,  pf,  o,   E,   E,   E,   E,   Ib,  Iz,  pf,  o,
/* 4 */  o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,
/* 5 */  o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   o,
/* 6 */  o,   o,   M,   E,   pf,  pf,  pf,  pf,  Iz,  EIz, Is,  EIs, o,   o,   o,   o,
/* 7 */  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,  Jb,
/* 8 */  G1b, G1z, G1b, G1s, E,   E,   L,   L,   E,   E,   E,   E,   Gsw, M,   Gsr, G1a,
/* 9 */  o,   o,   o,   o,   o,   o,   o,   o,   o,   o,   Ap,  o,   o,   o,   o,   o,
/* a */  O,   O,   O,   O,   o,   o,   o,   o,   Ib,  Iz,  o,   o,   o,   o,   o,   o,
/* b */  Ib,  Ib,  Ib,  Ib,  Ib,  Ib,  Ib,  Ib,  Iz,  Iz,  Iz,  Iz,  Iz,  Iz,  Iz,  Iz,
/* c */  EIb, EIb, Iw,  o,   M,   M,   Gbb, Gbz, Iwb, o,   Iw,  o,   o,   Ib,  o,   o,
/* d */  E,   E,   E,   E,   Ib,  Ib,  o,   o,   E,   Gx9, Gxa, Gxb, E,   Gxd, Gxe, Gxf,
/* e */  Jb,  Jb,  Jb,  Jb,  Ib,  Ib,  Ib,  Ib,  Jz,  Jz,  Ap,  Jb,  o,   o,   o,   o,
/* f */  pf,  o,   pf,  pf,  o,   o,   G3b, G3z, o,   o,   o,   o,   o,   o,   G4,  G5,
};

const u32 opcode_map_0f[256] = {
/*       0    1    2    3    4    5    6    7    8    9    a    b    c    d    e    f */
/* 0 */  G6,  G7,  E,   E,   UD,  o,   o,   o,   o,   o,   UD,  o,   UD,  E,   o,   EIb,
/* 1 */  Ef,  Ef,  P12, M3,  E3,  E3,  P16, M3,  E,   E,   E,   E,   E,   E,   E,   E,
/* 2 */  Gcr, C,   Gcr, C,   UD,  UD,  UD,  UD,  E3,  E3,  Ef,  M3,  Ef,  Ef,  E3,  E3,
/* 3 */  o,   o,   o,   o,   o,   o,   UD,  o1,  esc, UD,  esc, UD,  UD,  UD,  UD,  UD,
/* 4 */  E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,
/* 5 */  R3,  Ef,  E5,  E5,  E3,  E3,  E3,  E3,  Ef,  Ef,  Ef,  E7,  Ef,  Ef,  Ef,  Ef,
/* 6 */  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E2,  E2,  E3,  E7,
/* 7 */  Efb, Gcb, Gcb, Geb, E3,  E3,  E3,  o1,  E1,  E1,  UD,  UD,  Ea,  Ea,  E7,  E7,
/* 8 */  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,  Jz,
/* 9 */  E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,   E,
/* a */  o,   o,   o,   E,   EIb, E,   UD,  UD,  o,   o,   o,   L,   EIb, E,   Gf,  E,
/* b */  L,   L,   M,   L,   M,   M,   E,   E,   E4,  E,   G8b, L,   E,   E,   E,   E,
/* c */  L,   L,   Efb, M1,  E3b, R3b, E3b, G9,  o,   o,   o,   o,   o,   o,   o,   o,
/* d */  Ea,  E3,  E3,  E3,  E3,  E3,  Pd6, R3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,
/* e */  E3,  E3,  E3,  E3,  E3,  E3,  Ee,  M3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,
/* f */  M8,  E3,  E3,  E3,  E3,  E3,  E3,  R3,  E3,  E3,  E3,  E3,  E3,  E3,  E3,  E,
};

/* The three-byte maps are nearly empty: what is not named is UD. */
const u32 opcode_map_0f38[256] = {
	[0x00 ... 0x0b] = E3, [0x10] = E2, [0x14 ... 0x15] = E2, [0x17] = E2, [0x1c ... 0x1e] = E3,
	[0x20 ... 0x25] = E2, [0x28 ... 0x29] = E2, [0x2a] = M2, [0x2b] = E2, [0x30 ... 0x35] = E2,
	[0x37 ... 0x41] = E2, [0x80 ... 0x82] = M2, [0xc8 ... 0xcd] = E1, [0xcf] = E2,
	[0xdb ... 0xdf] = E2, [0xf0 ... 0xf1] = Pf0, [0xf5] = M2, [0xf6] = Pf6,
	[0xf8] = Me, [0xf9] = M1,
};

const u32 opcode_map_0f3a[256] = {
	[0x08 ... 0x0e] = E2b, [0x0f] = E3b, [0x14 ... 0x17] = E2b, [0x20 ... 0x22] = E2b,
	[0x40 ... 0x42] = E2b, [0x44] = E2b, [0x60 ... 0x63] = E2b, [0xcc] = E1b,
	[0xce ... 0xcf] = E2b, [0xdf] = E2b,
};

/* What a group's row has as immediate is added to what the opcode's own cell has. */
const u32 opcode_group[][16] = {
/*        memory                                    register
 *        /0   /1   /2   /3   /4   /5   /6   /7     /0   /1   /2   /3   /4   /5   /6   /7 */
[g1]  = { L,   L,   L,   L,   L,   L,   L,   E,     E,   E,   E,   E,   E,   E,   E,   E   }, /* 80 to 83 */
[g1a] = { E,   UD,  UD,  UD,  UD,  UD,  UD,  UD,    E,   UD,  UD,  UD,  UD,  UD,  UD,  UD  }, /* 8F */
[g3b] = { EIb, EIb, L,   L,   E,   E,   E,   E,     EIb, EIb, E,   E,   E,   E,   E,   E   }, /* F6 */
[g3z] = { EIz, EIz, L,   L,   E,   E,   E,   E,     EIz, EIz, E,   E,   E,   E,   E,   E   }, /* F7 */
[g4]  = { L,   L,   UD,  UD,  UD,  UD,  UD,  UD,    E,   E,   UD,  UD,  UD,  UD,  UD,  UD  }, /* FE */
[g5]  = { L,   L,   E,   E,   E,   E,   E,   UD,    E,   E,   E,   UD,  E,   UD,  E,   UD  }, /* FF */
[g6]  = { E,   E,   E,   E,   E,   E,   UD,  UD,    E,   E,   E,   E,   E,   E,   UD,  UD  }, /* 0F 00 */
[g7]  = { E,   E,   E,   E,   E,   UD,  E,   E,     S70, S71, S72, E,   E,   S75, E,   S77 }, /* 0F 01 */
[g8]  = { UD,  UD,  UD,  UD,  E,   L,   L,   L,     UD,  UD,  UD,  UD,  E,   E,   E,   E   }, /* 0F BA */
[g9]  = { UD,  L,   UD,  E1,  E1,  E1,  E7,  E1,    UD,  UD,  UD,  UD,  UD,  UD,  E3,  E7  }, /* 0F C7 */
[gbb] = { EIb, UD,  UD,  UD,  UD,  UD,  UD,  UD,    EIb, UD,  UD,  UD,  UD,  UD,  UD,  Sb  }, /* C6 */
[gbz] = { EIz, UD,  UD,  UD,  UD,  UD,  UD,  UD,    EIz, UD,  UD,  UD,  UD,  UD,  UD,  Sz  }, /* C7 */
[gc]  = { UD,  UD,  UD,  UD,  UD,  UD,  UD,  UD,    UD,  UD,  E3,  UD,  E3,  UD,  E3,  UD  }, /* 0F 71, 72 */
[ge]  = { UD,  UD,  UD,  UD,  UD,  UD,  UD,  UD,    UD,  UD,  E3,  E2,  UD,  UD,  E3,  E2  }, /* 0F 73 */
[gf]  = { E1,  E1,  E1,  E1,  E5,  E1,  E7,  E3,    UD,  UD,  UD,  UD,  E4,  E5,  Ef,  E1  }, /* 0F AE */
[gcr] = { C,   UD,  C,   C,   C,   UD,  UD,  UD,    C,   UD,  C,   C,   C,   UD,  UD,  UD  }, /* 0F 20, 22 */
[gsr] = { E,   UD,  E,   E,   E,   E,   UD,  UD,    E,   UD,  E,   E,   E,   E,   UD,  UD  }, /* 8E */
[gsw] = { E,   E,   E,   E,   E,   E,   UD,  UD,    E,   E,   E,   E,   E,   E,   UD,  UD  }, /* 8C */
[gx9] = { E,   UD,  E,   E,   E,   E,   E,   E,     E,   E,   S01, E,   S33, S7f, E,   E   }, /* D9 */
[gxa] = { E,   E,   E,   E,   E,   E,   E,   E,     E,   E,   E,   E,   UD,  S02, UD,  UD  }, /* DA */
[gxb] = { E,   E,   E,   E,   UD,  E,   UD,  E,     E,   E,   E,   E,   S1f, E,   E,   UD  }, /* DB */
[gxd] = { E,   E,   E,   E,   E,   UD,  E,   E,     E,   E,   E,   E,   E,   E,   UD,  UD  }, /* DD */
[gxe] = { E,   E,   E,   E,   E,   E,   E,   E,     E,   E,   E,   S02, E,   E,   E,   E   }, /* DE */
[gxf] = { E,   E,   E,   E,   E,   E,   E,   E,     E,   E,   E,   E,   S01, E,   E,   UD  }, /* DF */
};

const u32 opcode_by_prefix[][MANDATORY_COUNT] = {
/*           none  66   F3   F2 */
	[p12] = { E,   M,   E,   E },  /* 0F 12: MOVLPS and MOVHLPS, MOVLPD, MOVSLDUP, MOVDDUP */
	[p16] = { E,   M,   E,   UD }, /* 0F 16: MOVHPS and MOVLHPS, MOVHPD, MOVSHDUP */
	[pd6] = { UD,  E,   R,   R },  /* 0F D6: MOVQ, MOVQ2DQ, MOVDQ2Q */
	[pf0] = { M,   M,   UD,  E },  /* 0F 38 F0 and F1: MOVBE, CRC32 */
	[pf6] = { M,   E,   E,   UD }, /* 0F 38 F6: WRSS, ADCX, ADOX */
};
/* clang-format on */
