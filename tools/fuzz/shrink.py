"""Makes a program that shows an error small: takes out what it does not need, many attempts in one boot."""

from __future__ import annotations

from dataclasses import replace

from fuzz.program import Program
from fuzz.run import BARE, run


def shows(programs: list[Program], engine: str) -> list[bool]:
    """Whether each is run otherwise than by the bare machine."""
    numbered = [replace(p, number=n) for n, p in enumerate(programs)]
    bare = run(numbered, BARE)
    alive = [p for p in numbered if not bare[p.number].line.startswith("died")]
    seen = run(alive, engine)
    return [p.number in seen and seen[p.number].line != bare[p.number].line for p in numbered]


def shrink(program: Program, engine: str, rounds: int = 12) -> Program | None:
    """None if it does not show the error alone."""
    if not shows([program], engine)[0]:
        return None
    size = max(1, program.count // 2)
    for _ in range(rounds):
        chunks = [set(range(at, min(at + size, program.count))) for at in range(0, program.count, size)]
        answers = shows([program.without(chunk) for chunk in chunks], engine)
        good = [chunk for chunk, still in zip(chunks, answers) if still]
        if good:
            together = program.without(set().union(*good))
            program = together if len(good) > 1 and shows([together], engine)[0] else program.without(good[0])
        elif size == 1:
            break
        size = max(1, min(size // 2 if not good else size, program.count // 2))
    return program
