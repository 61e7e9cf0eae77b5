"""
Where the monitor's instructions go while Debian's Linux, translated, runs one of its measures (make bench BENCH="visits --of
pingpong"). QEMU logs each instruction that runs in the monitor's window; from one trap to the next it is one visit. Visits
that called the same of the functions that are named below are of one kind.

Nothing is added to the monitor, and the counts are exact: a function's are its own, without what it calls.
"""

from __future__ import annotations

import bisect
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rich.table import Table

from bench_linux import BUDGET, Guest
from cavegrade.elf import Elf

# In the order in which Linux runs them: the one before has been printed when a measure begins.
MEASURES = ("userspace", "getppid", "pingpong", "fork", "exec", "mmap", "cow", "touch60", "fpu", "gzip", "sha256sum")
WINDOW = "0xe0000000+0x2c00000"  # up to ring 3's part (kernel/hw/window.h)
FIRST = "trap_stubs"  # where each visit begins
# What tells visits apart; an emulated instruction by the function that knows it, but not by those that lead there.
TELLING = ("soft_pass", "exits_handle", "timer_alarm", "shadow_fault", "xlate_translate", "event_deliver", "shadow_switch")
LEADING = ("emulate_privileged", "emulate_transfer", "emulate_access")
SHOWN = 12  # kinds, and functions of each
TRACE = re.compile(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")


@dataclass
class Kind:
    """Visits that called the same functions."""

    visits: int = 0
    functions: Counter = field(default_factory=Counter)


class Names:
    """From an address to the function it lies in."""

    def __init__(self, symbols: dict[str, int]):
        self.all = sorted((value, name) for name, value in symbols.items() if name)
        self.known: dict[int, str] = {}

    def __getitem__(self, address: int) -> str:
        if address not in self.known:
            self.known[address] = self.all[bisect.bisect_right(self.all, (address, "~")) - 1][1]
        return self.known[address]


def functions_of(log: Iterable[str], names: Names) -> Iterator[str]:
    """The function of each instruction that is logged."""
    for line in log:
        if match := TRACE.match(line):
            yield names[int(match[1], 16)]


def visits_of(functions: Iterable[str]) -> Iterator[Counter]:
    """What each visit ran; the first one is not whole."""
    visit: Counter = Counter()
    whole, before = False, ""
    for name in functions:
        if name == FIRST and before != FIRST:
            if whole:
                yield visit
            whole, visit = True, Counter()
        visit[name] += 1
        before = name


def kind_of(visit: Counter) -> str:
    emulated = (name for name in visit if name.startswith("emulate_") and name not in LEADING)
    return ", ".join(sorted(emulated) + [name for name in TELLING if name in visit]) or "another way on"


def collect(visits: Iterable[Counter], most: int, enough: threading.Event) -> dict[str, Kind]:
    """By kind. What comes after `enough` is read and forgotten, so that nobody waits for a reader."""
    kinds: dict[str, Kind] = {}
    for number, visit in enumerate(visits):
        if number == most:
            enough.set()
        if number < most:
            kind = kinds.setdefault(kind_of(visit), Kind())
            kind.visits += 1
            kind.functions.update(visit)
    enough.set()
    return kinds


def watch(guest: Guest, measure: str, most: int) -> dict[str, Kind]:
    names, enough, kinds = Names(Elf(guest.monitor).symbols), threading.Event(), {}
    with guest.start(True, options=["-dfilter", WINDOW]) as machine:
        pipe = machine.directory / "instructions"
        os.mkfifo(pipe)
        if end := machine.run(BUDGET, until=f"measure {MEASURES[MEASURES.index(measure) - 1]} "):
            raise SystemExit(f"bench: Linux did not come to {measure} ({end.value}):\n{machine.console()}")

        def read() -> None:
            with open(pipe, errors="replace") as log:
                kinds.update(collect(visits_of(functions_of(log, names)), most, enough))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        for line in (f"logfile {pipe}", "singlestep on", "log exec,nochain"):
            machine.qmp.monitor(line, machine.deadline)
        machine.qmp.command("cont", machine.deadline)
        enough.wait()
    reader.join()
    return kinds


def show(guest: Guest, measure: str, most: int, console) -> None:
    if measure not in MEASURES[1:]:
        raise SystemExit(f"bench: --of is one of {', '.join(MEASURES[1:])}, not {measure!r}")
    kinds = watch(guest, measure, most)
    whole = sum(kind.functions.total() for kind in kinds.values())
    table = Table(title=f"The first {most:,} visits of the monitor in {measure}, and where their instructions go")
    for column in ("visits", "each", "share", "what, and its functions"):
        table.add_column(column, justify="left" if "what" in column else "right")
    for what, kind in sorted(kinds.items(), key=lambda item: -item[1].functions.total())[:SHOWN]:
        each = {name: count / kind.visits for name, count in kind.functions.most_common(SHOWN)}
        table.add_row(
            f"{kind.visits:,}",
            f"{kind.functions.total() / kind.visits:,.0f}",
            f"{100 * kind.functions.total() / whole:.1f} %",
            f"[bold]{what}[/]\n" + ", ".join(f"{name} {count:.0f}" for name, count in each.items()),
        )
    console.print(table, "\n", end="")
