"""Operands of random instructions: registers, and memory in the arena, seldom elsewhere. Source: SDM 2A chapter 2."""

from __future__ import annotations

import random
import struct

from fuzz.arena import ABSENT, DATA, PAGE, READ_ONLY, USER_DATA

EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
POINTERS = (EBX, EBP, ESI, EDI)  # which lead to data, as long as no instruction spoils them
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 9, 0x99)


def u32(value: int) -> bytes:
    return struct.pack("<I", value & 0xFFFFFFFF)


def u16(value: int) -> bytes:
    return struct.pack("<H", value & 0xFFFF)


class Operands:
    def __init__(self, rng: random.Random):
        self.rng = rng
        self.in_function = False

    def chance(self, n: int) -> bool:
        return self.rng.randrange(n) == 0

    def value(self) -> int:
        return self.rng.choice(EDGES) if self.chance(3) else self.rng.getrandbits(self.rng.choice((8, 32, 32)))

    def reg(self, size: int = 4) -> int:
        """A register to change: never ESP; seldom one that is a pointer."""
        if size == 1:
            return self.rng.choice((0, 1, 2, 4, 5, 6, 0, 1, 2, 3, 7))
        return self.rng.choice((EAX, ECX, EDX)) if not self.chance(5) else self.rng.choice(POINTERS)

    def any_reg(self) -> int:
        return self.rng.randrange(8)

    def address(self, write: bool = True) -> int:
        """Nearly always data that is there; at times the ends of pages, and pages that are not."""
        kind = self.rng.randrange(16)
        if kind < 11:
            return DATA + self.rng.randrange(0, 3 * PAGE - 16)
        if kind == 11:  # across two pages, both there
            return DATA + PAGE * self.rng.randrange(1, 3) - self.rng.randrange(1, 4)
        if kind == 12:  # the second is not there, or read-only
            return self.rng.choice((ABSENT[0], ABSENT[1], READ_ONLY)) - self.rng.randrange(1, 4)
        if kind == 13:
            return READ_ONLY + self.rng.randrange(PAGE - 8)
        if kind == 14:
            return self.rng.choice(ABSENT) + self.rng.randrange(PAGE)
        return USER_DATA + self.rng.randrange(PAGE - 8) if self.chance(3) else self.rng.getrandbits(32)

    def memory(self, field: int) -> bytes:
        """ModRM, SIB and displacement for `field` and a memory operand."""
        kind = self.rng.randrange(10)
        if kind < 4:
            return bytes([field << 3 | 5]) + u32(self.address())
        base = self.rng.choice(POINTERS)
        if kind < 7:
            return bytes([0x40 | field << 3 | base, self.rng.getrandbits(8)])
        if kind < 9:
            return bytes([0x80 | field << 3 | base]) + u32(self.rng.randrange(-0x800, 0x800))
        index = self.rng.choice((EAX, ECX, EDX, EBX, EBP, ESI, EDI))
        return bytes([0x44 | field << 3, self.rng.randrange(4) << 6 | index << 3 | base, self.rng.getrandbits(8)])

    def stack(self, field: int) -> bytes:
        """The same, for what lies a little above ESP."""
        return bytes([0x44 | field << 3, 0x24, self.rng.randrange(0, 64, 4)])

    def absolute(self, field: int, address: int) -> bytes:
        return bytes([field << 3 | 5]) + u32(address)

    def rm(self, field: int, size: int = 4, write: bool = True) -> bytes:
        """A register or memory."""
        if self.chance(2):
            return bytes([0xC0 | field << 3 | (self.reg(size) if write else self.any_reg())])
        # No function changes its return address: among bytes that are no code, QEMU knows more instructions than a processor.
        return self.stack(field) if self.chance(8) and not (self.in_function and write) else self.memory(field)

    def prefix(self) -> bytes:
        """An operand size, at times."""
        return b"\x66" if self.chance(6) else b""
