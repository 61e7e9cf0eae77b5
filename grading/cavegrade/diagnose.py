"""
What went wrong with a run, before anybody compares what it printed. The kinds are asked in this order, the most telling
first; that a run took too long is the last thing to say.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from dataclasses import dataclass, field

from cavegrade.qemu import End, Result

EFLAGS_IF = 0x200
STATUS_PANIC = 7
STATUS_USAGE = 5
STORM = 3  # so many traps, all of one instruction, are a storm

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
TODO = re.compile(r"lab \d+: (\w+) is not written yet; read (\S+)")
UNEXPECTED = re.compile(r"guest: unexpected (vector .* at [0-9a-f]+:([0-9a-f]{8}).*)")
REPORT_EIP = re.compile(r"^ +eip ([0-9a-f]{8})\b")  # of vmm/report.c
STOPPED = re.compile(r"\w+ was stopped: (.*)")


class Kind(enum.Enum):
    FINE = "fine"
    BUILD = "does not build"
    BOOT = "refuses to boot"
    PANIC = "panic"
    TRIPLE = "triple fault"
    TODO = "not written yet"
    KILLED = "the monitor stopped the guest"
    ASTRAY = "the guest is lost"
    UNEXPECTED = "an exception that the guest does not expect"
    STORM = "trap storm at one address"
    IDLE_OFF = "idle with interrupts off"
    IDLE = "idle for ever"
    LOOP = "runs in circles"
    FLOOD = "floods the console"
    SILENCE = "silence"
    STATUS = "ends badly"
    BUDGET = "over its budget"
    HOST = "stopped by the host's clock"


@dataclass(frozen=True)
class Diagnosis:
    kind: Kind
    text: str
    details: tuple[str, ...] = ()
    read: str = ""  # handout and heading, where the monitor itself names one

    def __bool__(self) -> bool:
        """True if something is wrong."""
        return self.kind is not Kind.FINE


@dataclass
class Symbols:
    """Names for addresses, from ELF symbol tables."""

    table: dict[str, int] = field(default_factory=dict)
    code: tuple[range, ...] = ()  # where the file has bytes; () if that is not known

    def name(self, address: int) -> str:
        below = [(value, name) for name, value in self.table.items() if value <= address and not name.startswith(".")]
        if not below:
            return f"{address:#x}"
        value, name = max(below)
        return f"{name}+{address - value:#x}" if address - value < 0x4000 else f"{address:#x}"

    def lacks(self, address: int) -> bool:
        """There is no code at that address."""
        return bool(self.code) and not any(address in part for part in self.code)


FINE = Diagnosis(Kind.FINE, "")


def diagnose(result: Result, guest: Symbols, monitor: Symbols, machine: str = "red") -> Diagnosis:
    """`machine`: the name of the guest that matters; its lines, and the monitor's, are looked at."""
    lines = {name: [ESCAPES.sub("", line) for line in text] for name, text in result.lines_by_machine.items()}
    cave, said = lines.get("cave", []), lines.get(machine, [])
    for ask in (_boot, _panic, _triple, _todo):
        found = ask(result, cave, said)
        if found:
            return found
    found = _astray(result, cave, said, guest) or _killed(cave) or _unexpected(said)
    if found:
        return found
    if result.end is End.BUDGET:
        return _too_long(result, guest, monitor)
    if result.end is End.FLOOD:
        return Diagnosis(Kind.FLOOD, "the machine printed more than 4 MiB")
    if result.end is End.HOST:
        return Diagnosis(Kind.HOST, "the run was stopped by the host's clock: this host is too slow or too busy to judge")
    if not said:
        return Diagnosis(Kind.SILENCE, "the guest printed nothing", tuple(cave[-12:]))
    if result.status != 0:
        return Diagnosis(Kind.STATUS, f"QEMU's exit status is {result.status}, where a good end is 0", tuple(cave[-12:]))
    return FINE


def _boot(result: Result, cave: list[str], said: list[str]) -> Diagnosis | None:
    if result.status == STATUS_USAGE:
        return Diagnosis(Kind.BOOT, "the monitor refuses its command line", tuple(cave))
    if not cave and not said and result.end is not End.HOST:
        return Diagnosis(Kind.BOOT, f"the monitor printed nothing at all ({result.why})", _machine(result))
    return None


def _panic(result: Result, cave: list[str], said: list[str]) -> Diagnosis | None:
    first = next((i for i, line in enumerate(cave) if "panic" in line.lower()), None)
    if first is None and result.status != STATUS_PANIC:
        return None
    report = cave[first or 0 :]
    return Diagnosis(Kind.PANIC, report[0] if report else "the monitor panicked", tuple(report[1:24]))


def _triple(result: Result, cave: list[str], said: list[str]) -> Diagnosis | None:
    if result.end is End.TRIPLE:
        text = "the real machine shut down by a triple fault: the monitor's own tables or stacks are damaged"
        return Diagnosis(Kind.TRIPLE, text, _machine(result))
    if result.end is End.RESET:
        return Diagnosis(Kind.TRIPLE, "the real machine was reset", _machine(result))
    return None


def _todo(result: Result, cave: list[str], said: list[str]) -> Diagnosis | None:
    for line in cave:
        found = TODO.search(line)
        if found:
            return Diagnosis(Kind.TODO, f"{found[1]}(), which the guest needs", (line,), found[2])
    return None


def _astray(result: Result, cave: list[str], said: list[str], guest: Symbols) -> Diagnosis | None:
    """The guest's last known EIP, in ring 3 or in a report, is where it has no code."""
    places = [int(found[1], 16) for found in map(REPORT_EIP.match, cave) if found]
    places += [int(found[2], 16) for found in map(UNEXPECTED.match, said) if found]
    places += [step.eip for step in result.steps if step.cpl][-1:]
    place = next(filter(guest.lacks, places), None)
    if place is None:
        return None
    text = f"it runs at {place:#x}, where it has no code: a frame or an IRET sent it there; compare push_frame and return_from_event"
    heard = [line for line in cave if STOPPED.match(line)] + [line for line in said if UNEXPECTED.match(line)]
    return Diagnosis(Kind.ASTRAY, text, tuple(heard), "#push_frame")


def _unexpected(said: list[str]) -> Diagnosis | None:
    for number, line in enumerate(said):
        found = UNEXPECTED.match(line)
        if found:
            return Diagnosis(Kind.UNEXPECTED, found[1], tuple(said[number + 1 : number + 3]))
    return None


def _killed(cave: list[str]) -> Diagnosis | None:
    for number, line in enumerate(cave):
        found = STOPPED.match(line)
        if found:
            return Diagnosis(Kind.KILLED, found[1], tuple(cave[number + 1 : number + 24]))
    return None


def _too_long(result: Result, guest: Symbols, monitor: Symbols) -> Diagnosis:
    registers = result.registers
    if registers.get("HLT"):
        where = f"halted at {monitor.name(registers['EIP'])}"
        if not registers.get("EFL", 0) & EFLAGS_IF:
            return Diagnosis(Kind.IDLE_OFF, f"the real processor is halted with interrupts off: {where}", _machine(result))
        return Diagnosis(Kind.IDLE, "every machine waits for an interrupt, and none comes", (where,))
    ran = Counter(step.eip for step in result.steps if step.cpl)
    traps = sum(before.cpl > after.cpl for before, after in zip(result.steps, result.steps[1:]))
    if not ran:
        return Diagnosis(Kind.LOOP, "the monitor runs in circles and never returns to the guest", busiest(result.steps, monitor))
    if len(ran) == 1 and traps >= STORM:
        text = f"the guest's instruction at {guest.name(next(iter(ran)))} traps again and again and is never done"
        return Diagnosis(Kind.STORM, text, busiest(result.steps, monitor))
    where = tuple(f"{count:5} x {guest.name(address)}" for address, count in ran.most_common(5))
    if not traps:
        return Diagnosis(Kind.LOOP, f"the guest loops near {guest.name(next(iter(ran)))} without a trap", where)
    return Diagnosis(Kind.BUDGET, "the guest goes on and does not come to its end", where)


def busiest(steps, symbols: Symbols) -> tuple[str, ...]:
    """Where the monitor spent the last instructions, by function."""
    counts = Counter(symbols.name(step.eip).partition("+")[0] for step in steps if not step.cpl)
    return tuple(f"{count:5} instructions in {name}" for name, count in counts.most_common(6))


def _machine(result: Result) -> tuple[str, ...]:
    names = ("EIP", "EFL", "CS", "ESP", "CR0", "CR2", "CR3", "CPL", "HLT")
    return tuple(f"{name} = {result.registers[name]:#x}" for name in names if name in result.registers)
