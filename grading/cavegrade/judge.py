"""
What a lab's tests ask of a run. Each question either passes silently or raises Failed, which carries the story that the
student reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cavegrade.diagnose import Diagnosis, Kind, Symbols, diagnose
from cavegrade.run import EFLAGS_IF, EFLAGS_IOPL, MACHINE, STOP, Run, Stop


@dataclass
class Difference:
    """The first line that is not as it should be, with a few before it for orientation."""

    line: int
    before: list[str]
    expected: str | None  # None: nothing more should come
    got: str | None  # None: nothing more came


@dataclass
class Failed(Exception):
    headline: str
    details: list[str] = field(default_factory=list)
    difference: Difference | None = None
    read: str = ""

    def __str__(self) -> str:
        return self.headline


@dataclass
class Case:
    """A run with its verdict functions; the `probe` argument of a lab's tests."""

    run: Run
    secret_value: int
    guest: Symbols
    monitor: Symbols
    memory: int = 8 << 20  # bytes of the guest's

    @property
    def image(self) -> range:
        """Where the monitor is linked to run."""
        return range(self.monitor.table["image_start"], self.monitor.table["image_end"])

    def judge(self) -> None:
        """What every graded behaviour asks: a good end, ring 3 wherever it was stopped, the bare machine's words."""
        self.ended_well()
        self.contained()
        self.says_the_same()

    def diagnosis(self) -> Diagnosis:
        return diagnose(self.run.cave, self.guest, self.monitor)

    def ended_well(self) -> None:
        found = self.diagnosis()
        if found:
            difference = first_difference(self.run.expected, self.run.got)
            raise Failed(f"{found.kind.value}: {found.text}", list(found.details), difference, found.read)

    def shuts_down(self, reason: str) -> None:
        """The guest's processor shuts down, as the bare one does: the monitor reports it for this reason and goes on."""
        found = self.diagnosis()
        if found and (found.kind is not Kind.KILLED or reason not in found.text):
            raise Failed(f"{found.kind.value}: {found.text}", list(found.details), read=found.read)
        if not found:
            raise Failed(f"the machine did not end by a {reason}, as the bare one does")
        self.contained()
        self.says_the_same()

    def says_the_same(self) -> None:
        difference = first_difference(self.run.expected, self.run.got)
        if difference:
            raise Failed("the guest does not say in the cave what it says on the bare machine", [], difference)

    def contained(self) -> None:
        """At each of the probe's stops, all of them reached, the real machine is as a deprivileged guest must find it."""
        reached = {stop.label for stop in self.run.stops}
        missing = [label for label in self.run.labels if label not in reached]
        if missing:
            raise self.missed(missing)
        for stop in self.run.stops:
            problem = escape(stop, self.memory, self.image)
            if problem:
                raise Failed(f"at {stop.label} the machine is not as it must be: {problem}")

    def missed(self, labels: list[str]) -> Failed:
        """
        The run ended well, and yet did not come by these labels. If every line is there, something else than the probe has
        printed them; otherwise the guest has only ended too early.
        """
        difference = first_difference(self.run.expected, self.run.got)
        if not difference:
            headline = f"the processor never came to {', '.join(labels)}"
            return Failed(headline, ["The grader waits at these addresses of the probe. Its lines were printed by something else."])
        line = f"PROBE_STOP({labels[0].removeprefix(STOP)})"
        return Failed(f"the guest ended before its line {line}: {self.ending()}", [], difference)

    def ending(self) -> str:
        """How the machine ended, in the monitor's words if it has said something of the guest's end."""
        said = [line for line in self.run.cave.lines_by_machine.get("cave", []) if line.startswith(f"{MACHINE} ")]
        return said[-1] if said else self.run.cave.why

    def says(self, key: str, expected: str) -> None:
        """The line `key: expected`, which the test derives itself, is among what the guest said."""
        lines = [line for line in self.run.got if line.startswith(f"{key}: ")]
        if f"{key}: {expected}" not in lines:
            difference = Difference(0, [], f"{key}: {expected}", lines[0] if lines else None)
            raise Failed(f"{key} is not what it must be", [], difference)

    def shows(self, label: str, expected: int, problem: str) -> None:
        """At this stop the probe's variable `shown` has this value."""
        found = next((stop.shown for stop in self.run.stops if stop.label == label), None)
        if found != expected:
            raise Failed(problem)

    def value(self, plus: int = 0) -> int:
        """The probe's SECRET, plus something."""
        return self.secret_value + plus & 0xFFFFFFFF

    def secret(self, n: int) -> int:
        """The probe's secret(n), computed here."""
        return mix(self.secret_value, n)


def first_difference(expected: list[str], got: list[str]) -> Difference | None:
    for number in range(max(len(expected), len(got))):
        want = expected[number] if number < len(expected) else None
        have = got[number] if number < len(got) else None
        if want != have:
            return Difference(number + 1, expected[max(0, number - 2) : number], want, have)
    return None


def escape(stop: Stop, memory: int, image: range) -> str:
    """How the guest could get out, as the real registers and tables in force stand; "" if it cannot."""
    if stop.cpl != 3:
        return f"the guest runs in ring {stop.cpl}"
    if stop.registers["eflags"] & EFLAGS_IOPL:
        return "the real EFLAGS.IOPL is 3: the guest may mask real interrupts and use every port"
    if not stop.registers["eflags"] & EFLAGS_IF:
        return "the real EFLAGS.IF is clear: the guest cannot be interrupted"
    if stop.io_map is not None:
        return "the real TSS has an I/O permission map"
    if not stop.paging:
        return "real paging is off: nothing is protected"
    return wide_mapping(stop, memory, image)


def wide_mapping(stop: Stop, memory: int, image: range) -> str:
    """
    What ring 3 may reach is the guest's memory: one block, in which the probe's code lies at the guest-physical address that
    is its linear one, too. `memory`: its size in bytes. `image`: where the monitor itself lies in the linear space.
    """
    user = [mapping for mapping in stop.mappings if mapping.user]
    code = [m for m in user if m.linear <= stop.registers["eip"] < m.linear + m.size]
    if not code:
        return "the tables in force do not map the instruction that runs"
    start = code[0].physical - code[0].linear
    for mapping in user:
        if not start <= mapping.physical <= mapping.physical + mapping.size <= start + memory:
            return f"ring 3 reaches physical {mapping.physical:#x} at {mapping.linear:#x}, which is not its memory"
    frames = [m for m in stop.mappings if not m.user and m.linear in image]
    if not frames:
        return "the tables in force do not map the monitor: a trap could not be taken"
    for mapping in frames:
        if start <= mapping.physical < start + memory:
            return f"the monitor's page at {mapping.linear:#x} lies in the guest's memory"
    return ""


def mix(secret: int, n: int) -> int:
    """secret() of guest-tiny/lib/probe.c."""
    mask = 0xFFFFFFFF
    h = secret ^ n * 0x9E3779B9 & mask
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    return h ^ h >> 16
