"""
What a machine in the cave costs, counted in instructions against the same guest on the bare machine.

    python3 tools/bench.py --build build [costs exits sharing start linux added] [--runs 3] [--profile CLI]
    python3 tools/bench.py --build build visits --of pingpong

Under `-icount shift=3` virtual time counts instructions, 8 ns each, whoever runs them, and the guests (guest-tiny/bench)
read it by RDTSC: bare that is the machine's own counter, and in the cave, while no other machine is there, the monitor's time
counts as the guest's. What one exit takes is counted from outside by single steps, from the monitor's first instruction to
the guest's next; the two ways agree. Host time is the processor time that QEMU's process used between two labels of the
guest; it depends on the host and is never a verdict.
"""

from __future__ import annotations

import argparse
import bisect
import re
import statistics
import struct
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cavegrade.elf import Elf
from cavegrade.qemu import SHIFT, End, Machine
from cavegrade.run import is_code

import bench_linux
import bench_visits

PM_TIMER, PM_HZ, PM_BITS = 0x608, 3579545, 24  # of the PIIX4, where SeaBIOS puts it; ACPI specification 4.8.2.1
NO_KEYS = ("never printed", "")  # with a keyboard cavegrade lets QEMU sleep where nothing runs
BUDGET = 120.0
HOST_LIMIT = 600.0
RAM = 128 << 20  # of the machines that cavegrade makes
WORK_MARK = struct.pack("<4I", *(0xBE4C4BAD * i & 0xFFFFFFFF for i in range(1, 5)))
STUB_BYTES, FIRST_IRQ, VECTOR_PF = 16, 0x20, 14
EMULATED = (10, 11, 12, 13)  # #TS #NP #SS #GP: nearly always an instruction that ring 3 may not run
TRANSLATE = "engine=translate"
RUN = re.compile(r"run: (\S+) (\d+) rounds (\d+) ns")
AIMS = {"compute": 1.01, "CLI": 300, "shadow fill": 800, "sharing": 97.0}

console = Console(width=None if sys.stdout.isatty() else 124)


@dataclass(frozen=True)
class Files:
    build: Path

    @property
    def monitor(self) -> Path:
        return self.build / "cave.elf"

    def guest(self, name: str) -> Path:
        return self.build / "guest" / name


def ticks(machine: Machine) -> int:
    """Virtual time of a machine, in ticks of its ACPI timer, which has 24 bits: 4.6 s."""
    return int(machine.qmp.monitor(f"i/w {PM_TIMER:#x}", machine.deadline).split("=")[1], 16)


class Watched:
    """A guest, bare or in the cave, that is stopped at some of its symbols."""

    def __init__(self, files: Files, guest: Path, cave: bool, arguments: str = "", still: bool = False):
        """`still`: a stop takes no virtual time. Otherwise, as with `sleep=off`, it lasts until QEMU's next timer."""
        self.elf = Elf(guest)
        bare = {"kernel": guest, "append": arguments}
        inside = {"kernel": files.monitor, "modules": [(guest, f"vm=red mem=16M -- {arguments}")]}
        self.machine = Machine(**(inside if cave else bare), host_limit=HOST_LIMIT, keys=[NO_KEYS] if still else [])

    def __enter__(self):
        self.machine.__enter__()
        self.machine.arm(BUDGET)
        self.gdb = self.machine.gdb()
        return self

    def __exit__(self, *_):
        self.machine.close()

    def arrive(self, *symbols: str) -> str | None:
        """Runs until the guest is at one of these symbols; None when it has ended."""
        wanted = {self.elf.symbols[name]: name for name in symbols}
        for address in set(wanted) - self.gdb.breakpoints:
            self.gdb.break_at(address)
        while not (end := self.machine.proceed()):
            at = self.gdb.registers()["eip"]
            # Other code may lie there while the monitor boots, and a page that is not mapped yet is come to twice.
            if at in wanted and is_code(self.gdb, self.elf, at) and self.steps_on(at):
                return wanted[at]
        if end not in (End.EXIT, End.POWEROFF):
            raise SystemExit(f"bench: {end.value}:\n{self.machine.console()}")
        return None

    def steps_on(self, at: int) -> bool:
        self.gdb.step()
        return 0 < self.gdb.registers()["eip"] - at < 16

    def host_seconds(self) -> float:
        tasks = Path(f"/proc/{self.machine.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


# --- what each workload costs -----------------------------------------------------------------------------------------


@dataclass
class Cost:
    name: str
    rounds: int
    instructions: float
    host: float


def measure(files: Files, cave: bool) -> list[Cost]:
    with Watched(files, files.guest("bench/costs.elf"), cave) as guest:
        seconds = []
        while guest.arrive("bench_begin"):
            start = guest.host_seconds()
            guest.arrive("bench_end")
            seconds.append(guest.host_seconds() - start)
        lines = RUN.findall(guest.machine.console())
        return [
            Cost(name, int(rounds), int(ns) / (1 << SHIFT), host) for (name, rounds, ns), host in zip(lines, seconds, strict=True)
        ]


def measure_translated(files: Files) -> list[float]:
    """Instructions a round by the guest's clock alone: its kernel does not run where it lies, and cannot be stopped there."""
    with Machine(files.monitor, [(files.guest("bench/costs.elf"), f"vm=red mem=16M {TRANSLATE}")], host_limit=HOST_LIMIT) as machine:
        machine.run(BUDGET)
        return [int(ns) / int(rounds) / (1 << SHIFT) for _, rounds, ns in RUN.findall(machine.console())]


def show_costs(files: Files, runs: int) -> None:
    both = [(measure(files, False), measure(files, True)) for _ in range(runs)]
    table = Table(title="The same guest: bare, in the cave, and there with its kernel translated")
    for column in ("workload", "rounds", "bare", "cave", "ratio", "host bare", "host cave", "host ratio", "aim", "transl.", "ratio"):
        table.add_column(column, justify="left" if column == "workload" else "right")
    for i, (bare, cave, translated) in enumerate(zip(*both[0], measure_translated(files), strict=True)):
        host = [statistics.median(run[side][i].host for run in both) for side in (0, 1)]
        ratio = cave.instructions / bare.instructions
        table.add_row(
            bare.name,
            f"{bare.rounds:,}",
            f"{bare.instructions / bare.rounds:.1f}",
            f"{cave.instructions / cave.rounds:.1f}",
            ratio_text(ratio),
            *(f"{1e3 * seconds:.1f} ms" for seconds in host),
            f"{host[1] / host[0]:.2f}",
            verdict(ratio, AIMS.get(bare.name)),
            f"{translated:.1f}",
            ratio_text(translated / bare.instructions * bare.rounds),
        )
    console.print(table)
    console.print(f"bare, cave, transl(ated): instructions a round; host: processor time of all rounds, median of {runs} runs.\n")


def ratio_text(ratio: float) -> str:
    return f"{ratio:.4f}" if ratio < 2 else f"{ratio:.1f}"


def verdict(value: float, aim: float | None, least: bool = False) -> str:
    if aim is None:
        return ""
    met = value >= aim if least else value <= aim
    return f"[{'green' if met else 'red'}]{'>=' if least else '<='} {aim:g}[/]"


# --- what one exit takes ----------------------------------------------------------------------------------------------

OPCODES = {0xFA: "CLI", 0xFB: "STI", 0xCF: "IRET", 0xCD: "INT n", 0xEC: "IN", 0xE4: "IN", 0xEE: "OUT", 0xE6: "OUT"}
OPCODES_0F = {0x01: "INVLPG", 0x20: "MOV r, CR", 0x22: "MOV CR, r", 0x31: "RDTSC"}


@dataclass
class Exit:
    """One stay in the monitor: where its instructions were run."""

    kind: str
    functions: Counter

    @property
    def steps(self) -> int:
        return self.functions.total()


class Stepper:
    """Follows the machine instruction by instruction, and tells the monitor's stays apart."""

    def __init__(self, guest: Watched, monitor: Path):
        self.guest, self.gdb = guest, guest.gdb
        symbols = Elf(monitor).symbols
        self.stubs = symbols["trap_stubs"]
        self.window = symbols["image_start"]
        self.names = sorted((value, name) for name, value in symbols.items() if name)
        self.eip = f"p{self.gdb.numbers['eip']:x}"

    def step(self) -> int:
        self.gdb.step()
        return struct.unpack("<I", bytes.fromhex(self.gdb.ask(self.eip)))[0]

    def function(self, eip: int) -> str:
        return self.names[bisect.bisect_right(self.names, (eip, "~")) - 1][1]

    def until(self, symbol: str):
        """Yields each exit on the way to one of the guest's symbols."""
        goal = self.guest.elf.symbols[symbol]
        now = self.gdb.registers()["eip"]
        while now != goal:
            before, now = now, self.step()
            if now >= self.window:
                now, stay = self.stay(before, now)
                yield stay

    def stay(self, before: int, now: int) -> tuple[int, Exit]:
        """From the monitor's first instruction to its last, the IRET; `before` is what trapped."""
        vector, functions = (now - self.stubs) // STUB_BYTES, Counter()
        kind = self.kind(vector, before)
        while now >= self.window:
            functions[self.function(now)] += 1
            now = self.step()
        if vector == VECTOR_PF:
            kind = "shadow fill" if before == now else "page fault, delivered"
        return now, Exit(kind, functions)

    def kind(self, vector: int, at: int) -> str:
        if vector >= FIRST_IRQ:
            return "timer interrupt"
        if vector not in EMULATED:
            return f"vector {vector}"
        code = self.gdb.read(at, 2)
        return OPCODES_0F.get(code[1], "0F ..") if code[0] == 0x0F else OPCODES.get(code[0], f"{code[0]:02X}")


def step_workloads(files: Files, rounds: int) -> list[Exit]:
    exits: list[Exit] = []
    with Watched(files, files.guest("bench/costs.elf"), True, f"rounds={rounds}") as guest:
        stepper = Stepper(guest, files.monitor)
        while guest.arrive("bench_begin"):
            exits += stepper.until("bench_end")
    return exits


def step_interrupts(files: Files, count: int) -> list[Exit]:
    """The real timer's: while one steps none can come, so the machine is stopped where it has come."""
    with Watched(files, files.guest("bench/work.elf"), True) as guest:
        guest.arrive("guest_main")
        stepper = Stepper(guest, files.monitor)
        guest.gdb.break_at(stepper.stubs + STUB_BYTES * FIRST_IRQ)
        exits = []
        while len(exits) < count and not guest.machine.proceed():
            now = guest.gdb.registers()["eip"]
            if now >= stepper.stubs:
                exits.append(stepper.stay(now, now)[1])
        return exits


def sampled_cli(files: Files) -> str:
    """What the guest itself measures with RDTSC, interrupts and all."""
    with Watched(files, files.guest("bench/costs.elf"), True) as guest:
        guest.machine.run(BUDGET)
        words = next(line for line in guest.machine.console().splitlines() if "cli: samples" in line).split()
        median, worst = (int(words[words.index(name) + 1]) >> SHIFT for name in ("median", "worst"))
        return f"CLI by the guest's own clock, 1000 times, interrupts included: median {median}, worst {worst}."


def show_exits(files: Files, rounds: int, profile: str | None) -> None:
    exits = step_workloads(files, rounds) + step_interrupts(files, rounds)
    kinds: dict[str, list[Exit]] = {}
    for stay in exits:
        kinds.setdefault(stay.kind, []).append(stay)
    table = Table(title="Instructions from the trap to the guest's next instruction, by single steps")
    for column in ("exit", "seen", "median", "worst", "aim"):
        table.add_column(column, justify="left" if column == "exit" else "right")
    for kind, stays in sorted(kinds.items()):
        steps = [stay.steps for stay in stays]
        median = statistics.median_high(steps)
        table.add_row(kind, str(len(steps)), str(median), str(max(steps)), verdict(median, AIMS.get(kind)))
    console.print(table)
    console.print(sampled_cli(files) + "\n")
    if profile:
        show_profile(kinds.get(profile, []), profile)


def show_profile(stays: list[Exit], kind: str) -> None:
    if not stays:
        raise SystemExit(f"bench: no exit of kind {kind!r}")
    typical = sorted(stays, key=lambda stay: stay.steps)[len(stays) // 2]
    table = Table(title=f"Where a {kind} spends its {typical.steps} instructions")
    table.add_column("function")
    table.add_column("instructions", justify="right")
    for name, count in typical.functions.most_common():
        table.add_row(name, str(count))
    console.print(table)


# --- several machines -------------------------------------------------------------------------------------------------


def work_done(machine: Machine) -> tuple[int, int]:
    """How many work pages there are in the machine's memory, and the sum of what they count."""
    with tempfile.NamedTemporaryFile() as file:
        machine.qmp.command("pmemsave", machine.deadline, val=0, size=RAM, filename=file.name)
        memory = Path(file.name).read_bytes()
    found, total, at = 0, 0, memory.find(WORK_MARK)
    while at >= 0:
        if at % 4096 == 0:
            found += 1
            total += struct.unpack_from("<I", memory, at + len(WORK_MARK))[0]
        at = memory.find(WORK_MARK, at + 1)
    return found, total


def work_rate(files: Files, machines: int, arguments: str, engine: str = "") -> float:
    """Blocks of work in a second of virtual time, once all have begun. 0 machines: bare."""
    guest = files.guest("bench/work.elf")
    modules = [(guest, f"vm=m{i} mem=4M {engine} -- {arguments}") for i in range(machines)]
    kernel = {"kernel": files.monitor, "modules": modules} if machines else {"kernel": guest, "append": arguments}
    with Machine(**kernel, host_limit=HOST_LIMIT) as machine:
        machine.run(2.0)
        start = ticks(machine)
        found, before = work_done(machine)
        if found != max(1, machines):
            raise SystemExit(f"bench: {found} of {machines} machines work\n{machine.console()}")
        machine.run(4.0)  # a watchdog ends it, and QEMU may take a moment to stop: so the time is read, too
        span = (ticks(machine) - start) % (1 << PM_BITS)
        return (work_done(machine)[1] - before) * PM_HZ / span


def show_sharing(files: Files) -> None:
    table = Table(title="Blocks of work in a second of virtual time, all machines together")
    for column in ("guest", "bare", "one machine", "of bare", "eight", "of one", "aim"):
        table.add_column(column, justify="left" if column == "guest" else "right")
    guests = ("counts", ""), ("counts, with a clock of 100 Hz", "tick=100")
    ways = [(name, arguments, engine) for engine in ("", TRANSLATE) for name, arguments in guests]
    for name, *how in ways:
        bare, one, eight = (work_rate(files, n, *how) for n in (0, 1, 8))
        share = 100 * eight / one
        table.add_row(
            f"{name}, translated" if how[1] else name,
            f"{bare:,.0f}",
            f"{one:,.0f}",
            f"{100 * one / bare:.2f} %",
            f"{eight:,.0f}",
            f"{share:.2f} %",
            verdict(share, AIMS["sharing"], least=True),
        )
    console.print(table, "\n", end="")


# --- memory, and the way to the first line ----------------------------------------------------------------------------


def heap_used(files: Files, machines: int, engine: str = "") -> int:
    """Bytes of the monitor's heap in use when that many machines run, from its own variables, by their symbols."""
    guest, symbols = files.guest("bench/work.elf"), Elf(files.monitor).symbols
    with Machine(files.monitor, [(guest, f"vm=m{i} mem=16M {engine}") for i in range(machines)]) as machine:
        machine.run(2.0)
        gdb = machine.gdb()
        start, used = (int.from_bytes(gdb.read(symbols[name], 4), "little") for name in ("heap_start", "heap_next"))
        return used - start


def ticks_to_first_line(files: Files, cave: bool) -> int:
    """From power-on until tinyos has printed its first line: it comes back to print the second."""
    with Watched(files, files.guest("tinyos.elf"), cave, still=True) as guest:
        for _ in range(2):
            guest.arrive("print")
        return ticks(guest.machine)


def show_start(files: Files) -> None:
    table = Table(title="Memory and start")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for what, engine in (("a machine of 16 MiB, beyond its RAM", ""), ("the same, translated", TRANSLATE)):
        one, two = (heap_used(files, machines, engine) for machines in (1, 2))
        table.add_row(what, f"{(two - one) / 1024:.0f} KiB")
    symbols = Elf(files.monitor).symbols
    table.add_row("the monitor's image", f"{(symbols['image_end'] - symbols['image_start']) / 1024:.0f} KiB")
    bare, cave = (ticks_to_first_line(files, cave) for cave in (False, True))
    table.add_row("power-on to tinyos' first line, bare", f"{1e3 * bare / PM_HZ:.1f} ms")
    table.add_row("power-on to tinyos' first line, in the cave", f"{1e3 * cave / PM_HZ:.1f} ms")
    console.print(table)


def show_visits(files: Files, measure: str, visits: int) -> None:
    guest = bench_linux.guest_or_skip(files.build, console)
    if guest:
        bench_visits.show(guest, measure, visits, console)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", default=["costs", "exits", "sharing", "start", "linux", "added"])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--runs", type=int, default=3, help="runs for host time")
    parser.add_argument("--rounds", type=int, default=8, help="rounds of each workload that are stepped through")
    parser.add_argument("--profile", help="an exit: where its instructions are spent")
    parser.add_argument("--of", default="getppid", help="a measure of Linux: the monitor's visits in it (part `visits`)")
    parser.add_argument("--visits", type=int, default=3000, help="so many of them")
    asked = parser.parse_args()
    files = Files(asked.build)
    show = {
        "costs": lambda: show_costs(files, asked.runs),
        "exits": lambda: show_exits(files, asked.rounds, asked.profile),
        "sharing": lambda: show_sharing(files),
        "start": lambda: show_start(files),
        "linux": lambda: bench_linux.show_linux(files.build, asked.runs, console),
        "added": lambda: bench_linux.show_added(files.build, console),
        "visits": lambda: show_visits(files, asked.of, asked.visits),
    }
    for part in asked.parts:
        show[part]()


if __name__ == "__main__":
    main()
