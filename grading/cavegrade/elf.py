"""Symbols and segments of a 32-bit little-endian ELF file. Source: the ELF specification, figures 1-3, 1-8, 1-15 and 2-1."""

from __future__ import annotations

import struct
from pathlib import Path

SHT_SYMTAB = 2
PT_LOAD = 1


class Elf:
    def __init__(self, path):
        self.data = Path(path).read_bytes()
        if self.data[:6] != b"\x7fELF\x01\x01":
            raise ValueError(f"{path} is not a 32-bit little-endian ELF file")
        (self.entry, self.phoff, self.shoff) = struct.unpack_from("<3I", self.data, 24)
        (self.phentsize, self.phnum, self.shentsize, self.shnum) = struct.unpack_from("<4H", self.data, 42)
        self.symbols = dict(self._symbols())

    def segments(self) -> list[tuple[int, bytes]]:
        """(physical address, bytes in the file) of each loaded segment."""
        found = []
        for i in range(self.phnum):
            kind, offset, _, paddr, filesz = struct.unpack_from("<5I", self.data, self.phoff + i * self.phentsize)
            if kind == PT_LOAD:
                found.append((paddr, self.data[offset : offset + filesz]))
        return found

    def _section(self, i: int) -> tuple[int, ...]:
        return struct.unpack_from("<10I", self.data, self.shoff + i * self.shentsize)

    def _symbols(self):
        for i in range(self.shnum):
            _, kind, _, _, offset, size, link, _, _, entsize = self._section(i)
            if kind != SHT_SYMTAB:
                continue
            names = self._section(link)[4]
            for at in range(offset, offset + size, entsize):
                name, value = struct.unpack_from("<2I", self.data, at)
                end = self.data.index(b"\0", names + name)
                yield self.data[names + name : end].decode(), value
