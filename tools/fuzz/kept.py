"""
Programs that showed an error once, kept as text: instructions in bytes, so that they stay the same when the generator
changes.

    # what was wrong
    eflags 202
    gpr 0 0 0 0 85ff00 0 0 0
    b9 6f 00 00 00            mov $0x6f,%ecx
    0f 00 e9                  verw %cx
"""

from __future__ import annotations

import re
from pathlib import Path

from fuzz.arena import END_VECTOR, STACK_TOP
from fuzz.program import Item, Program

LINE = re.compile(r"((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:\s{2,}.*)?$")


def load(path: Path, number: int) -> Program:
    settings: dict[str, list[int]] = {"gpr": [0, 0, 0, 0, STACK_TOP - 0x100, 0, 0, 0], "eflags": [2], "at": [0xF00], "data": [1]}
    items = []
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if line.startswith("#") or not line.strip():
            continue
        if word in settings:
            settings[word] = [int(x, 16) for x in rest.split()]
            continue
        match = LINE.match(line.strip())
        if not match:
            raise ValueError(f"{path}: neither a setting nor an instruction in bytes: {line}")
        items.append(Item(((bytes.fromhex(match[1]),),)))
    items.append(Item(((bytes([0xCD, END_VECTOR]),),), "end"))
    return Program(
        number=number,
        items=tuple(items),
        gpr=tuple(settings["gpr"]),
        eflags=settings["eflags"][0],
        at=settings["at"][0],
        data=settings["data"][0],
    )
