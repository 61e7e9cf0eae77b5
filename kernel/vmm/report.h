/* What is said of a machine that had to be stopped. */
#pragma once

#include "vmm/vm.h"

/* Registers, the bytes at EIP, and what it did until then. */
void report_machine(struct vm *);

/* Under option `meter`: what it took the monitor to run the machine, a line for each cause. */
void report_meter(struct vm *);

/* The name of an exit kind. */
const char *report_exit_name(enum exit_kind);
