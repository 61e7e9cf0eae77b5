"""
A few hundred random kernel-mode programs (tools/fuzz), translated and bare: what they see must be the same. `make fuzz`
runs thousands. And every program that has ever shown an error (kernel/test/fuzz/), as it was then.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from fuzz.arena import ABSENT, END_VECTOR
from fuzz.generate import DIRECT as FOR_DIRECT
from fuzz.generate import MIXED, generate
from fuzz.kept import load
from fuzz.program import VERBOSE, Item, Program, bound
from fuzz.run import BARE, DIRECT, TRANSLATE, run, strays

SEED = 20260101
KEPT = sorted((Path(__file__).parent / "fuzz").glob("*.txt"))


def differing(programs, engine):
    """What an engine makes otherwise of programs; what kills the bare machine shows nothing."""
    bare = run(programs, BARE)
    alive = [p for p in programs if not bare[p.number].line.startswith("died")]
    assert len(alive) >= len(programs) * 9 // 10
    seen = run(alive, engine)
    return {p.number: (bare[p.number].line, seen[p.number].line) for p in alive if bare[p.number].line != seen[p.number].line}


def test_programs_run_translated_as_on_the_bare_machine():
    assert differing([generate(SEED, n, MIXED) for n in range(300)], TRANSLATE) == {}


@pytest.mark.parametrize("engine", [DIRECT, TRANSLATE])
def test_programs_that_need_no_translation(engine):
    assert differing([generate(SEED, n, FOR_DIRECT) for n in range(150)], engine) == {}


def test_a_program_is_the_same_every_time():
    assert generate(SEED, 7).record() == generate(SEED, 7).record()
    assert generate(SEED, 7).record() != generate(SEED, 8).record()


def test_a_program_that_reads_translated_code_is_known_for_it():
    """It lies in ring 3's part of the window, and reads as memory there: the one difference that is left out."""
    load_byte = Item(((b"\xa0" + struct.pack("<I", 0xE2D5FD32),), (bytes([0xCD, END_VECTOR]),)))
    program = Program(number=0, items=(load_byte,))
    assert len({run([program], engine)[0].line for engine in (BARE, TRANSLATE)}) == 2
    assert strays(program)
    assert not strays(generate(SEED, 7))


def test_what_is_bound_to_a_fault_is_left_out_with_it():
    store, inc = b"\xc6\x05" + struct.pack("<I", ABSENT[0]) + b"\x01", b"\x40"
    insns = [*bound([store, inc, inc]), inc, bytes([0xCD, END_VECTOR])]
    program = Program(number=0, items=(Item(tuple(i if isinstance(i, tuple) else (i,) for i in insns)),), flags=VERBOSE)
    assert run([program], BARE)[0].events[3].split()[:2] == ["eax", "1"]
    assert program.without({0}).count == 2


def test_every_error_ever_found():
    """One boot for all of them. Their names tell what it was."""
    programs = [load(path, number) for number, path in enumerate(KEPT)]
    assert {KEPT[number].stem: lines for number, lines in differing(programs, TRANSLATE).items()} == {}
