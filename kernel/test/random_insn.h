/*
 * Random instructions for tests: templates in the manual's notation, a generator of bytes, where their
 * operands lie, and what the manual leaves undefined. Include it once a test, behind _GNU_SOURCE (memmem).
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "cpu/insn.h"
#include "cpu/vcpu.h"

#define DATA     0x4000u /* where memory operands shall lie */
#define DATA_END 0xf000u

/*
 * Instructions in the manual's notation. XX+n: one of n opcodes; XX*n: one of n, 8 apart; /r: any
 * ModRM; /m: memory only; /d or /a-b: ModRM.reg fixed, or one of several; ib iw iz: an immediate; o:
 * an offset. The prefixes 66, 67, segment overrides and LOCK or REP are added at random.
 */
static const char *const templates[] = {"00*8 /r", "01*8 /r", "02*8 /r", "03*8 /r", "04*8 ib",
	"05*8 iz", "06*4", "0F A0", "0F A8", "27", "2F", "37", "3F", "40+16", "50+8", "58+8", "60",
	"61", "62 /m", "63 /r", "68 iz", "6A ib", "69 /r iz", "6B /r ib", "70+16 ib", "80 /0-7 ib",
	"81 /0-7 iz", "83 /0-7 ib", "84+2 /r", "86+2 /r", "88+4 /r", "8C /0-5", "8D /m", "8F /0",
	"90+8", "98+2", "9E+2", "A0+4 o", "A4+4", "A8 ib", "A9 iz", "AA+6", "B0+8 ib", "B8+8 iz",
	"C0+2 /0-7 ib", "C2 iw", "C3", "C6 /0 ib", "C7 /0 iz", "C8 iw ib", "C9", "D0+4 /0-7",
	"D4+2 ib", "D7", "E0+4 ib", "E8+2 iz", "EB ib", "F5", "F6 /0 ib", "F7 /0 iz", "F6 /2-5",
	"F7 /2-5", "F6 /6-7", "F7 /6-7", "F8+2", "FC+2", "FE /0-1", "FF /0-1", "FF /2", "FF /4",
	"FF /6", "0F 0B", "0F 18 /0-3m", "0F 1F /0", "0F 40+16 /r", "0F 80+16 iz", "0F 90+16 /r",
	"0F A3*4 /r", "0F A4 /r ib", "0F A5 /r", "0F AC /r ib", "0F AD /r", "0F AF /r",
	"0F B0+2 /r", "0F B6+2 /r", "0F BA /4-7 ib", "0F BC+2 /r", "0F BE+2 /r", "0F C0+2 /r",
	"0F C7 /1m", "0F C8+8"};

/* A fixed sequence: the same test on every machine. */
static u32 random_state;

static u32 random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static u32 below(u32 n)
{
	return random32() % n;
}

/* Values at the edges of 8, 16 and 32 bits are worth more than random ones. */
static u32 random_value(void)
{
	static const u32 edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, 0x99, 9, 10};

	switch (below(4)) {
	case 0:
		return edges[below(ARRAY_SIZE(edges))];
	case 1:
		return below(256);
	default:
		return random32();
	}
}

static void put(u8 *bytes, unsigned *n, u32 value, unsigned size)
{
	memcpy(bytes + *n, &value, size);
	*n += size;
}

static void put_prefixes(u8 *bytes, unsigned *n, const char *template)
{
	static const u8 overrides[] = {0x26, 0x36, 0x3e, 0x64, 0x65};
	bool string = !strncmp(template, "A4", 2) || !strncmp(template, "AA", 2);

	if (below(3) == 0 && strcmp(template, "0F C8+8"))
		bytes[(*n)++] = 0x66;
	if (below(6) == 0)
		bytes[(*n)++] = 0x67;
	if (below(6) == 0)
		bytes[(*n)++] = overrides[below(sizeof overrides)];
	if (string && below(2))
		bytes[(*n)++] = 0xf2 + below(2);
}

/* ModRM with SIB and displacement of the right length; the displacement is settled later. */
static void put_modrm(u8 *bytes, unsigned *n, const char *token, unsigned addr_size)
{
	unsigned reg = below(8), mod = below(4), rm = below(8), size = addr_size;

	if (token[1] >= '0' && token[1] <= '7')
		reg = token[1] - '0';
	if (token[2] == '-')
		reg += below(token[3] - token[1] + 1);
	if (strchr(token, 'm'))
		mod = below(3);
	bytes[(*n)++] = mod << 6 | reg << 3 | rm;
	if (mod == 3)
		return;
	if (addr_size == 4 && rm == 4) {
		rm = below(8);
		bytes[(*n)++] = below(4) << 6 | below(8) << 3 | rm;
	}
	if (mod == 1)
		size = 1;
	else if (mod == 0 && rm != (addr_size == 4 ? 5 : 6))
		size = 0;
	put(bytes, n, random32(), size);
}

static void put_immediate(u8 *bytes, unsigned *n, const char *token, unsigned op_size)
{
	if (token[1] == 'b')
		put(bytes, n, random_value(), 1);
	else if (token[1] == 'w')
		put(bytes, n, below(0x100), 2);
	else
		put(bytes, n, random_value(), op_size);
}

/* Writes one instruction of the template; its bytes are settled but for addresses. */
static unsigned generate(u8 *bytes, const char *template)
{
	unsigned n = 0, op_size, addr_size;
	char copy[32];

	put_prefixes(bytes, &n, template);
	op_size = memchr(bytes, 0x66, n) ? 2 : 4;
	addr_size = memchr(bytes, 0x67, n) ? 2 : 4;
	strcpy(copy, template);
	for (char *token = strtok(copy, " "); token; token = strtok(NULL, " ")) {
		char *rest;

		if (token[0] == '/') {
			put_modrm(bytes, &n, token, addr_size);
		} else if (token[0] == 'i') {
			put_immediate(bytes, &n, token, op_size);
		} else if (token[0] == 'o') {
			put(bytes, &n, DATA + below(DATA_END - DATA), addr_size);
		} else {
			bytes[n] = strtoul(token, &rest, 16);
			if (*rest)
				bytes[n] += below(atoi(rest + 1)) * (*rest == '*' ? 8 : 1);
			n++;
		}
	}
	return n;
}

static bool is_string(const struct insn *i)
{
	return (i->opcode >= 0xa4 && i->opcode <= 0xa7) || (i->opcode >= 0xaa && i->opcode <= 0xaf);
}

/* Makes the memory operand lie at `target`, by a register if it has one, else by its displacement. */
static void aim(struct insn *i, u32 *gpr, u8 *bytes, unsigned length, u32 target)
{
	u32 rest = target - i->disp;

	if (i->index != NO_REG && i->base != i->index)
		rest -= gpr[i->index] << i->scale;
	if (i->base != NO_REG && i->base == i->index)
		gpr[i->base] = rest / (1 + (1 << i->scale));
	else if (i->base != NO_REG)
		gpr[i->base] =
			i->addr_size == 4 ? rest : (gpr[i->base] & ~0xffffu) | (rest & 0xffff);
	if (i->base == NO_REG && i->has_modrm) {
		u8 *at = memmem(bytes, length, &i->disp, i->addr_size);

		rest += i->disp;
		memcpy(at, &rest, i->addr_size);
		i->disp = rest;
	}
}

/* The status flags that the manual leaves undefined after this instruction. */
static u32 undefined_flags(const struct insn *i, const struct vcpu *before)
{
	const u32 all = EFLAGS_ARITH;
	unsigned bits = 8 * (i->opcode & 1 || i->opcode > 0xff ? i->op_size : 1);
	unsigned count = i->opcode < 0xd0 || (i->opcode > 0xff && !(i->opcode & 1)) ? i->imm
			 : (i->opcode & 0xfe) == 0xd0                               ? 1
						      : before->gpr[ECX];

	count &= 31;
	switch (i->opcode) {
	case 0x08 ... 0x0d: /* OR AND XOR TEST: AF */
	case 0x20 ... 0x25:
	case 0x30 ... 0x35:
	case 0x84 ... 0x85:
	case 0xa8 ... 0xa9:
		return EFLAGS_AF;
	case 0x80 ... 0x83:
		return i->reg == 1 || i->reg == 4 || i->reg == 6 ? EFLAGS_AF : 0;
	case 0x27: /* DAA DAS */
	case 0x2f:
		return EFLAGS_OF;
	case 0x37: /* AAA AAS: only AF and CF mean something */
	case 0x3f:
		return all & ~(EFLAGS_AF | EFLAGS_CF);
	case 0xd4 ... 0xd5: /* AAM AAD */
		return EFLAGS_OF | EFLAGS_AF | EFLAGS_CF;
	case 0x69: /* IMUL: only CF and OF */
	case 0x6b:
	case 0x0faf:
		return all & ~(EFLAGS_CF | EFLAGS_OF);
	case 0xf6 ... 0xf7:
		if (i->reg < 2)
			return EFLAGS_AF;
		if (i->reg < 4)
			return 0;
		return i->reg < 6 ? all & ~(EFLAGS_CF | EFLAGS_OF) : all;
	case 0x0fa3: /* BT and its kin: CF alone, and ZF stays */
	case 0x0fab:
	case 0x0fb3:
	case 0x0fba ... 0x0fbb:
		return EFLAGS_OF | EFLAGS_SF | EFLAGS_AF | EFLAGS_PF;
	case 0x0fbc ... 0x0fbd: /* BSF BSR: ZF alone */
		return all & ~EFLAGS_ZF;
	case 0xc0 ... 0xc1:
	case 0xd0 ... 0xd3: /* OF for a count of 1; shifts: AF never, CF not once all bits are out */
		if (count == 0)
			return 0;
		return (count != 1 ? EFLAGS_OF : 0) | (i->reg >= 4 ? EFLAGS_AF : 0) |
		       (i->reg >= 4 && i->reg < 7 && count >= bits ? EFLAGS_CF : 0);
	case 0x0fa4 ... 0x0fa5: /* the same for SHLD and SHRD; everything beyond the operand's bits */
	case 0x0fac ... 0x0fad:
		if (count == 0)
			return 0;
		return count > bits ? all : EFLAGS_AF | (count != 1 ? EFLAGS_OF : 0);
	}
	return 0;
}

/* SHLD and SHRD of 16 bits by more, and BSWAP of 16, have no defined result at all. */
static bool undefined_result(const struct insn *i, const struct vcpu *before)
{
	unsigned count = i->opcode & 1 ? before->gpr[ECX] : i->imm;

	return (i->opcode & 0xfff6) == 0x0fa4 && i->op_size == 2 && (count & 31) > 16;
}
