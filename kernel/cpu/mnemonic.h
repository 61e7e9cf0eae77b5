/* Names of instructions, for reports. */
#pragma once

#include "cpu/insn.h"

/*
 * The manual's mnemonic of a decoded instruction, in capitals, without its prefixes, as in "OUT" or
 * "MOV to CR"; "x87 instruction", or "instruction" at least, for what no report needs to tell apart.
 */
const char *insn_name(const struct insn *);
