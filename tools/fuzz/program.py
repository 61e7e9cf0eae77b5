"""
A program: a list of items, each a few instructions, and how it becomes bytes.

An instruction is a list of parts: bytes, or a Jump or Address whose target is a label. Labels are the names that items
bear. Instructions can be taken out and the rest assembled again, which is how a program that shows an error is made small.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from fuzz.arena import CODE, STACK_TOP

VERBOSE, TIMER = 1, 2
BOUND_BIT = 0x8000  # in an instruction's offset


@dataclass(frozen=True)
class Jump:
    """A relative branch: a short opcode (or none) and a long one."""

    short: bytes
    long: bytes
    label: str


@dataclass(frozen=True)
class Address:
    """Four bytes: where a label lies, in one of the code's mappings, and an offset."""

    label: str
    base: int = CODE
    plus: int = 0


class Bond:
    """No bytes: this instruction and the next one go together."""


BOND = Bond()
Part = bytes | Jump | Address | Bond
Insn = tuple[Part, ...]


def bound(insns: list) -> list:
    """If one of these faults, those behind it are left out as well; and none is taken out without the others."""
    return [(BOND, *(i if isinstance(i, tuple) else (i,))) for i in insns[:-1]] + insns[-1:]


@dataclass(frozen=True)
class Item:
    insns: tuple[Insn, ...]
    label: str = ""

    @property
    def bundles(self) -> list[tuple[Insn, ...]]:
        """The instructions; together those that are bound."""
        ends = [i + 1 for i, insn in enumerate(self.insns) if BOND not in insn]
        return [self.insns[a:b] for a, b in zip([0, *ends], ends)]


@dataclass(frozen=True)
class Program:
    number: int
    items: tuple[Item, ...]
    user: bytes = b"\xcd\x84"
    at: int = 0xF00  # offset of its first byte in the code's pages
    gpr: tuple[int, ...] = (0, 0, 0, 0, STACK_TOP - 0x100, 0, 0, 0)
    eflags: int = 2
    flags: int = 0
    guard: int = 20
    data: int = 0  # what the data pages are filled from
    # What the other code has in place of some immediates: (label, offset in its item, bytes).
    variants: tuple[tuple[str, int, bytes], ...] = field(default=())

    def without(self, which: set[int]) -> Program:
        """Some bundles taken out, by their numbers; the labels stay."""
        items, n = [], 0
        for item in self.items:
            kept = [bundle for i, bundle in enumerate(item.bundles) if n + i not in which]
            n += len(item.bundles)
            items.append(replace(item, insns=tuple(insn for bundle in kept for insn in bundle)))
        return replace(self, items=tuple(items))

    @property
    def count(self) -> int:
        return sum(len(item.bundles) for item in self.items)

    def assemble(self) -> tuple[bytes, list[int], dict[str, int]]:
        """The code, where each instruction starts, where each label lies (both as offsets)."""
        long: set[int] = set()
        while True:
            code, starts, labels, grown = self._try(long)
            if not grown:
                return code, starts, labels
            long |= grown

    def _try(self, long: set[int]):
        at, n, labels, places, starts = 0, 0, {}, [], []
        for item in self.items:
            if item.label:
                labels[item.label] = at
            for insn in item.insns:
                starts.append(at | (BOUND_BIT if BOND in insn else 0))
                for part in (p for p in insn if p is not BOND):
                    places.append((at, part, n))
                    at += size_of(part, n in long)
                    n += 1
        code, grown = bytearray(), set()
        for place, part, n in places:
            encoded = self._encode(place, part, n in long, labels)
            if encoded is None:
                grown.add(n)
                encoded = bytes(size_of(part, False))
            code += encoded
        return bytes(code), starts, labels, grown

    def _encode(self, at: int, part: Part, long: bool, labels: dict[str, int]) -> bytes | None:
        if isinstance(part, bytes):
            return part
        target = labels[part.label]
        if isinstance(part, Address):
            return struct.pack("<I", part.base + self.at + target + part.plus)
        size = size_of(part, long)
        distance = target - at - size
        if long or not part.short:
            return part.long + struct.pack("<i", distance)
        return part.short + struct.pack("<b", distance) if -128 <= distance <= 127 else None

    def other(self, code: bytes, labels: dict[str, int]) -> bytes:
        changed = bytearray(code)
        for label, offset, value in self.variants:
            place = labels[label] + offset
            changed[place : place + len(value)] = value
        return bytes(changed[: len(code)])

    def record(self) -> bytes:
        """As struct program in guest-tiny/fuzz/arena.h."""
        code, starts, labels = self.assemble()
        body = pad(code) + pad(self.other(code, labels)) + pad(self.user)
        body += pad(struct.pack(f"<{len(starts)}H", *starts))
        words = [self.number, self.flags, CODE + self.at, self.eflags, *self.gpr, self.guard, self.data]
        words += [CODE + self.at + labels.get("back", 0), self.at, len(code), len(pad(self.user)), len(starts)]
        head = struct.pack(f"<{len(words)}I", *words)
        return struct.pack("<I", 4 + len(head) + len(body)) + head + body


def size_of(part: Part, long: bool) -> int:
    if isinstance(part, bytes):
        return len(part)
    if isinstance(part, Address):
        return 4
    return len(part.long) + 4 if long or not part.short else len(part.short) + 1


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def blob(programs: list[Program]) -> bytes:
    return b"".join(p.record() for p in programs) + bytes(4)
