# Guests nobody here wrote: Debian's kernels, in the cave and on the bare machine. Python, a shell's scripts and one program
# are in tools/guests/; what is fetched or made of it goes to $(BUILD)/guests/.

DEBIAN := $(BUILD)/guests

# make fetch: all of them, so that no network is needed later.
.PHONY: fetch
fetch:
	$(PYTHON) tools/fetch-guest --out $(DEBIAN) linux busybox gnumach memtest

# The note of where a guest is from, written when the guest is whole.
$(DEBIAN)/%.package:
	$(PYTHON) tools/fetch-guest --out $(DEBIAN) $*

# A process's measures of its kernel (make bench); the only part that is compiled, and needs no network.
guests: $(BUILD)/guest/measure
$(BUILD)/guest/measure: $(call guest_obj,tools/guests/measure.c kernel/base/string.c kernel/base/printf.c)
	$(CROSS_LD) -m elf_i386 --build-id=none -z noexecstack -o $@ $^

$(DEBIAN)/initramfs.cpio: $(DEBIAN)/linux.package $(DEBIAN)/busybox.package $(BUILD)/guest/measure \
		$(shell find tools/guests -type f)
	$(PYTHON) -m guests.initramfs --guests $(DEBIAN) --program $(BUILD)/guest/measure $@

# --- running them -----------------------------------------------------------------------------------------------------

# What Debian's Linux is told on both machines: a serial console, and not to look for what this PC does not have.
LINUX := console=ttyS0 noapic nolapic acpi=off pci=off nosmp panic=-1 nokaslr cryptomgr.notests

# $(call linux_vm,NAME[,OPTIONS]): a Linux machine, as VMS= has it.
linux_vm  = $(DEBIAN)/vmlinuz vm=$(1) mem=96M engine=translate $(2) -- $(LINUX),$(DEBIAN)/initramfs.cpio vm=$(1)
LINUX_VMS = $(call linux_vm,linux,disk=hda),$(TINY) vm=tiny mem=8M -- name=tiny script=run count 1000 10 &
MACH_VMS  = $(DEBIAN)/gnumach vm=mach mem=64M engine=translate -- console=com0

# The user's VMS, or else the default that is given; and the session that is played with the default.
GIVEN   := $(filter command% environment,$(origin VMS))
vms_or   = $(if $(GIVEN),$(VMS),$(1))
play     = $(if $(GIVEN),,--play $(1))

# The machine's disk, which Linux keeps its data on: blank at first, the same one in the cave and without it.
LINUX_FILES := $(DEBIAN)/linux.package $(DEBIAN)/initramfs.cpio $(DEBIAN)/disk.img
IDE         := -drive if=ide,format=raw,file=$(DEBIAN)/disk.img
$(DEBIAN)/disk.img:
	mkdir -p $(@D) && truncate -s 16M $@

# make run-linux [VMS=...]: Debian's Linux to a shell, a tiny machine counting beside it
.PHONY: run-linux run-linux-bare run-mach
run-linux: $(BUILD)/cave.elf guests $(LINUX_FILES)
	color=$$([ -t 0 ] && [ -t 1 ] && [ -z "$$BATCH" ] && echo color); \
	$(PYTHON) -m session --timeout 600 $(call play,tools/guests/linux.play) -- $(QEMU_PC) -m 512 $(IDE) \
		-kernel $(BUILD)/cave.elf -append "$$color $(APPEND)" -initrd "$(call vms_or,$(LINUX_VMS))"

# The same on the bare machine.
run-linux-bare: $(LINUX_FILES)
	$(PYTHON) -m session --timeout 600 --play tools/guests/bare.play -- $(QEMU_PC) -m 96 $(IDE) \
		-kernel $(DEBIAN)/vmlinuz -initrd $(DEBIAN)/initramfs.cpio -append "$(LINUX)"

# make run-mach: GNU Mach, which finds no first program and says so.
run-mach: $(BUILD)/cave.elf $(DEBIAN)/gnumach.package
	$(PYTHON) -m session -- $(QEMU_PC) -m 128 -kernel $(BUILD)/cave.elf -append "$(APPEND)" \
		-initrd "$(call vms_or,$(MACH_VMS))"

# make long: two Linux machines and a tiny one for ten minutes of their time, a few of the host's.
.PHONY: long
long: $(BUILD)/cave.elf guests
	LONG=1 $(PYTHON) -m pytest -q $(PYTEST) -n 1 kernel/test/test_debian.py -k ten_minutes
