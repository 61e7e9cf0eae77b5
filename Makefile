# Cave's front door. `make help` lists what it can do.

BUILD  ?= build
# Install what is missing, and find the Python that has pytest. A make within make has it from the outer one.
ifeq ($(MAKELEVEL),0)
PYTHON := $(shell sh tools/setup.sh $(or $(MAKECMDGOALS),all))
$(if $(PYTHON),,$(error this machine is not ready))
export PYTHON
endif
PYTHON ?= python3
export PYTHONPATH := $(CURDIR)/grading:$(CURDIR)/tools
export PYTHONDONTWRITEBYTECODE := 1

# The first compiler that makes 32-bit freestanding code. None needs its libgcc or a libc.
CROSS_CC := $(shell for c in 'gcc -m32' i686-linux-gnu-gcc i686-elf-gcc 'clang -m32 --target=i686-elf'; do \
	echo 'int f(void) { return 0; }' | $$c -ffreestanding -c -x c -o /dev/null - 2>/dev/null && echo "$$c" && break; done)
CROSS_LD := $(shell for l in ld i686-linux-gnu-ld i686-elf-ld ld.lld; do \
	$$l -m elf_i386 -V 2>/dev/null | grep -q -e elf_i386 -e LLD && echo $$l && break; done)
HOST_CC ?= cc

# DEBUG=1 builds the monitor beside the other one, so that GDB sees every function and every argument.
ifdef DEBUG
override BUILD := $(BUILD)/debug
endif

# SHADOW=vtlb builds, beside the other one, a monitor whose shadow tables are kept the simple way (kernel/mmu/shadow.h).
SHADOW ?= cache
SHADOW_cache := $(addprefix kernel/mmu/shadow_,cache.c cache_audit.c table.c)
SHADOW_vtlb  := $(addprefix kernel/mmu/vtlb,.c _audit.c)
OTHER_SHADOW := $(filter-out $(or $(SHADOW_$(SHADOW)),$(error SHADOW is cache or vtlb)),$(SHADOW_cache) $(SHADOW_vtlb))
ifneq ($(SHADOW),cache)
override BUILD := $(BUILD)/$(SHADOW)
endif

WARN  := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter
MAP   := -ffile-prefix-map=$(CURDIR)/=
COMMON := -std=gnu11 -O2 -g $(WARN) $(MAP) -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -mgeneral-regs-only -MMD -MP
# Arguments in registers and a stack of words, as in Linux on this processor: a tenth less of every trap.
STACK := $(if $(findstring clang,$(CROSS_CC)),-mstack-alignment=4,-mpreferred-stack-boundary=2)
KERNEL_CFLAGS := $(COMMON) -fno-omit-frame-pointer -freg-struct-return -mregparm=3 $(STACK) -Ikernel $(if $(DEBUG),-Og -fno-inline)
GUEST_CFLAGS  := $(COMMON) -Iguest-tiny/lib -Ikernel

# Say what is made, not how; V=1 shows the commands.
$(V).SILENT:

.PHONY: all
all: $(BUILD)/cave.elf guests

.PHONY: help
help:
	sed -n '/^## Two commands/,/^## The way in/p; /^## More commands/,/^## Where/p' README.md | grep -v '^## '

# --- running machines -------------------------------------------------------------------------------------------------

# The modules of `make run`, as QEMU's -initrd takes them: FILE vm=NAME mem=SIZE -- what the guest gets, a comma between.
TINY := $(BUILD)/guest/tinyos.elf
VMS  ?= $(TINY) vm=red mem=8M -- name=red,$(TINY) vm=blue mem=8M -- name=blue
PLAY ?= $(if $(filter command% environment,$(origin VMS)),,--play guest-tiny/os/two.play)

# On a terminal it is yours; without one, or with BATCH=1, a short session is played and it ends by itself.
.PHONY: run
run: $(BUILD)/cave.elf guests
	color=$$([ -t 0 ] && [ -t 1 ] && [ -z "$$BATCH" ] && echo color); \
	$(PYTHON) -m session $(PLAY) -- $(QEMU_PC) -m 128 -kernel $(BUILD)/cave.elf -append "$$color $(APPEND)" -initrd "$(VMS)"

# --- the monitor ------------------------------------------------------------------------------------------------------

PURE_DIRS  := base mmu cpu dev xlate
KERNEL_SRC := $(filter-out $(OTHER_SHADOW),\
	$(sort $(wildcard $(addprefix kernel/,$(addsuffix /*.[cS],$(PURE_DIRS) hw engine vmm)))))
KERNEL_OBJ := $(patsubst %,$(BUILD)/%.o,$(basename $(KERNEL_SRC)))

# Linked to run at WINDOW and loaded at 1 MiB; -pie keeps the relocations, so that the window can move at boot. It is linked
# twice: the first image tells where the functions are, the second carries their names, for panics.
LINK = $(CROSS_LD) -m elf_i386 -T kernel/cave.ld -pie --no-dynamic-linker -z notext -z norelro -z noexecstack \
	--build-id=none

$(BUILD)/cave.elf: $(BUILD)/symbols.o
	echo "  LINK  $@"
	$(LINK) -o $@ $(KERNEL_OBJ) $<

$(BUILD)/symbols.o: $(BUILD)/unnamed.elf tools/symbols.awk
	echo "  NAMES $@"
	nm -n $< | awk -f tools/symbols.awk | $(CROSS_CC) -c -x assembler -o $@ -

$(BUILD)/unnamed.elf: kernel/cave.ld $(KERNEL_OBJ)
	$(LINK) -o $@ $(KERNEL_OBJ)

$(BUILD)/kernel/%.o: kernel/%.c Makefile
	mkdir -p $(@D)
	echo "  CC    $<"
	$(CROSS_CC) $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/kernel/%.o: kernel/%.S Makefile
	mkdir -p $(@D)
	echo "  AS    $<"
	$(CROSS_CC) $(KERNEL_CFLAGS) -c -o $@ $<

# --- guests -----------------------------------------------------------------------------------------------------------

include guest-tiny/guest.mk

# --- guests from Debian -----------------------------------------------------------------------------------------------

# A student's tree may do without.
-include tools/guests/guests.mk

# --- host tests of the pure folders -----------------------------------------------------------------------------------

HOST_CFLAGS := -std=gnu11 -O1 -g $(WARN) -fsanitize=address,undefined -fno-sanitize-recover=all -Ikernel -MMD -MP
HOST_SRC    := $(filter-out $(SHADOW_vtlb),$(sort $(wildcard $(addprefix kernel/,$(addsuffix /*.c,$(PURE_DIRS)))) kernel/hw/window.c))
HOST_OBJ    := $(patsubst %.c,$(BUILD)/host/%.o,$(HOST_SRC) kernel/test/support.c)
VTLB_OBJ    := $(patsubst %.c,$(BUILD)/host/%.o,$(filter-out $(SHADOW_cache),$(HOST_SRC)) $(SHADOW_vtlb) kernel/test/support.c)
# What is true of shadow tables of either kind is built a second time, against the simple ones.
VTLB_TESTS  := $(filter-out %/test_shadow_cache.c,$(wildcard kernel/test/test_shadow_*.c)) kernel/test/test_vtlb.c
UNIT_TESTS  := $(patsubst kernel/test/%.c,$(BUILD)/unit/%,$(filter-out %/test_vtlb.c,$(sort $(wildcard kernel/test/test_*.c)))) \
	$(patsubst kernel/test/%.c,$(BUILD)/unit/vtlb/%,$(VTLB_TESTS))
HOST_LIBS   := -lcmocka -lZydis -lunicorn

$(BUILD)/host/%.o: %.c
	mkdir -p $(@D)
	$(HOST_CC) $(HOST_CFLAGS) -c -o $@ $<

$(BUILD)/unit/%: kernel/test/%.c $(HOST_OBJ)
	mkdir -p $(@D)
	echo "  TEST  $<"
	$(HOST_CC) $(HOST_CFLAGS) -o $@ $< $(HOST_OBJ) $(HOST_LIBS)

$(BUILD)/unit/vtlb/%: kernel/test/%.c $(VTLB_OBJ)
	mkdir -p $(@D)
	echo "  TEST  $< (vtlb)"
	$(HOST_CC) $(HOST_CFLAGS) -DSHADOW_VTLB -o $@ $< $(VTLB_OBJ) $(HOST_LIBS)

# The code that the decoder is compared on, beside random bytes.
.PHONY: unit
unit: $(UNIT_TESTS) $(BUILD)/cave.elf guests
	for t in $(UNIT_TESTS); do \
		DECODE_ELF="$(BUILD)/cave.elf $(GUESTS)" $$t >$$t.log 2>&1 || { cat $$t.log; echo "FAILED: $$t"; exit 1; }; \
	done
	cat $(UNIT_TESTS:=.log) | awk '/PASSED/ && /test\(s\)/ { n += $$4 } END { print "unit: " n " tests passed" }'

# Everything: the pure folders on the host, then machines in QEMU, then the grader.
.PHONY: test
test: unit
	$(PYTHON) -m pytest -q $(PYTEST) kernel/test guest-tiny/test tools/test grading/selftest

# -rs: what is skipped is named, and why.
PYTEST ?= -n $(shell nproc) -rs -p no:cacheprovider

# Random kernel-mode programs, bare and translated, compared (tools/fuzz). make fuzz [N=20000] [SEED=1]
.PHONY: fuzz
fuzz: $(BUILD)/cave.elf $(BUILD)/guest/fuzz.elf
	BUILD=$(BUILD) $(PYTHON) -m fuzz --count $(or $(N),20000) --seed $(or $(SEED),1) $(FUZZ)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- labs: grading and starters (grading/, tools/cave) ----------------------------------------------------------------

# A student file may hold helpers that no function calls yet.
STUDENT_FILES := $(basename $(shell grep -rl --include='*.c' 'LAB [0-9]* BEGIN' kernel))
$(STUDENT_FILES:%=$(BUILD)/%.o): private KERNEL_CFLAGS += -Wno-unused-function
$(STUDENT_FILES:%=$(BUILD)/host/%.o): private HOST_CFLAGS += -Wno-unused-function

# make grade LAB=2 [TEST=name] [SEED=n] [SUBMISSION=dir] [GDB=1]
.PHONY: grade starter selftest
LAB ?= 2
grade:
	@$(PYTHON) -m cavegrade --lab $(LAB) --build $(BUILD) $(if $(TEST),--test $(TEST)) $(if $(SEED),--seed $(SEED)) \
		$(if $(SUBMISSION),--submission $(SUBMISSION)) $(if $(GDB),--gdb)

# make starter OUT=dir
starter:
	@$(PYTHON) tools/cave starter $(OUT)

selftest:
	$(PYTHON) -m pytest -q grading/selftest

# --- figures (tools/bench.py, docs/figures.md) ------------------------------------------------------------------------

# make bench [BENCH="costs exits sharing start linux added --runs 3 --profile CLI"]
.PHONY: bench
bench: $(BUILD)/cave.elf $(BUILD)/guest/tinyos.elf $(BUILD)/guest/measure $(BENCHES)
	$(PYTHON) tools/bench.py --build $(BUILD) $(BENCH)

# --- for those who work on it: form, editors, debugger (tools/check.py, tools/gdb) ------------------------------------

# make check [CHECK="format lint text size openings comments layers purity reading labs"]
.PHONY: check
check: $(KERNEL_OBJ) $(patsubst %.c,$(BUILD)/%.o,$(OTHER_SHADOW))
	$(PYTHON) -m check --build $(BUILD) $(CHECK)

# make gdb [VMS=...] [APPEND=...] [GDB_FLAGS=...]: as `make run`, stopped, under GDB
.PHONY: gdb
gdb: $(BUILD)/cave.elf guests
	$(PYTHON) -m debug --monitor $(BUILD)/cave.elf --append "$(APPEND)" --modules "$(VMS)" --gdb='$(GDB_FLAGS)' \
		-- $(QEMU_PC) -m 128

# For editors (clangd): how each file is compiled.
.PHONY: compile_commands.json
compile_commands.json:
	$(MAKE) --no-print-directory -Bn BUILD=$(BUILD) all $(BENCHES) $(UNIT_TESTS) | $(PYTHON) -m compile_commands > $@
