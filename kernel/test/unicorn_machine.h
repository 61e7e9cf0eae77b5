/*
 * Unicorn, which is QEMU's processor as a library, beside a virtual CPU. Include it once a test.
 *
 *   0x01000  the instruction          0x04000 - 0x0f000  operands and stack
 *   0x20000  page directory           0x21000            page table
 *
 * All is mapped where it lies, the only mapping that Unicorn 2.0.1 follows.
 */
#pragma once

#include "test/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unicorn/unicorn.h>

#include "cpu/access.h"
#include "cpu/emulate.h"
#include "test/random_insn.h"
#include "x86/paging.h"

#define MEMORY    0x40000u
#define CODE      0x1000u
#define DIRECTORY 0x20000u
#define TABLE     0x21000u
#define RIGHTS    (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

struct unicorn {
	uc_engine *engine;
	int vector; /* the exception that it has met, or -1 */
	u32 cr2;    /* of that exception */
};

static const int uc_gpr[GPR_COUNT] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX,
	UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};
static const char *const gpr_name[GPR_COUNT] = {
	"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

static u32 uc_get(struct unicorn *u, int reg)
{
	u32 value = 0;

	uc_reg_read(u->engine, reg, &value);
	return value;
}

static void uc_set(struct unicorn *u, int reg, u32 value)
{
	assert_int_equal(uc_reg_write(u->engine, reg, &value), UC_ERR_OK);
}

static void on_exception(uc_engine *engine, u32 vector, void *user)
{
	struct unicorn *u = user;

	u->vector = vector;
	u->cr2 = uc_get(u, UC_X86_REG_CR2);
	uc_emu_stop(engine);
}

/* An engine without memory, in ring 0, that stops at its first exception. */
static void uc_start(struct unicorn *u)
{
	uc_hook hook;

	assert_int_equal(uc_open(UC_ARCH_X86, UC_MODE_32, &u->engine), UC_ERR_OK);
	uc_hook_add(u->engine, &hook, UC_HOOK_INTR, on_exception, u, 1, 0);
}

/* What was run, and from which state, for whoever must find out why it went wrong. */
static void print_case(
	const char *template, const struct insn *i, const u8 *bytes, const struct vcpu *before)
{
	print_message("%s:", template);
	for (unsigned n = 0; n < i->length; n++)
		print_message(" %02x", bytes[n]);
	print_message("  eip %x eflags %x, operand at %x, gprs", before->eip, before->eflags,
		access_offset(before, i));
	for (unsigned reg = 0; reg < GPR_COUNT; reg++)
		print_message(" %x", before->gpr[reg]);
	print_message("\n");
}

/* In a test whose machine is `m`, and which runs an instruction of `template` from the state `before`. */
#define EXPECT(what, is, right)                                                          \
	do {                                                                             \
		if ((is) != (right)) {                                                   \
			print_case(template, &m->e.insn, m->ram + before->eip, before);  \
			fail_msg("%s: %x, should be %x", what, (u32)(is), (u32)(right)); \
		}                                                                        \
	} while (0)
