/*
 * What the command lines say.
 *
 *   cave.elf:  trace meter quantum=MS log=quiet|normal color raw=MACHINE window=0xADDRESS
 *              xlate=one|tiny, which forces a shape on translated code (engine/engine.h)
 *   a module:  FILE vm=NAME mem=SIZE engine=direct|translate disk=hda -- what the guest gets
 *   its disk:  FILE vm=NAME disk
 */
#pragma once

#include "hw/boot.h"
#include "vmm/vm.h"

struct monitor_options {
	u64 quantum; /* nanoseconds */
};

/* A module that is a machine's kernel, or goes with one. Texts point into `line`. */
struct module_options {
	char line[BOOT_COMMAND_LINE];
	const char *file;            /* without its directory */
	const char *vm;              /* NULL: a machine of its own */
	u32 memory;                  /* bytes; 0: not said */
	const struct engine *engine; /* NULL: not said */
	bool is_disk;                /* the file is the machine's disk, not for its memory */
	enum ata_drive drive;        /* the real disk that is to be its; ATA_DRIVES: none */
	const char *arguments;       /* behind "--" */
};

/* Both: NULL, or one sentence on what is wrong, which names it and what would be right. */
const char *options_monitor(const char *line, struct monitor_options *);
const char *options_module(const char *line, struct module_options *);
