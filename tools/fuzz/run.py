"""Runs programs on the bare machine or in the cave; a machine that a program kills is started again behind it."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from cavegrade.qemu import End, boot

from fuzz.program import VERBOSE, Program, blob

BUILD = Path(os.environ.get("BUILD", Path(__file__).resolve().parents[2] / "build"))
HOST_LIMIT = 1200.0
# Ring 3's part of the window: what a guest has there is not what a translated kernel sees (docs/design.md, "Known limits").
HIDDEN = range(0xE2C00000, 0xE3C00000)


BARE, DIRECT, TRANSLATE = "bare", "direct", "translate"


@dataclass(frozen=True)
class Seen:
    """What a machine made of one program."""

    line: str  # two hashes; or how it died
    events: tuple[str, ...] = ()  # if the program was verbose


def boot_with(file: Path, engine: str, count: int):
    """A budget of virtual time for each program: several times what it takes."""
    guest = BUILD / "guest/fuzz.elf"
    if engine == BARE:
        result = boot(guest, [(file, "")], budget=2 + count / 50, host_limit=HOST_LIMIT if count > 100 else 40, steps=0)
        return result, result.lines_by_machine.get("", [])
    modules = [(guest, f"vm=red mem=32M engine={engine}"), (file, "vm=red")]
    result = boot(BUILD / "cave.elf", modules, budget=10 + count / 5, host_limit=HOST_LIMIT if count > 100 else 40, steps=0)
    return result, result.lines_by_machine.get("red", [])


def how_it_died(result) -> str:
    said = result.lines_by_machine.get("cave", [])
    others = [line for line in result.console.splitlines() if "guest: " in line]
    return " / ".join(["died: " + (result.why if result.end is not End.EXIT else "ended"), *others[-3:], *said[1:3]])


def parse(lines: list[str], seen: dict[int, Seen]) -> bool:
    """Takes what was said; true if the machine came to its end."""
    events: list[str] = []
    for line in lines:
        if line.startswith(" "):
            events.append(line)
            continue
        words = line.split()
        if len(words) == 3 and not line.startswith("guest"):
            seen[int(words[0], 16)] = Seen(" ".join(words[1:]), tuple(events))
            events = []
        elif line == "end":
            return True
    return False


def run(programs: list[Program], engine: str) -> dict[int, Seen]:
    """By number, what became of each."""
    seen: dict[int, Seen] = {}
    while programs:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
            file = Path(directory) / "programs"
            file.write_bytes(blob(programs))
            result, lines = boot_with(file, engine, len(programs))
        ended = parse(lines, seen)
        rest = [p for p in programs if p.number not in seen]
        if ended or not rest:
            break
        partial = tuple(line for line in lines[-8:] if line.startswith(" "))
        seen[rest[0].number] = Seen(how_it_died(result), partial)
        programs = rest[1:]
    return seen


def loud(program: Program) -> Program:
    return replace(program, flags=program.flags | VERBOSE)


def strays(program: Program) -> bool:
    """Whether it reaches there, where the bare machine has nothing, so that it faults."""
    faults = re.findall(r" cr2 (\w+)", " ".join(run([loud(program)], BARE)[program.number].events))
    return any(int(address, 16) in HIDDEN for address in faults)
