/*
 * The monitor's life: read what is wanted, make the machines, run them until all have ended, end.
 */
#include "base/check.h"
#include "base/printf.h"
#include "base/string.h"
#include "hw/boot.h"
#include "hw/power.h"
#include "vmm/console.h"
#include "vmm/loader.h"
#include "vmm/options.h"
#include "vmm/scheduler.h"
#include "vmm/vm.h"

#define MEMORY_DEFAULT (16u * MIB)

static struct module_options options[BOOT_MODULES];

static void say_usage(void)
{
	console_say("no machine to run. Give guests as modules, for example:");
	console_say("  qemu-system-i386 -kernel build/cave.elf \\");
	console_say(
		"    -initrd \"tinyos.elf vm=red mem=8M,tinyos.elf vm=blue mem=8M -- name=blue\"");
	console_say(
		"Modules of the same vm= after the first are that guest's own modules; one with "
		"the word disk");
	console_say("is its disk. A disk of the real machine is given to the first: disk=hda.");
	console_say(
		"Options, by -append: trace meter quantum=MS log=quiet|normal color raw=MACHINE "
		"window=0xADDRESS xlate=one|tiny");
}

/* Reads every module's command line; modules without vm= become machines of their own. */
static const char *read_modules(const struct boot_info *boot)
{
	static char names[BOOT_MODULES][VM_NAME];

	for (unsigned i = 0; i < boot->module_count; i++) {
		const char *wrong = options_module(boot->module[i].command_line, &options[i]);

		if (wrong)
			return wrong;
		if (!options[i].vm) {
			print_to(names[i], VM_NAME, "vm%u", i + 1);
			options[i].vm = names[i];
		}
	}
	return NULL;
}

static bool is_first(unsigned module)
{
	for (unsigned i = 0; i < module; i++)
		if (!strcmp(options[i].vm, options[module].vm))
			return false;
	return true;
}

/* The machine whose kernel is module `first`, with all modules of the same name but its disk. */
static struct guest_files collect(const struct boot_info *boot, unsigned first)
{
	struct guest_files files = {0};

	for (unsigned i = first; i < boot->module_count; i++)
		if (i == first ||
			(!strcmp(options[i].vm, options[first].vm) && !options[i].is_disk)) {
			files.module[files.count] = &boot->module[i];
			files.options[files.count++] = &options[i];
		}
	return files;
}

/* The module that is the machine's disk, or NULL; a sentence in *wrong if they are not as they should be. */
static const struct boot_module *disk_module(
	const struct boot_info *boot, unsigned first, const char **wrong)
{
	const struct boot_module *found = NULL;

	*wrong = NULL;
	if (options[first].is_disk)
		*wrong = "its first module is marked as its disk: give its kernel first";
	for (unsigned i = first + 1; i < boot->module_count; i++) {
		if (strcmp(options[i].vm, options[first].vm))
			continue;
		if (options[i].drive != ATA_DRIVES)
			*wrong = "disk=hda and its like belong to its first module, its kernel";
		if (options[i].is_disk && (found || options[first].drive != ATA_DRIVES))
			*wrong = "it has two disks: give one module marked disk, or one disk=";
		if (options[i].is_disk)
			found = &boot->module[i];
	}
	return found;
}

/* Gives the machine the disk that its modules ask for, if any. NULL, or one sentence. */
static const char *attach_disk(struct vm *vm, const struct boot_info *boot, unsigned first)
{
	const char *wrong;
	const struct boot_module *module = disk_module(boot, first, &wrong);

	if (!wrong && module)
		wrong = disk_from_module(&vm->disk, module);
	else if (!wrong && options[first].drive != ATA_DRIVES)
		wrong = disk_from_drive(&vm->disk, options[first].drive);
	if (!wrong && vm->disk.ide.sectors) {
		platform_attach_disk(&vm->platform, &vm->disk.ide);
		console_log("%s: a disk of %u KiB", vm->name, vm->disk.ide.sectors / 2);
	}
	return wrong;
}

/* False, after one sentence, if the machine cannot be started; the others go on. */
static bool start_machine(const struct boot_info *boot, unsigned first)
{
	const struct module_options *o = &options[first];
	struct guest_files files = collect(boot, first);
	u32 memory = o->memory ? o->memory : MEMORY_DEFAULT;
	const char *why;
	const struct engine *engine = o->engine ? o->engine : loader_engine(&files);
	struct vm *vm = vm_create(o->vm, memory, engine, &why);

	if (!vm) {
		console_say(
			"%s is not started (%s, %u MiB): %s", o->vm, o->file, memory / MIB, why);
		return false;
	}
	why = attach_disk(vm, boot, first);
	if (!why)
		why = loader_load(vm, &files);
	if (why) {
		vm->state = VM_ENDED;
		console_say("%s is not started (%s): %s", o->vm, o->file, why);
		return false;
	}
	console_log("%s: %s, %u MiB, %s", vm->name, o->file, memory / MIB, vm->engine->name);
	return true;
}

static bool all_ended_well(void)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (!vms[i]->ended_well)
			return false;
	return true;
}

void monitor_main(const struct boot_info *boot)
{
	struct monitor_options monitor;
	const char *wrong = options_monitor(boot->command_line, &monitor);
	bool all_started = true;

	if (!wrong)
		wrong = read_modules(boot);
	if (wrong)
		console_say("%s", wrong);
	else if (!boot->module_count)
		say_usage();
	if (wrong || !boot->module_count)
		power_off(END_USAGE);

	for (unsigned i = 0; i < boot->module_count; i++)
		if (is_first(i) && !start_machine(boot, i))
			all_started = false;
	console_focus();
	scheduler_run(monitor.quantum);

	console_log("all machines have ended");
	power_off(all_started && all_ended_well() ? END_GOOD : END_KILLED);
}

/* What a function of a lab does until a student has written it (base/check.h). */
void lab_todo(unsigned lab, const char *function, const char *where)
{
	struct vm *vm = scheduler_current();

	if (!vm)
		panic("lab %u: %s is not written yet; read %s", lab, function, where);
	vm_kill(vm, "lab %u: %s is not written yet; read %s", lab, function, where);
	scheduler_abandon();
}
