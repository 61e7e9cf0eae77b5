# Guests: every probe and the tiny operating system, each one Multiboot ELF file in $(BUILD)/guest/.
# A probe is probes/NAME.c (and NAME.S, if it needs one); what it must print by the manual is in NAME.expected, for the tests.
# The system is all of os/. Both stand on lib/.

# What probes compute their output from: a grader builds them afresh, in a BUILD of its own, with a value nobody can know.
SECRET ?= 0x5eed1234

guest_obj  = $(patsubst %,$(BUILD)/guest/obj/%.o,$(1))
GUEST_LIB := $(call guest_obj,$(wildcard guest-tiny/lib/*.[cS]) kernel/base/string.c kernel/base/printf.c)
# What several probes share and nothing else needs: it holds instructions that no guest of direct execution may use.
PROBE_LIB := $(call guest_obj,$(wildcard guest-tiny/lib/probe/*.c))
PROBES    := $(patsubst guest-tiny/probes/%.c,%,$(sort $(wildcard guest-tiny/probes/*.c)))
OS_OBJ    := $(call guest_obj,$(sort $(wildcard guest-tiny/os/*.[cS])))
OS_USER   := $(patsubst guest-tiny/os/user/%.c,%,$(filter-out %/user.c,$(sort $(wildcard guest-tiny/os/user/*.c))))
FUZZ_OBJ  := $(call guest_obj,$(sort $(wildcard guest-tiny/fuzz/*.[cS])))
GUESTS    := $(PROBES:%=$(BUILD)/guest/%.elf) $(if $(OS_OBJ),$(BUILD)/guest/tinyos.elf) $(if $(FUZZ_OBJ),$(BUILD)/guest/fuzz.elf)

.PHONY: guests
guests: $(GUESTS)

GUEST_LINK = $(CROSS_LD) -m elf_i386 -T $< --build-id=none -z noexecstack -o $@ $(filter %.o,$^)

.SECONDEXPANSION:
$(PROBES:%=$(BUILD)/guest/%.elf): $(BUILD)/guest/%.elf: guest-tiny/lib/guest.ld \
		$$(call guest_obj,$$(wildcard guest-tiny/probes/$$*.[cS])) $(PROBE_LIB) $(GUEST_LIB)
	$(GUEST_LINK)

BENCHES := $(patsubst guest-tiny/bench/%.c,$(BUILD)/guest/bench/%.elf,$(sort $(wildcard guest-tiny/bench/*.c)))
$(BENCHES): $(BUILD)/guest/bench/%.elf: guest-tiny/lib/guest.ld $(call guest_obj,guest-tiny/bench/%.c guest-tiny/bench/mark.S) $(GUEST_LIB)
	@mkdir -p $(@D) && $(GUEST_LINK)

$(BUILD)/guest/tinyos.elf: guest-tiny/lib/guest.ld $(OS_OBJ) $(GUEST_LIB)
	$(GUEST_LINK)

# Runs the random programs that tools/fuzz makes.
$(BUILD)/guest/fuzz.elf: guest-tiny/lib/guest.ld $(FUZZ_OBJ) $(GUEST_LIB)
	$(GUEST_LINK)

# The system's programs, each an ELF file twice: with symbols for GDB, and stripped, to lie in the system's image.
$(OS_USER:%=$(BUILD)/guest/user/%.elf): $(BUILD)/guest/user/%.elf: guest-tiny/os/user/user.ld \
		$(call guest_obj,guest-tiny/os/user/%.c guest-tiny/os/user/user.c kernel/base/string.c kernel/base/printf.c)
	@mkdir -p $(@D)/stripped
	$(GUEST_LINK)
	$(GUEST_LINK:-o=-s -o) -o $(@D)/stripped/$(@F)

$(call guest_obj,guest-tiny/os/programs.S): $(OS_USER:%=$(BUILD)/guest/user/%.elf)
$(call guest_obj,guest-tiny/os/%): private GUEST_CFLAGS += -Iguest-tiny/os -Wa,-I$(BUILD)/guest/user/stripped
$(BUILD)/guest/obj/%.o: %
	@mkdir -p $(@D)
	$(CROSS_CC) $(GUEST_CFLAGS) -DSECRET=$(SECRET) -c -o $@ $<

# --- the tiny operating system on the bare machine --------------------------------------------------------------------

# A PC of the late nineties. tools/session.py adds the console, and `-icount` where no terminal is there.
QEMU    ?= qemu-system-i386
QEMU_PC := $(QEMU) -machine pc -accel tcg -cpu pentium3,-apic,-pae,-sep,-vme,-mce,-mca,-mtrr,-pat,-pse36,-hypervisor,+umip -display none -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=0x4

# On the bare machine a status v comes out as 2v + 1: a good end is 1.
.PHONY: run-bare
run-bare: $(BUILD)/guest/tinyos.elf
	@$(PYTHON) -m session --play guest-tiny/os/one.play --ok 1 -- $(QEMU_PC) -m 16 -kernel $<
