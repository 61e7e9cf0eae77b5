# Guests: every probe and the tiny operating system, each one Multiboot ELF file in $(BUILD)/guest/.

.PHONY: guests
guests:
