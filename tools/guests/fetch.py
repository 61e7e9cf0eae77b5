"""
Gets guests that nobody here wrote, from Debian's i386 packages, into the build folder.

    tools/fetch-guest linux            vmlinuz: Debian's 32-bit kernel; modules/: its disk drivers and a file system
    tools/fetch-guest busybox          busybox: a shell and 270 commands in one static file
    tools/fetch-guest gnumach          gnumach: GNU Mach, a Multiboot kernel
    tools/fetch-guest memtest          memtest86+.bin: a memory test with Linux's boot protocol

What is there is not fetched again, so that no network is needed then; delete build/guests for newer ones. The exit status
is 69 if a guest cannot be got here and now (no network, no apt), and 1 if what was got is not what it should be.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from guests.apt import Apt, Unavailable, output

UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
MULTIBOOT = bytes.fromhex("02b0ad1b")  # Multiboot 0.6.96, 3.1.1: in a kernel's first 8 KiB
LINUX_MAGIC_AT = 0x202  # "HdrS": Linux, Documentation/x86/boot.rst

# What a disk on an ISA IDE channel needs, and a file system on it; each brings what it depends on. For crc32c_generic ext4
# asks only when it mounts, by the name of its algorithm.
MODULES = ("sd_mod", "pata_legacy", "crc32c_generic", "ext4")


class Wrong(Exception):
    """What was got is not what it should be; the message says what."""


# --- what each guest is made of ---------------------------------------------------------------------------------------


def only(root: Path, pattern: str) -> Path:
    """The one file of an unpacked package that has such a name."""
    found = sorted(root.glob(pattern))
    if len(found) != 1:
        raise Wrong(f"{len(found)} files {pattern} in the package, where there should be one")
    return found[0]


def check_elf(data: bytes, what: str) -> bytes:
    if data[:7] != b"\x7fELF\x01\x01\x01" or data[18:20] != b"\x03\x00":
        raise Wrong(f"{what} is no 32-bit ELF file for x86")
    return data


def check_bzimage(data: bytes, what: str) -> bytes:
    if data[LINUX_MAGIC_AT:LINUX_MAGIC_AT + 4] != b"HdrS":
        raise Wrong(f"{what} has no header of Linux's boot protocol")
    return data


def take_linux(root: Path, out: Path) -> None:
    shutil.rmtree(out / "modules", ignore_errors=True)
    (out / "modules").mkdir()
    files = {path.stem.replace("-", "_"): path for path in root.glob("lib/modules/*/kernel/**/*.ko")}
    order = load_order(files)
    for name in order:
        shutil.copy(files[name], out / "modules" / f"{name}.ko")
    (out / "modules/order").write_text("".join(f"{name}\n" for name in order))
    (out / "vmlinuz").write_bytes(check_bzimage(only(root, "boot/vmlinuz-*").read_bytes(), "vmlinuz"))


def load_order(files: dict[str, Path]) -> list[str]:
    """MODULES and all that they depend on, each behind what it needs; an unsigned list in each module says what that is."""
    order: list[str] = []

    def add(name: str) -> None:
        if name in order:
            return
        if name not in files:
            raise Wrong(f"the package has no kernel module {name}")
        data = check_elf(files[name].read_bytes(), f"kernel module {name}")
        for needed in re.search(rb"\0depends=([^\0]*)\0", data)[1].decode().replace("-", "_").split(","):
            if needed:
                add(needed)
        order.append(name)

    for name in MODULES:
        add(name)
    return order


def take_busybox(root: Path, out: Path) -> None:
    (out / "busybox").write_bytes(check_elf(only(root, "bin/busybox").read_bytes(), "busybox"))
    (out / "busybox").chmod(0o755)


def take_gnumach(root: Path, out: Path) -> None:
    kernel = check_elf(gzip.decompress(only(root, "boot/gnumach-*.gz").read_bytes()), "gnumach")
    if MULTIBOOT not in kernel[:8192]:
        raise Wrong("gnumach has no Multiboot header")
    (out / "gnumach").write_bytes(kernel)


def take_memtest(root: Path, out: Path) -> None:
    image = check_bzimage(only(root, "boot/memtest86+ia32.bin").read_bytes(), "memtest86+ia32.bin")
    (out / "memtest86+.bin").write_bytes(image)


def linux_package(apt: Apt) -> str:
    """The newest kernel: the one that linux-image-686, which is empty, depends on."""
    for name in apt.depends("linux-image-686"):
        if re.fullmatch(r"linux-image-[\d.]+-\d+-686", name):
            return name
    raise Wrong("linux-image-686 depends on no kernel")


Take = Callable[[Path, Path], None]
# By name: the package that it is in, what is taken from the package, and the file that QEMU is given.
GUESTS: dict[str, tuple[Callable[[Apt], str], Take, str]] = {
    "linux": (linux_package, take_linux, "vmlinuz"),
    "busybox": (lambda apt: "busybox-static", take_busybox, "busybox"),
    "gnumach": (lambda apt: "gnumach-image-1.8-486", take_gnumach, "gnumach"),
    "memtest": (lambda apt: "memtest86+", take_memtest, "memtest86+.bin"),
}


# --- fetching ---------------------------------------------------------------------------------------------------------


@contextmanager
def alone_in(directory: Path):
    """One process at a time, in this and in what makes files of it."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def apt_in(directory: Path, mirror: str | None) -> Apt:
    """One for all guests of a call, so that the lists are fetched once."""
    return Apt(directory, mirror)


def fetch(name: str, out: Path, mirror: str | None = None) -> tuple[Path, str]:
    """A guest's file in `out` and the package it is from, fetched unless it is there. Raises Unavailable or Wrong."""
    package_of, take, file = GUESTS[name]
    note = out / f"{name}.package"
    with alone_in(out):
        if not note.exists():
            apt = apt_in(out / "apt", mirror)
            package = apt.download(package_of(apt))
            with tempfile.TemporaryDirectory(dir=out, prefix="unpack-") as directory:
                output("dpkg-deb", "--extract", package, directory)
                take(Path(directory), out)
            note.write_text(package.name.replace("%3a", ":") + "\n")  # last: now it is whole
            package.unlink()
        return out / file, note.read_text().strip()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="tools/fetch-guest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("guests", nargs="+", choices=GUESTS, metavar="GUEST", help=" ".join(GUESTS))
    parser.add_argument("--out", type=Path, help="where to (build/guests)")
    parser.add_argument("--mirror", metavar="URL", help="a Debian mirror, for a machine whose apt knows none")
    options = parser.parse_args(arguments)
    out = options.out or Path(os.environ.get("BUILD", "build")) / "guests"
    for name in options.guests:
        try:
            file, package = fetch(name, out, options.mirror)
        except Unavailable as why:
            print(f"fetch-guest: {name}: {why}", file=sys.stderr)
            return UNAVAILABLE
        except Wrong as why:
            print(f"fetch-guest: {name}: {why}", file=sys.stderr)
            return 1
        print(f"{name}: {file}, from {package}")
    return 0
