#!/bin/sh
# Finds what a goal of the Makefile needs and this machine lacks, says so, and installs it:
#
#   sh tools/setup.sh GOAL...      (make calls it first, with its own goals)
#
# On Debian, Ubuntu and their like it installs by apt, as root or by sudo; elsewhere, and where it may not, it prints the
# command and fails. Where nothing is missing it is silent and quick. On standard output it names the Python to use, since
# a machine may have several and only one with the modules; all that it has to say goes to standard error.

export LC_ALL=C
goals=$*

say() {
	echo "cave: $*" >&2
}

# --- what each goal needs ---------------------------------------------------------------------------------------------

build="make compiler linker"
run="$build qemu python"
grade="$run modules"
unit="$build host-compiler cmocka zydis unicorn"

needs_of() {
	case $1 in
	clean | help) ;;
	run | run-*) echo "$run" ;;
	gdb) echo "$run gdb" ;;
	grade | starter | selftest | bench | long | fuzz) echo "$grade" ;;
	fetch) echo "make python" ;;
	unit) echo "$unit" ;;
	test) echo "$grade $unit gdb" ;;
	check) echo "$build host-compiler modules clang-format cppcheck" ;;
	compile_commands.json) echo "$build python" ;;
	*) echo "$build" ;;
	esac
}

# --- whether it is there ----------------------------------------------------------------------------------------------

have() {
	case $1 in
	compiler) first_that makes_32_bit_code 'gcc -m32' i686-linux-gnu-gcc i686-elf-gcc 'clang -m32 --target=i686-elf' ;;
	linker) first_that links_32_bit_code ld i686-linux-gnu-ld i686-elf-ld ld.lld ;;
	qemu) first_that is_command qemu-system-i386 ;;
	gdb) first_that is_command gdb gdb-multiarch i686-elf-gdb ;;
	python) first_that is_command python3 ;;
	modules) [ "$python" ] ;;
	host-compiler) has_header stdlib.h ;;
	cmocka) has_header setjmp.h stdarg.h stddef.h stdint.h cmocka.h ;;
	zydis) has_header Zydis/Zydis.h ;;
	unicorn) has_header unicorn/unicorn.h ;;
	*) first_that is_command "$1" ;;
	esac
}

# The first of several candidates that passes a test.
first_that() {
	passes=$1
	shift
	for candidate; do
		"$passes" "$candidate" >/dev/null 2>&1 && echo "$candidate" && return
	done
	return 1
}

is_command() {
	command -v "$1"
}

makes_32_bit_code() {
	echo 'int f(void) { return 0; }' | $1 -ffreestanding -c -x c -o /dev/null -
}

links_32_bit_code() {
	"$1" -m elf_i386 -V | grep -e elf_i386 -e LLD
}

has_header() {
	for header; do echo "#include <$header>"; done | ${HOST_CC:-cc} -E -x c - >/dev/null 2>&1
}

imports_all() {
	"$1" -c 'import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))' \
		tomllib pytest xdist rich
}

python_with_modules() {
	first_that imports_all python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11
}

# --- what it is called ------------------------------------------------------------------------------------------------

# Sets `what`, in words, and the package's name for each package manager; `pip`: what Homebrew leaves to pip. Where the
# machine is no PC itself, the compiler for 32-bit x86 is another one than its own.
describe() {
	brew='' pip=''
	case $1-$(uname -m) in
	compiler-*86*) what="a C compiler" apt=gcc dnf=gcc pacman=gcc brew=i686-elf-gcc ;;
	compiler-*) what="a C compiler for x86" apt=gcc-i686-linux-gnu dnf=clang pacman=clang brew=i686-elf-gcc ;;
	linker-*86*) what="a linker" apt=binutils dnf=binutils pacman=binutils brew=i686-elf-binutils ;;
	linker-*) what="a linker for x86" apt=binutils-i686-linux-gnu dnf=lld pacman=lld brew=i686-elf-binutils ;;
	gdb-*86*) what="GDB" apt=gdb dnf=gdb pacman=gdb brew=i686-elf-gdb ;;
	gdb-*) what="GDB for x86" apt=gdb-multiarch dnf=gdb pacman=gdb brew=i686-elf-gdb ;;
	qemu-*) what="QEMU" apt=qemu-system-x86 dnf=qemu-system-x86-core pacman=qemu-system-x86 brew=qemu ;;
	python-*) what="Python" apt=python3 dnf=python3 pacman=python brew=python ;;
	modules-*)
		what="Python 3.11 with pytest and rich"
		apt="python3 python3-pytest python3-pytest-xdist python3-rich" dnf=$apt
		is_command python3 >/dev/null && ! python3 -c 'import tomllib' 2>/dev/null && apt="$apt python3.11"
		pacman="python python-pytest python-pytest-xdist python-rich" brew=python pip="pytest pytest-xdist rich"
		;;
	host-compiler-*)
		what="the C library's headers" apt="gcc libc6-dev" dnf="gcc glibc-devel libasan libubsan" pacman=gcc
		;;
	cmocka-*) what="cmocka" apt=libcmocka-dev dnf=libcmocka-devel pacman=cmocka brew=cmocka ;;
	zydis-*) what="Zydis" apt=libzydis-dev dnf=zydis-devel pacman=zydis brew=zydis ;;
	unicorn-*) what="Unicorn" apt=libunicorn-dev dnf=unicorn-devel pacman=unicorn brew=unicorn ;;
	clang-format-*) what="clang-format" apt=clang-format dnf=clang-tools-extra pacman=clang brew=clang-format ;;
	*) what=$1 apt=$1 dnf=$1 pacman=$1 brew=$1 ;;
	esac
	other=$apt
}

# --- installing it ----------------------------------------------------------------------------------------------------

# Each word once.
unique() {
	echo $(printf '%s\n' "$@" | sort -u)
}

# Sets `missing` (in words), `packages` and `pips` for the goals that were given.
find_missing() {
	missing='' packages='' pips='' python=$(python_with_modules)
	for need in $(unique $(for goal in $goals; do needs_of "$goal"; done)); do
		have "$need" >/dev/null && continue
		describe "$need"
		missing="$missing${missing:+, }$what"
		eval "packages=\"\$packages \$$manager\""
		[ "$manager" = brew ] && pips="$pips $pip"
	done
	packages=$(unique $packages) pips=$(unique $pips)
}

# The package manager that is here: its name, and how it installs.
find_manager() {
	manager=$(first_that is_command apt-get dnf pacman brew)
	case $manager in
	apt-get) manager=apt command="apt-get install -y --no-install-recommends" ;;
	dnf) command="dnf install -y" ;;
	pacman) command="pacman -S --needed" ;;
	brew) command="brew install" ;;
	*) manager=other command="install, by the names they have here:" ;;
	esac
}

# What goes in front of a command that only root may run. False: nothing does.
become_root() {
	[ "$(id -u)" = 0 ] || [ "$manager" = brew ] || first_that is_command sudo
}

# apt-get, as root; what it says is kept for the case that it fails.
apt_get() {
	$root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq "$@" >>"$log" 2>&1 </dev/null
}

# A new machine has no package lists yet, and an old one's may be out of date.
apt_install() {
	apt_get install -y --no-install-recommends $packages && return
	apt_get update && apt_get install -y --no-install-recommends $packages
}

install_packages() {
	log=$(mktemp)
	say "make ${goals% } needs what this machine lacks: $missing."
	say "Installing $packages by apt${root:+ and sudo}; this may take a minute."
	apt_install
	installed=$?
	[ $installed = 0 ] || tail -n 5 "$log" >&2
	rm -f "$log"
	return $installed
}

# What to type, where it is not for us to do.
print_command() {
	how=''
	[ $may_install = 0 ] || how=", as root"
	say "make ${goals% } needs what this machine lacks: $missing. Please run$how:"
	echo "    ${root:+$root }$command $packages${pips:+ && python3 -m pip install --user $pips}" >&2
}

find_manager
root=$(become_root)
may_install=$?
attempts=2 # whether Python is too old shows only once it is there
while find_missing && [ "$missing" ]; do
	if [ "$manager$may_install" != apt0 ] || [ $attempts = 0 ] || ! install_packages; then
		print_command
		exit 1
	fi
	attempts=$((attempts - 1))
done
echo "${python:-python3}"
