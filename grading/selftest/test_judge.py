"""Each way in which a guest could get out of its cave is seen in the real machine's state, and named."""

from dataclasses import replace

import pytest
from cavegrade.gdbstub import Mapping
from cavegrade.diagnose import Symbols
from cavegrade.judge import Case, Failed, escape
from cavegrade.qemu import End, Result
from cavegrade.run import Run, Stop

MEMORY, IMAGE = 8 << 20, range(0xE0100000, 0xE0140000)
CODE = Mapping(0x100000, 0x2100000, 4096, user=True, writable=True)
DATA = Mapping(0x200000, 0x2200000, 4096, user=True, writable=True)
MONITOR = Mapping(0xE0100000, 0x100000, 4096, user=False, writable=True)
REGISTERS = {"eip": 0x100123, "cs": 0x1B, "eflags": 0x202}
GOOD = Stop("stop_1", REGISTERS, (CODE, DATA, MONITOR), paging=True, io_map=None)


def test_nothing_to_say():
    assert escape(GOOD, MEMORY, IMAGE) == ""


# fmt: off
BAD = {
    "runs in ring 0": replace(GOOD, registers={**REGISTERS, "cs": 8}),
    "IOPL is 3": replace(GOOD, registers={**REGISTERS, "eflags": 0x3202}),
    "IF is clear": replace(GOOD, registers={**REGISTERS, "eflags": 2}),
    "I/O permission map": replace(GOOD, io_map=104),
    "paging is off": replace(GOOD, paging=False, mappings=()),
    "do not map the instruction": replace(GOOD, mappings=(DATA, MONITOR)),
    "not its memory": replace(GOOD, mappings=(CODE, DATA, replace(MONITOR, user=True))),
    "not its memory$": replace(GOOD, mappings=(CODE, replace(DATA, physical=0x2100000 + (8 << 20)), MONITOR)),
    "at 0x0, which is not its": replace(GOOD, mappings=(CODE, Mapping(0, 0x1FFF000, 4096, True, True), MONITOR)),
    "trap could not be taken": replace(GOOD, mappings=(CODE, DATA)),
    "lies in the guest's memory": replace(GOOD, mappings=(CODE, DATA, replace(MONITOR, physical=0x2300000))),
}
# fmt: on


@pytest.mark.parametrize("problem", BAD)
def test_escape(problem):
    assert problem.removesuffix("$") in escape(BAD[problem], MEMORY, IMAGE)


BARE = Result(End.POWEROFF, 0, "before: 1\nafter: 2\n", "")


def contained(console: str) -> str:
    """The headline for a run that printed this, ended well, and came to no stop."""
    run = Run("hello", BARE, Result(End.POWEROFF, 0, console, ""), ["stop_1"])
    with pytest.raises(Failed) as failed:
        Case(run, 0, Symbols(), Symbols()).contained()
    return failed.value.headline


def test_all_lines_but_no_stop():
    assert contained("red| before: 1\nred| after: 2\n") == "the processor never came to stop_1"


def test_ended_before_its_stop():
    told = contained("red| before: 1\ncave: red has ended: halted with interrupts off\n")
    assert told == "the guest ended before its line PROBE_STOP(1): red has ended: halted with interrupts off"
    assert contained("red| before: 1\n").endswith("PROBE_STOP(1): the machine switched itself off (0)")
