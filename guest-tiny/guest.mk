# Guests: every probe and the tiny operating system, each one Multiboot ELF file in $(BUILD)/guest/.
# A probe is probes/NAME.c (and NAME.S, if it needs one); the system is all of os/. Both stand on lib/.

# What probes compute their output from: a grader builds them afresh, in a BUILD of its own, with a value nobody can know.
SECRET ?= 0x5eed1234

guest_obj  = $(patsubst %,$(BUILD)/guest/obj/%.o,$(1))
GUEST_LIB := $(call guest_obj,$(wildcard guest-tiny/lib/*.[cS]) kernel/base/string.c kernel/base/printf.c)
PROBES    := $(patsubst guest-tiny/probes/%.c,%,$(sort $(wildcard guest-tiny/probes/*.c)))
OS_OBJ    := $(call guest_obj,$(sort $(wildcard guest-tiny/os/*.[cS])))
GUESTS    := $(PROBES:%=$(BUILD)/guest/%.elf) $(if $(OS_OBJ),$(BUILD)/guest/tinyos.elf)

.PHONY: guests
guests: $(GUESTS)

GUEST_LINK = $(CROSS_LD) -m elf_i386 -T $< --build-id=none -z noexecstack -o $@ $(filter %.o,$^)

.SECONDEXPANSION:
$(PROBES:%=$(BUILD)/guest/%.elf): $(BUILD)/guest/%.elf: guest-tiny/lib/guest.ld \
		$$(call guest_obj,$$(wildcard guest-tiny/probes/$$*.[cS])) $(GUEST_LIB)
	$(GUEST_LINK)

$(BUILD)/guest/tinyos.elf: guest-tiny/lib/guest.ld $(OS_OBJ) $(GUEST_LIB)
	$(GUEST_LINK)

$(BUILD)/guest/obj/%.o: %
	@mkdir -p $(@D)
	$(CROSS_CC) $(GUEST_CFLAGS) -DSECRET=$(SECRET) -c -o $@ $<
