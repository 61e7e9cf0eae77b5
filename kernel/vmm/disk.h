/*
 * What a machine's disk is made of: a module, whose changes are lost when the power goes, or a disk of
 * the real machine.
 *
 *   guest -- ports --> dev/ide --> struct ide_disk --+-- module:  the boot loader's copy of a file
 *                                                    +-- drive:   hw/ata --> hda, hdb, hdc or hdd
 */
#pragma once

#include "dev/ide.h"
#include "hw/ata.h"
#include "hw/boot.h"

struct disk {
	struct ide_disk ide; /* what dev/ide.c sees; its owner is this struct */
	const struct boot_module *module;
	enum ata_drive drive; /* if it is no module */
};

/* Both: NULL, or one sentence on why it cannot be the disk of a machine. The struct must not move. */
const char *disk_from_module(struct disk *, const struct boot_module *);
/* A real disk belongs to one machine: whoever asks first. */
const char *disk_from_drive(struct disk *, enum ata_drive);
