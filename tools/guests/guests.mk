# Guests nobody here wrote: Debian's kernels, in the cave and on the bare machine. Python, a shell's scripts and one program
# are in tools/guests/; what is fetched or made of it goes to $(BUILD)/guests/.

DEBIAN := $(BUILD)/guests

# make fetch: all of them, so that no network is needed later.
.PHONY: fetch
fetch:
	$(PYTHON) tools/fetch-guest --out $(DEBIAN) linux busybox gnumach memtest

$(DEBIAN)/linux.package: ; $(PYTHON) tools/fetch-guest --out $(DEBIAN) linux
$(DEBIAN)/busybox.package: ; $(PYTHON) tools/fetch-guest --out $(DEBIAN) busybox
$(DEBIAN)/gnumach.package: ; $(PYTHON) tools/fetch-guest --out $(DEBIAN) gnumach

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

LINUX_FILES := $(DEBIAN)/linux.package $(DEBIAN)/initramfs.cpio $(DEBIAN)/disk.img
LINUX_VMS   := $(DEBIAN)/vmlinuz vm=linux mem=96M engine=translate disk=hda -- $(LINUX),$(DEBIAN)/initramfs.cpio vm=linux,$\
	$(TINY) vm=tiny mem=8M -- name=tiny script=run count 1000
IF_VMS       = $(if $(filter command% environment,$(origin VMS)),$(VMS),$(1))
IF_PLAY      = $(if $(filter command% environment,$(origin VMS)),,--play $(1))
DISK         = -drive if=ide,format=raw,file=$(DEBIAN)/disk.img

# The machine's disk, which Linux keeps its data on: blank at first, the same one in the cave and without it.
$(DEBIAN)/disk.img:
	mkdir -p $(@D) && truncate -s 16M $@

# make run-linux [VMS=...]: Debian's Linux to a shell, a tiny machine counting beside it
.PHONY: run-linux run-linux-bare run-mach
run-linux: $(BUILD)/cave.elf guests $(LINUX_FILES)
	$(PYTHON) -m session --timeout 600 $(call IF_PLAY,tools/guests/linux.play) -- $(QEMU_PC) -m 256 $(DISK) \
		-kernel $(BUILD)/cave.elf -append "$(APPEND)" -initrd "$(call IF_VMS,$(LINUX_VMS))"

run-linux-bare: $(LINUX_FILES)
	$(PYTHON) -m session --timeout 600 --play tools/guests/bare.play -- $(QEMU_PC) -m 96 $(DISK) \
		-kernel $(DEBIAN)/vmlinuz -initrd $(DEBIAN)/initramfs.cpio -append "$(LINUX)"

run-mach: $(BUILD)/cave.elf $(DEBIAN)/gnumach.package
	$(PYTHON) -m session -- $(QEMU_PC) -m 128 -kernel $(BUILD)/cave.elf -append "$(APPEND)" \
		-initrd "$(call IF_VMS,$(DEBIAN)/gnumach vm=mach mem=64M engine=translate -- console=com0)"
