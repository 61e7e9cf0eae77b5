"""
The second half of `make bench`: Debian's Linux, translated, against the same kernel on the bare machine; and what the translator
adds to single instructions. tools/bench.py calls it, and says how instructions are counted.

Both machines boot the same files with the same command line and run tools/guests/root/etc/bench, which prints a line
`measure NAME TICKS` for each row. The guest's clock counts what the monitor does in its place, but not what was there before
it: the way from power-on to the guest's first instruction is measured from outside. Host time is the processor time of
QEMU's process between two of these lines, so it includes the printing of one; bare and cave take turns.
"""

from __future__ import annotations

import re
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from cavegrade.elf import Elf
from cavegrade.qemu import SHIFT, End, Machine
from guests import fetch, initramfs
from guests.apt import Unavailable

# The peers were measured with this command line: Linux looks for all that a PC may have, and tests its own ciphers.
COMMAND_LINE = "console=ttyS0 panic=-1 quiet loglevel=1 printk.time=0 nokaslr"
BENCH, NOTHING = "cave.run=bench", "cave.run=nothing"  # a script that is there, and one that is not: boot and power-off
MEMORY, REAL_MEMORY = 96, 256  # MiB: of the guest, and of the machine under the monitor
BUDGET = 900.0
HOST_LIMIT = 1800.0
POLL = 0.002  # seconds of host time between looks at what a machine has printed
NO_KEYS = ("never printed", "")  # with a keyboard a stop takes no virtual time (cavegrade)
KERNEL_ENTRY = 0x100000  # of Linux's protected-mode code (Documentation/x86/boot.rst, 1.14)
PM_TIMER, PM_HZ = 0x608, 3579545  # of the PIIX4, where SeaBIOS puts it; ACPI specification 4.8.2.1
ENTRY, BOOT = "entry", "userspace"  # power-on to the kernel's first instruction; from there to the first measure

LINE = re.compile(r"measure (\S+) (\d+)")
VISITS = re.compile(r"meter: (\w+) (\d+) visits, (\d+) kiloticks")
CACHE = re.compile(r"meter: (cache .*)")
ADDED = re.compile(r"added: (\S+) (\d+) times (\d+) ns")


@dataclass(frozen=True)
class Row:
    """A line of the table. What others take was measured elsewhere: times bare."""

    what: str
    measures: tuple[str, ...]
    must: float | None = None
    aim: float | None = None
    trial: float | None = None
    kvm_shadow: float | None = None
    kvm_nested: float | None = None
    qemu: str = ""


ROWS = (
    Row("boot, from power-on", (ENTRY, BOOT), 1.12, 1.05, 1.10, 1.18, 1.12, "10.6"),
    Row("boot, from kernel entry", (BOOT,)),
    Row("null system call", ("getppid",), 5, 2.0, 4.6, 1.06, 1.06, "41"),
    Row("pipe ping-pong", ("pingpong",), 3.5, 1.6, 3.1, 1.69, 1.05),
    Row("fork, wait", ("fork",), 2, 1.4, 1.8, 4.8, 1.06, "81"),
    Row("fork, exec, wait", ("exec",), 1.8, 1.3, 1.6, 3.3, 1.13, "46"),
    Row("mmap, touch 3 x 16 MiB", ("mmap",), 2, 1.4, 1.9, 2.3, 1.12, "27"),
    Row("copy-on-write 5 x 4 MiB", ("cow",), 2, 1.4, 1.9, 2.6, 1.06, "33"),
    Row("touch 60 MiB", ("touch60",), 2, 1.4, 1.9, 2.5, 1.22, "27"),
    Row("gzip, sha256sum", ("gzip", "sha256sum"), 1.01, 1.005, 1.01, 1.06, 1.06, ">15"),
    Row("FPU loop", ("fpu",), 1.01, 1.005, 1.01, 1.06, 1.06, ">15"),
)
HOST_LIMIT_OF_BOOT = 2.5  # times bare, of host time

# Instructions that the translator may add to one of these.
ADDED_AIMS = {
    "CLI": 2,
    "STI": 5,
    "PUSHF": 8,
    "POPF": 14,
    "CALL+RET": 12,
    "INT": 180,
    "IRET": 200,
    "divide-in-kernel": 450,
    "divide-in-program": 450,
    "remap+INVLPG+touch": 450,
}
ADDED_WORDS = {
    "INT": "INT in a program, to the kernel's first instruction",
    "IRET": "IRET from there to the program",
    "divide-in-kernel": "divide error, injected and returned from",
    "divide-in-program": "the same, of a program",
    "remap+INVLPG+touch": "store to a page-table entry, INVLPG, touch",
}


@dataclass(frozen=True)
class Guest:
    """The files, and how they are started on either machine."""

    build: Path
    kernel: Path
    initrd: Path

    @property
    def monitor(self) -> Path:
        return self.build / "cave.elf"

    def start(self, cave: bool, run: str = BENCH, append: str = "", **options) -> Machine:
        more = options.pop("options", [])
        options |= {"options": ["-m", str(REAL_MEMORY if cave else MEMORY), *more], "host_limit": HOST_LIMIT}
        if not cave:
            return Machine(self.kernel, [(self.initrd, "")], f"{COMMAND_LINE} {run}", **options)
        vm = f"vm=linux mem={MEMORY}M engine=translate -- {COMMAND_LINE} {run}"
        return Machine(self.monitor, [(self.kernel, vm), (self.initrd, "vm=linux")], append, **options)


def debian(build: Path) -> Guest:
    """Linux and its file system, fetched unless they are there. Raises Unavailable."""
    directory = build / "guests"
    for name in ("busybox", "linux"):
        file, _ = fetch.fetch(name, directory)
    return Guest(build, file, initramfs.make(directory, build / "guest/measure", directory / "initramfs.cpio"))


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What one machine has told: ticks (nanoseconds of virtual time) and seconds of the host's processor for each measure."""

    ticks: dict[str, int] = field(default_factory=dict)
    host: dict[str, float] = field(default_factory=dict)
    console: str = ""


class Stopwatch(threading.Thread):
    """Notes the processor time that QEMU has used whenever a measure is printed."""

    def __init__(self, machine: Machine):
        super().__init__(daemon=True)
        self.machine, self.over = machine, threading.Event()
        self.used: list[float | None] = [0.0]

    def run(self) -> None:
        while not self.over.wait(POLL):
            self.look()

    def look(self) -> None:
        """Of several lines since the last look, when the host was busy, only the last one's time is known."""
        missing = len(LINE.findall(self.machine.console())) + 1 - len(self.used)
        if missing:
            self.used += [None] * (missing - 1) + [host_seconds(self.machine)]

    def seconds(self) -> list[float | None]:
        """From line to line."""
        return [None if None in pair else pair[1] - pair[0] for pair in zip(self.used, self.used[1:])]


def host_seconds(machine: Machine) -> float:
    tasks = Path(f"/proc/{machine.process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def boot(guest: Guest, cave: bool) -> Run:
    with guest.start(cave) as machine:
        watch = Stopwatch(machine)
        watch.start()
        end = machine.run(BUDGET)
        watch.over.set()
        watch.join()
        console = machine.console()
    lines = [(name, int(ticks)) for name, ticks in LINE.findall(console)]
    if end not in (End.RESET, End.POWEROFF) or not lines or lines[-1][0] != "sha256sum":
        raise SystemExit(f"bench: Linux did not come to its end ({end.value}):\n{console}")
    seconds = {name: spent for (name, _), spent in zip(lines, watch.seconds()) if spent is not None}
    return Run(dict(lines), seconds, console)


def ticks_to_entry(guest: Guest, cave: bool) -> int:
    """Nanoseconds from power-on to the first instruction: Linux's own, or in the cave the first that the monitor lets it run."""
    address = Elf(guest.monitor).symbols["hw_enter"] if cave else KERNEL_ENTRY
    with guest.start(cave, keys=[NO_KEYS]) as machine:
        machine.arm(BUDGET)
        gdb = machine.gdb()
        gdb.break_at(address)
        # A page of zeros, over which the processor would run on, is not the kernel yet.
        while not (end := machine.proceed()):
            if gdb.registers()["eip"] == address and gdb.read(address, 4) != bytes(4):
                break
        if end:
            raise SystemExit(f"bench: Linux was never entered ({end.value}):\n{machine.console()}")
        answer = machine.qmp.monitor(f"i/w {PM_TIMER:#x}", machine.deadline)
        return int(answer.split("=")[1], 16) * 10**9 // PM_HZ


def measure(guest: Guest, cave: bool, entry: int) -> Run:
    """A boot, whose first measure is taken apart at the kernel's entry. Bare, the guest's clock began at power-on."""
    run = boot(guest, cave)
    run.ticks[ENTRY] = entry
    if not cave:
        run.ticks[BOOT] -= entry
    run.host[ENTRY] = 0.0  # it is in the other part
    return run


def metered(guest: Guest, run: str) -> str:
    """What the monitor says at the end of what it took it."""
    with guest.start(True, run, "meter") as machine:
        machine.run(BUDGET)
        return machine.console()


# --- the tables -------------------------------------------------------------------------------------------------------


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    return table


def total(values: dict, row: Row):
    return sum(values[name] for name in row.measures)


def ratio_of(bare: list[Run], cave: list[Run], row: Row) -> float:
    return total(cave[0].ticks, row) / total(bare[0].ticks, row)


def against(ratio: float, row: Row) -> str:
    if row.must is None:
        return ""
    if ratio <= row.aim:
        return "[green]aim met[/]"
    if ratio <= row.must:
        return f"[green]met[/], {ratio - row.aim:.3f} above the aim"
    return f"[red]missed by {ratio - row.must:.3f}[/]"


def host_ratio(bare: list[Run], cave: list[Run], row: Row) -> str:
    """The median of the runs' ratios; a short row's is no better than the 2 ms of a look."""
    pairs = [(b.host, c.host) for b, c in zip(bare, cave) if b.host.keys() & c.host.keys() >= set(row.measures)]
    ratios = [total(c, row) / total(b, row) for b, c in pairs]
    return f"{statistics.median(ratios):.2f}" if ratios else "-"


def linux_table(bare: list[Run], cave: list[Run]) -> Table:
    title = "Debian's Linux, bare and in the cave: thousands of instructions, and host time"
    table = new_table(title, "", "bare", "cave", "ratio", "must", "aim", "", "host ratio")
    for row in ROWS:
        ratio = ratio_of(bare, cave, row)
        table.add_row(
            row.what,
            *(f"{total(runs[0].ticks, row) / (1000 << SHIFT):,.0f}" for runs in (bare, cave)),
            f"{ratio:.3f}",
            *(f"{limit:g}" if limit else "" for limit in (row.must, row.aim)),
            against(ratio, row),
            host_ratio(bare, cave, row),
        )
    return table


def peer_table(bare: list[Run], cave: list[Run]) -> Table:
    """Who is behind is named, too."""
    title = "Instructions, times bare: the cave, and others (measured elsewhere)"
    table = new_table(title, "", "cave", "trial", "KVM, shadow paging", "KVM, nested paging", "QEMU inside", "ahead of")
    for row in (row for row in ROWS if row.trial):
        ratio = ratio_of(bare, cave, row)
        peers = {"trial": row.trial, "shadow": row.kvm_shadow, "nested": row.kvm_nested}
        ahead = [name for name, value in peers.items() if ratio < value]
        table.add_row(row.what, f"{ratio:.2f}", *(f"{value:.2f}" for value in peers.values()), row.qemu or "-", ", ".join(ahead))
    return table


def causes(console: str) -> dict[str, tuple[int, float]]:
    """Visits, and instructions in thousands."""
    return {name: (int(visits), int(ticks) / (1 << SHIFT)) for name, visits, ticks in VISITS.findall(console)}


def cause_table(boot_only: str, everything: str) -> Table:
    table = new_table(
        "Why the monitor was there: visits, and thousands of its instructions",
        *("cause", "boot", "instructions", "each", "share", "all measures", "instructions", "each", "share"),
    )
    both = causes(boot_only), causes(everything)
    sums = [[sum(column) for column in zip(*part.values())] for part in both]
    for name in sorted(both[1], key=lambda name: -both[0].get(name, (0, 0))[1]):
        cells = []
        for part, (_, whole) in zip(both, sums):
            visits, thousands = part.get(name, (0, 0))
            each = 1000 * thousands / visits if visits else 0
            cells += [f"{visits:,}", f"{thousands:,.0f}", f"{each:,.0f}", f"{100 * thousands / whole:.1f} %"]
        table.add_row(name, *cells)
    table.add_row("all", *(cell for visits, whole in sums for cell in (f"{visits:,}", f"{whole:,.0f}", "", "")))
    return table


def guest_or_skip(build: Path, console) -> Guest | None:
    try:
        return debian(build)
    except Unavailable as why:
        console.print(f"bench: SKIPPED: 1 part, Debian's Linux, which needs Debian's packages: {why}\n")
        return None


def show_linux(build: Path, runs: int, console) -> None:
    guest = guest_or_skip(build, console)
    if not guest:
        return
    entries = [ticks_to_entry(guest, cave) for cave in (False, True)]
    pairs = [[measure(guest, cave, entries[cave]) for cave in (False, True)] for _ in range(runs)]
    bare, cave = zip(*pairs)
    console.print(linux_table(bare, cave))
    console.print(
        f"Power-on to kernel entry: {entries[0] >> SHIFT:,} instructions bare, {entries[1] >> SHIFT:,} in the cave. Host: processor "
        f"time, median of {runs} runs, bare and cave in turn; for the boot at most {HOST_LIMIT_OF_BOOT:g}. {COMMAND_LINE}\n"
    )
    console.print(peer_table(bare, cave), "\n", end="")
    outputs = [metered(guest, run) for run in (NOTHING, BENCH)]
    console.print(cause_table(*outputs))
    for what, output in zip(("boot", "all measures"), outputs):
        console.print(f"{what}: {', '.join(CACHE.findall(output))}")
    console.print()


# --- single instructions ----------------------------------------------------------------------------------------------


def added(build: Path, cave: bool) -> dict[str, float]:
    """Instructions of each probe of guest-tiny/bench/added.c."""
    probe = build / "guest/bench/added.elf"
    kernel = (build / "cave.elf", [(probe, "vm=red mem=16M engine=translate")]) if cave else (probe,)
    with Machine(*kernel, host_limit=HOST_LIMIT) as machine:
        machine.run(BUDGET)
        lines = ADDED.findall(machine.console())
        if {name for name, *_ in lines} != set(ADDED_AIMS):
            raise SystemExit(f"bench: added.elf did not come to its end:\n{machine.console()}")
    return {name: int(ns) / int(times) / (1 << SHIFT) for name, times, ns in lines}


def show_added(build: Path, console) -> None:
    bare, cave = (added(build, cave) for cave in (False, True))
    table = new_table("Instructions that the translator adds to one of the guest's kernel", "", "bare", "cave", "added", "aim", "")
    for name, aim in ADDED_AIMS.items():
        more = cave[name] - bare[name]
        met = "[green]met[/]" if more <= aim else f"[red]missed by {more - aim:,.0f}[/]"
        table.add_row(ADDED_WORDS.get(name, name), f"{bare[name]:.1f}", f"{cave[name]:,.1f}", f"{more:,.1f}", f"<= {aim}", met)
    console.print(table, "\n", end="")
