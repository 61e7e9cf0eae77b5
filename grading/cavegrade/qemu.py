"""
The one place that knows QEMU's command line: every test of the project runs its machines through here.

    result = boot("build/cave.elf", [("build/guests/tinyos.elf", "vm=red mem=8M -- hello")])
    assert result.status == 0 and "hello" in result.lines_by_machine["red"]

    with Machine("build/probes/cli_sti.elf") as machine:    # bare: a guest alone on the machine
        machine.gdb().stop_at(address)

A run does not depend on the host. `-icount` makes one instruction take 8 ns of virtual time, and an idle processor skips
to the next timer. A run is bounded in *virtual* time: the machine carries an ISA watchdog (ib700) which this file arms from
outside, through QEMU's monitor, before the first instruction. It fires at an exact virtual time and stops the machine, whose
state can then be read. A machine that waits for ever with nothing to wake it fires it at once, since idle time is skipped.
Host time is only a safety net (`host_limit`), and a run that ends so says so: End.HOST.

Nothing is shared between runs: a directory of its own, socket pairs and unix sockets, no port. QEMU is killed by its own
process id when the Machine is closed, and by the kernel (setpriv --pdeathsig) if this process dies first.
"""

from __future__ import annotations

import enum
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from cavegrade.gdbstub import Gdb, GdbError
from cavegrade.qmp import Closed, Late, Qmp

QEMU = os.environ.get("QEMU", "qemu-system-i386")
SHIFT = 3
INSTRUCTIONS_PER_SECOND = 10**9 >> SHIFT  # of virtual time

# What kernel/cpu/control.c says in CPUID; guest-tiny/guest.mk starts the same one.
CPU = "pentium3,-apic,-pae,-sep,-vme,-mce,-mca,-mtrr,-pat,-pse36,-hypervisor,+umip"

# fmt: off
MACHINE = [
    "-nodefaults", "-no-user-config", "-display", "none",
    "-machine", "pc", "-accel", "tcg,tb-size=256", "-cpu", CPU, "-m", "128",
    "-rtc", "base=2026-01-01,clock=vm",
    "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4",
    "-device", "ib700", "-action", "reboot=shutdown,shutdown=pause,watchdog=pause",
]
# fmt: on

WATCHDOG_PORT = 0x443  # ib700: writing index i arms it for 30 - 2 * i seconds of virtual time
WATCHDOG_LONGEST = 30
WATCHDOG_STEP = 2

DEFAULT_BUDGET = 4.0  # seconds of virtual time: 500 million instructions
DEFAULT_HOST_LIMIT = 120.0  # seconds of host time: a safety net, never a verdict
CONSOLE_LIMIT = 4 << 20  # bytes that a run may print
POLL = 0.25  # seconds of host time between looks at what a running machine has printed
POLL_KEYS = 0.01


MACHINE_LINE = re.compile(r"(?:\x1b\[[0-9;]*m)?([\w-]+)\|(?:\x1b\[[0-9;]*m)? ?(.*)")


class End(enum.Enum):
    """How a run came to its end."""

    EXIT = "the machine ended QEMU with a status"
    POWEROFF = "the machine switched itself off"
    RESET = "the machine reset itself"
    TRIPLE = "triple fault"
    BUDGET = "over its budget of virtual time"
    FLOOD = "printed more than a run may print"
    HOST = "stopped by the host's clock, the safety net"


@dataclass
class Result:
    end: End
    status: int | None  # QEMU's exit status; 0 for a power-off; None when the machine did not end by itself
    console: str  # all that came out of COM1
    raw: str  # all that came out of COM2
    registers: dict[str, int] = field(default_factory=dict)  # at the stop, unless End.EXIT
    steps: list = field(default_factory=list)  # gdbstub.Step: what ran last, if the run was over its budget
    command: list[str] = field(default_factory=list)
    warnings: str = ""  # what QEMU itself said
    trace: str = ""  # the monitor's exits, a line each, if asked for

    @property
    def why(self) -> str:
        return self.end.value if self.status is None else f"{self.end.value} ({self.status})"

    @property
    def lines_by_machine(self) -> dict[str, list[str]]:
        """The console's lines by the name in front of them: {"red": [...], "cave": [the monitor's own]}."""
        return split_console(self.console)


def split_console(text: str) -> dict[str, list[str]]:
    """Takes `red| text` and `cave: text` apart. Lines with neither go under ""."""
    machines: dict[str, list[str]] = {}
    for line in text.replace("\r", "").split("\n"):
        of_machine = MACHINE_LINE.match(line)
        if of_machine:
            machines.setdefault(of_machine[1], []).append(of_machine[2])
        elif line.startswith("cave: "):
            machines.setdefault("cave", []).append(line.removeprefix("cave: "))
        elif line:
            machines.setdefault("", []).append(line)
    return machines


def boot(
    kernel,
    modules=(),
    append: str = "",
    *,
    keys=(),
    options=(),
    budget: float = DEFAULT_BUDGET,
    host_limit: float = DEFAULT_HOST_LIMIT,
    steps: int = 3000,
) -> Result:
    """
    Runs a kernel to its end. `modules`: (file, arguments) pairs; without them the kernel is a guest alone on the bare
    machine, or a monitor that says how it is used. `append`: its command line. `keys`: (wait for this text, type that)
    pairs; with keys an idle machine sleeps in host time. `options`: more of QEMU's own, ["-m", "256"]. `budget`: seconds of
    virtual time, rounded up to an even number; one is 125 million instructions. `steps`: how many instructions to follow
    once a run is over its budget.
    """
    with Machine(kernel, modules, append, keys=keys, options=options, host_limit=host_limit) as machine:
        end = machine.run(budget)
        return machine.result(end, steps)


class Machine:
    """A machine in QEMU, stopped before its first instruction. Use it as a context manager."""

    def __init__(
        self, kernel, modules=(), append="", *, keys=(), options=(), trace=False, host_limit=DEFAULT_HOST_LIMIT
    ):
        """As boot(). `trace`: the monitor writes a line for each exit (Result.trace)."""
        self.directory = Path(tempfile.mkdtemp(prefix="cave-"))
        self.keys = list(keys)
        self.options = list(options)
        self.trace = trace
        self.keyboard = None
        self.deadline = time.monotonic() + host_limit
        self.budget = 0.0
        self._gdb = None
        ours, theirs = socket.socketpair()
        try:
            self.command = self._command(kernel, modules, append, theirs.fileno())
            self.process = self._start(theirs.fileno())
        finally:
            theirs.close()
        self.qmp = Qmp(ours)

    def _command(self, kernel, modules, append, qmp: int) -> list[str]:
        # With a keyboard an idle machine must not race ahead of the fingers.
        command = [QEMU, *MACHINE, *self.options, "-icount", f"shift={SHIFT},sleep={'on' if self.keys else 'off'}"]
        command += ["-S", "-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"]
        command += ["-d", "cpu_reset", "-D", str(self.directory / "log")]
        command += ["-chardev", f"file,id=com1,path={self.directory / 'com1'}", "-serial", "chardev:com1"]
        command += ["-serial", f"file:{self.directory / 'com2'}", "-kernel", str(kernel)]
        if self.trace:
            command += ["-debugcon", f"file:{self.directory / 'trace'}"]
            append = f"{append} trace".strip()
        if append:
            command += ["-append", append]
        if modules:
            # QEMU splits -initrd at commas; a comma inside is written twice.
            joined = (f"{path} {arguments}".strip().replace(",", ",,") for path, arguments in modules)
            command += ["-initrd", ",".join(joined)]
        return command

    def _start(self, qmp: int) -> subprocess.Popen:
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with open(self.directory / "stderr", "wb") as stderr:
            process = subprocess.Popen(
                guard + self.command,
                pass_fds=[qmp],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        return process

    def __enter__(self):
        try:
            self.qmp.greet(self.deadline)
            if self.keys:
                self._plug_keyboard()
        except Closed:
            self.process.wait()
            said = self._text("stderr")
            self.close()
            raise RuntimeError(f"QEMU does not start: {said}\n{' '.join(self.command)}") from None
        return self

    def __exit__(self, *_):
        self.close()

    def _plug_keyboard(self) -> None:
        """Gives COM1 an input, which the command line cannot."""
        fifo = self.directory / "keyboard"
        os.mkfifo(fifo)
        self.keyboard = os.open(fifo, os.O_RDWR)
        files = {"out": str(self.directory / "com1"), "in": str(fifo)}
        self.qmp.command("chardev-change", self.deadline, id="com1", backend={"type": "file", "data": files})

    def close(self) -> None:
        if self._gdb:
            self._gdb.close()
        self.qmp.sock.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.keyboard is not None:
            os.close(self.keyboard)
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- running ------------------------------------------------------------------------------------------------------

    def arm(self, budget: float) -> None:
        """Sets the watchdog `budget` seconds of virtual time from now (at most 30 of them; run() arms it again)."""
        self.budget = budget
        seconds = min(WATCHDOG_LONGEST, max(WATCHDOG_STEP, -(-budget // WATCHDOG_STEP) * WATCHDOG_STEP))
        index = int(WATCHDOG_LONGEST - seconds) // WATCHDOG_STEP
        self.qmp.monitor(f"o/b {WATCHDOG_PORT:#x} {index}", self.deadline)
        self.budget -= seconds

    def run(self, budget: float = DEFAULT_BUDGET, until: str = "") -> End | None:
        """Runs until the machine ends or its budget is used up; or, None, is stopped when `until` has been printed."""
        try:
            self.arm(budget)
            self.qmp.command("cont", self.deadline)
            while True:
                event = self._event(until)
                if not event:
                    self.qmp.command("stop", self.deadline)
                    return None
                end = self._classify(event)
                if end is not End.BUDGET or self.budget <= 0:
                    return end or End.EXIT
                self.arm(self.budget)
                self.qmp.command("cont", self.deadline)
        except Closed:
            return self._closed()
        except Late:
            return End.FLOOD if self._flooded() else End.HOST

    def proceed(self) -> End | None:
        """For a machine under gdb(): runs on. None: it stopped at a breakpoint."""
        try:
            how = self.gdb().go()
            if how == "break":
                return None
            end = self._classify(self._event())
            if end is not End.BUDGET or self.budget <= 0:
                return end
            self.arm(self.budget)
            return self.proceed()
        except Closed:
            return self._closed()
        except (Late, GdbError):
            return End.FLOOD if self._flooded() else End.HOST

    def _closed(self) -> End:
        self.process.wait()
        return End.FLOOD if self._flooded() else End.EXIT

    def _flooded(self) -> bool:
        files = (self.directory / name for name in ("com1", "com2", "trace"))
        return any(path.exists() and path.stat().st_size > CONSOLE_LIMIT for path in files)

    def _event(self, until: str = "") -> dict:
        """
        The next event that ends a run; an empty one when `until` has been printed. Meanwhile the keyboard script is played,
        and no more is printed than may be.
        """
        poll = POLL_KEYS if self.keys or until else POLL
        while True:
            try:
                event = self.qmp.event(min(self.deadline, time.monotonic() + poll))
            except Late:
                if time.monotonic() >= self.deadline or self._flooded():
                    raise
                if self.keys:
                    self._type()
                if until and until in self._text("com1"):
                    return {}
                continue
            if event.get("event") in ("SHUTDOWN", "WATCHDOG"):
                return event

    def _type(self) -> None:
        """Types the next keys if what they wait for has been printed since the last ones."""
        expected, keys = self.keys[0]
        text = self._text("com1")
        seen = text.find(expected, getattr(self, "_typed", 0))
        if seen >= 0:
            self._typed = seen + len(expected)
            os.write(self.keyboard, keys.encode())
            self.keys.pop(0)

    def _classify(self, event: dict) -> End:
        if event["event"] == "WATCHDOG":
            return End.BUDGET
        if event["data"]["reason"] == "guest-reset":
            return End.TRIPLE if "Triple fault" in self._text("log") else End.RESET
        return End.POWEROFF

    # --- looking ------------------------------------------------------------------------------------------------------

    def gdb(self) -> Gdb:
        """The debugger's door (opened at the first call; the machine is stopped then)."""
        if not self._gdb:
            self._gdb = Gdb(self.open_gdb(), self.deadline, self._flooded)
        return self._gdb

    def open_gdb(self) -> Path:
        """The unix socket at which a debugger may come in; the machine stops when it does."""
        path = self.directory / "gdb"
        self.qmp.monitor(f"gdbserver unix:{path},server=on,wait=off", self.deadline)
        return path

    def registers(self) -> dict[str, int]:
        """Of a stopped machine, by QEMU's names: EIP, EFL, CPL, HLT, CR0 ..., CS and the others as selectors."""
        registers: dict[str, int] = {}
        for word in self.qmp.monitor("info registers", self.deadline).replace("= ", "=").replace(" =", "=").split():
            name, equals, value = word.partition("=")
            if equals and name not in registers:
                try:
                    registers[name] = int(value, 16)
                except ValueError:
                    pass
        return registers

    def task_register(self) -> tuple[int, int]:
        """Base and limit of the real TSS."""
        for line in self.qmp.monitor("info registers", self.deadline).splitlines():
            if line.startswith("TR "):
                _, base, limit, *_ = line.partition("=")[2].split()
                return int(base, 16), int(limit, 16)
        raise RuntimeError("QEMU's registers have no TR")

    def result(self, end: End, steps: int = 0) -> Result:
        """All that is known. `steps`: how many instructions to follow if the run is over its budget."""
        registers, followed = {}, []
        if end not in (End.EXIT, End.FLOOD, End.HOST):
            registers = self.registers()
        if end is End.BUDGET and steps and not registers.get("HLT"):
            followed = self.gdb().follow(steps)
        status = {End.EXIT: self.process.returncode, End.POWEROFF: 0}.get(end)
        said = "".join(line for line in self._text("stderr").splitlines(True) if "no active timers" not in line)
        texts = self.console(), self._text("com2")
        return Result(end, status, *texts, registers, followed, self.command, said, self._text("trace"))

    def console(self) -> str:
        return self._text("com1")

    def _text(self, name: str) -> str:
        path = self.directory / name
        return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""
