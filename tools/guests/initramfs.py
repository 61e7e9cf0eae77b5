"""
Makes the file system that Debian's Linux starts in: a shell, its commands, the disk's drivers, and three scripts.

    python3 -m guests.initramfs --guests build/guests --program build/guest/measure OUT

The format is cpio's "new ASCII" (Linux, Documentation/driver-api/early-userspace/buffer-format.rst): for each file a header
of thirteen eight-digit hexadecimal numbers, its path, its bytes, each padded to four bytes. The archive is not compressed,
so that the guest has no work with it, and it is the same, to the byte, whenever and by whomever it is made.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guests.fetch import alone_in

ROOT = Path(__file__).resolve().parent / "root"
DIRECTORIES = ("bin", "dev", "etc", "lib", "mnt", "proc", "root", "sys", "tmp")
END = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def record(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, user, group, links, time, size, the file system's device, the node's own, the name's length, no checksum
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return padded(header + name) + padded(entry.data)


def archive(entries: list[Entry]) -> bytes:
    return b"".join(record(i, entry) for i, entry in enumerate([*entries, Entry(END, 0)], 1))


def file(path: str, source: Path) -> Entry:
    return Entry(path, stat.S_IFREG | (0o755 if os.access(source, os.X_OK) else 0o644), source.read_bytes())


def entries(guests: Path, program: Path) -> Iterator[Entry]:
    """All that is in it, from what fetch-guest got, our own scripts, and the program that the measurements run."""
    for path in DIRECTORIES:
        yield Entry(path, stat.S_IFDIR | 0o755)
    yield Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))  # before /dev is mounted
    yield file("bin/busybox", guests / "busybox")
    yield Entry("init", stat.S_IFLNK | 0o777, b"bin/busybox")
    yield Entry("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    yield file(f"bin/{program.name}", program)
    for source in sorted((guests / "modules").iterdir()):
        yield file(f"lib/{source.name}", source)
    for source in sorted(path for path in ROOT.rglob("*") if path.is_file()):
        yield file(str(source.relative_to(ROOT)), source)


def make(guests: Path, program: Path, out: Path) -> Path:
    """Writes the archive, unless it is there and no different."""
    data = archive(list(entries(guests, program)))
    with alone_in(guests):
        if not out.exists() or out.read_bytes() != data:
            out.write_bytes(data)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(prog="initramfs", description=__doc__.strip().splitlines()[0])
    parser.add_argument("--guests", type=Path, required=True, help="where fetch-guest put Linux's modules and busybox")
    parser.add_argument("--program", type=Path, required=True, help="the static program to add")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    make(options.guests, options.program, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
