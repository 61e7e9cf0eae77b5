"""
One probe, run twice: alone on the bare machine, which says what is right, and in the cave, where it is stopped at its
stop_N labels and looked at from outside. What a monitor prints is not believed about itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cavegrade.elf import Elf
from cavegrade.gdbstub import Gdb, GdbError, Mapping
from cavegrade.qemu import End, Machine, Result, boot

MACHINE = "red"
STOP = "stop_"
EFLAGS_IF, EFLAGS_IOPL = 0x200, 0x3000
CODE_BYTES = 8  # compared, to know the probe from other code at the same address
TSS_IO_MAP = 102

# Lines of the monitor's trace (vmm/trace.c): the guest's serial port, a character, a line's end.
SERIAL = re.compile(r" port=3f[8-f] ")
CHARACTER = re.compile(r" write port=3f8 size=1 ")
NEWLINE = re.compile(r" write port=3f8 size=1 value=a$")
LAST_EXITS = 8


@dataclass(frozen=True)
class Stop:
    """The real machine at one of the probe's labels."""

    label: str
    registers: dict[str, int]
    mappings: tuple[Mapping, ...]  # all present pages; empty if paging is off
    paging: bool
    io_map: int | None  # where the real TSS's I/O permission map begins, None if it has none
    shown: int | None = None  # the probe's variable `shown`: what it does not print, since QEMU itself has it wrong

    @property
    def cpl(self) -> int:
        return self.registers["cs"] & 3


@dataclass
class Run:
    """What became of one probe."""

    name: str
    bare: Result
    cave: Result
    labels: list[str]
    stops: list[Stop] = field(default_factory=list)

    @property
    def expected(self) -> list[str]:
        return lines(self.bare.console)

    @property
    def got(self) -> list[str]:
        return self.cave.lines_by_machine.get(MACHINE, [])


def lines(text: str) -> list[str]:
    return [line for line in text.replace("\r", "").split("\n") if line]


def module(probe: Path, memory: str) -> tuple[Path, str]:
    return probe, f"vm={MACHINE} mem={memory}"


def run_probe(name: str, monitor: Path, probe: Path, bare: Result, budget: float, memory: str) -> Run:
    """`bare`: what run_bare() gave for the same file."""
    elf = Elf(probe)
    labels = {symbol: value for symbol, value in elf.symbols.items() if symbol.startswith(STOP)}
    with Machine(monitor, [module(probe, memory)]) as machine:
        machine.arm(budget)
        gdb = machine.gdb()
        stops, end = walk_stops(machine, gdb, elf, labels)
        cave = machine.result(end, steps=3000)
    return Run(name, bare, cave, sorted(labels), stops)


def run_bare(probe: Path, budget: float) -> Result:
    return boot(probe, budget=budget)


def last_exits(monitor: Path, probe: Path, budget: float, memory: str, line: int) -> list[str]:
    """
    What the monitor did before the guest printed line `line` (from 1; 0: at the end). The probe is run once more for this:
    the writing of a trace takes time, which is the guest's.
    """
    with Machine(monitor, [module(probe, memory)], trace=True) as machine:
        return exits_before(lines(machine.result(machine.run(budget)).trace), line)


def exits_before(trace: list[str], line: int) -> list[str]:
    """The exits that are not the serial port's, up to the moment when the guest has printed line - 1 lines."""
    kept, printed = [], 0
    for entry in trace:
        if not SERIAL.search(entry):
            kept.append(entry)
        elif NEWLINE.search(entry):
            printed += 1
        elif line and printed == line - 1 and CHARACTER.search(entry):
            break
    return kept[-LAST_EXITS:]


def walk_stops(machine: Machine, gdb: Gdb, elf: Elf, labels: dict[str, int]) -> tuple[list[Stop], End]:
    """Runs to the end; takes down the machine's state at the first arrival at each label."""
    wanted = {address: label for label, address in labels.items()}
    stops: list[Stop] = []
    for address in wanted:
        gdb.break_at(address)
    while True:
        end = machine.proceed()
        if end:
            return stops, end
        registers = gdb.registers()
        label = wanted.get(registers["eip"])
        # The monitor loads at the same addresses before it moves away: other code there is not the probe. And the page may
        # not be in the tables yet: then the processor comes again, after a hidden fault.
        if label is None or not is_code(gdb, elf, registers["eip"]):
            gdb.step()
            continue
        gdb.unbreak(registers["eip"])
        del wanted[registers["eip"]]
        stops.append(look(machine, gdb, elf, label, registers))


def is_code(gdb: Gdb, elf: Elf, address: int) -> bool:
    for start, content in elf.segments():
        if start <= address < start + len(content):
            at = address - start
            try:
                return gdb.read(address, CODE_BYTES)[1:] == content[at + 1 : at + CODE_BYTES]
            except GdbError:
                return False
    return False


def look(machine: Machine, gdb: Gdb, elf: Elf, label: str, registers: dict[str, int]) -> Stop:
    paging = bool(gdb.control("cr0") >> 31)
    return Stop(label, registers, tuple(gdb.mappings()), paging, io_map(machine, gdb), shown(gdb, elf))


def shown(gdb: Gdb, elf: Elf) -> int | None:
    try:
        return int.from_bytes(gdb.read(elf.symbols["shown"], 4), "little") if "shown" in elf.symbols else None
    except GdbError:  # the guest has not touched the page yet
        return None


def io_map(machine: Machine, gdb: Gdb) -> int | None:
    """Offset of the I/O permission map in the TSS that the real TR names (SDM 1 19.5.2)."""
    base, limit = machine.task_register()
    if limit < TSS_IO_MAP + 1:
        return None
    offset = int.from_bytes(gdb.read(base + TSS_IO_MAP, 2), "little")
    return offset if offset < limit else None
