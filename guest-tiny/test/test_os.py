"""The tiny operating system: what it prints on the bare machine, and that it prints the same in the cave."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from cavegrade.qemu import CPU, QEMU, Result, boot
from session import COUNTED, PIPES, Session, play

BUILD = Path(os.environ.get("BUILD", "build"))
TINYOS = BUILD / "guest/tinyos.elf"
CAVE = BUILD / "cave.elf"

# The ways to run it: bare, and in the cave by what the module's command line says.
WAYS = {"direct": "engine=direct", "translated": "engine=translate"}
MODES = ["bare", *WAYS]

# isa-debug-exit makes 2v + 1 of the value that a guest writes; the monitor takes 0 for a good end.
GOOD_END = {"bare": 1, "direct": 0, "translated": 0}

PROGRAMS = ["shell", "count", "primes", "fault", "spin"]
STAGES = ["memory", "descriptor tables", "exceptions", "paging", "clock", "processes", "system calls", "shell"]


def run(mode: str, arguments: str, **more) -> Result:
    """Boots tinyos alone on the machine, or as the only guest of the monitor, with the same memory to use."""
    if mode == "bare":
        return boot(TINYOS, append=f"mem=6M {arguments}", **more)
    if not CAVE.exists():
        pytest.skip(f"{CAVE} is not built")
    return boot(CAVE, [(TINYOS, f"vm=red mem=8M {WAYS[mode]} -- mem=6M {arguments}")], **more)


def console_command(mode: str, arguments: str) -> list[str]:
    """The same, with the console on pipes, to type at."""
    command = [QEMU, *f"-machine pc -accel tcg -cpu {CPU} -display none -no-reboot".split()]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x4", *PIPES, *COUNTED]
    if mode == "bare":
        return command + ["-m", "8", "-kernel", str(TINYOS), "-append", arguments]
    if not CAVE.exists():
        pytest.skip(f"{CAVE} is not built")
    return command + ["-kernel", str(CAVE), "-initrd", f"{TINYOS} vm=red mem=8M {WAYS[mode]} -- {arguments}"]


def lines(result: Result, mode: str) -> list[str]:
    """What the guest printed."""
    if mode == "bare":
        return result.console.splitlines()
    return result.lines_by_machine.get("red", [])


def script(mode: str, *commands: str) -> list[str]:
    """What comes after the shell's greeting, when these commands and `halt` are done."""
    result = run(mode, "script=" + "; ".join([*commands, "halt"]))
    assert result.status == GOOD_END[mode], result.why
    out = lines(result, mode)
    return out[out.index("[ok] shell: try help") + 1 :]


@pytest.fixture(params=MODES)
def mode(request) -> str:
    return request.param


def test_stages(mode):
    out = lines(run(mode, "script=halt"), mode)
    assert [m[1] for line in out if (m := re.match(r"\[ok\] ([a-z ]+):", line))] == STAGES


def test_programs(mode):
    assert script(mode, "run count 2", "run primes 1000", "run nothing", "nothing") == [
        "tiny$ run count 2",
        "count: 1 of 2",
        "count: 2 of 2",
        "tiny$ run primes 1000",
        "primes: 168 up to 1000, the largest 997",
        "tiny$ run nothing",
        'run: there is no program "nothing", or no room for it',
        "tiny$ nothing",
        "nothing: no such command; try help",
        "tiny$ halt",
        "tinyos: power off",
    ]


@pytest.mark.parametrize(
    "way, why",
    [
        ("kernel", "page fault (#14, error 7)"),
        ("code", "page fault (#14, error 7)"),
        ("null", "page fault (#14, error 4)"),
        ("stack", "page fault (#14, error 6)"),
        ("divide", "divide error (#0, error 0)"),
        ("cli", "general protection (#13, error 0)"),
        ("fpu", "no FPU (#7, error 0)"),
        ("port", "general protection (#13, error 0)"),
    ],
)
def test_crash(mode, way, why):
    """A program that faults is ended, its memory comes back, and the shell goes on."""
    out = script(mode, "run count 0", "mem", f"run fault {way}", "mem")
    assert out[4].startswith(f"tinyos: process 3 (fault {way}) is ended: {why} at 400")
    assert out[5] == f"[3] fault {way}: status -1"
    assert out[2] == out[7] and re.fullmatch(r"\d+ frames of 4 KiB, \d+ used, \d+ free", out[2])


def test_preemption(mode):
    """A program that never gives the processor back does not keep another from running."""
    out = script(mode, "run spin &", "run count 3", "ps", "kill 2", "ps")
    assert out[:5] == ["tiny$ run spin &", "[2] spin", "tiny$ run count 3", "count: 1 of 3", "count: 2 of 3"]
    first, second = [i for i, line in enumerate(out) if line == "tiny$ ps"]
    spin = [line.split() for line in out[first:second] if " spin " in line]
    assert [p[:3] for p in spin] == [["2", "spin", "ready"]] and int(spin[0][3]) >= 10
    assert not any(" spin " in line for line in out[second:])


def test_first_process_stays(mode):
    assert script(mode, "kill 1", "kill 2")[1::2][:2] == [
        f'kill: there is no process "{pid}" that may be ended' for pid in "12"
    ]


def test_memory_runs_out(mode):
    out = script(mode, "run primes 20000000", "run primes 2147483647", "run primes 100")
    assert out[1].startswith("tinyos: process 2 (primes 20000000) is ended: page fault (#14, error 6)")
    assert out[1].endswith(", no memory is left")
    assert out[4] == "primes: no room for a sieve of 2147483647 bytes"
    assert out[7] == "primes: 25 up to 100, the largest 97"


def test_too_little_memory():
    result = boot(TINYOS, append="mem=2M")
    assert result.status == 3  # a status of 1
    assert re.search(r"^tinyos: \d+ KiB of memory are free here, and it needs 1024$", result.console, re.M)


KEYBOARD = """
wait red$
type run countt\x7f 99
wait count: 2 of 99
key c
wait red$
type upp\bti\x7fime
wait seconds
wait red$
type halt
end
"""


def test_keyboard(mode):
    """Lines are typed, backspace takes back, Ctrl-C ends what runs in the foreground."""
    with Session(console_command(mode, "name=red"), timeout=60) as session:
        if mode != "bare":
            session.on("red")
        play(session, KEYBOARD)
        assert session.end() == GOOD_END[mode]
        out = session.view().split("\n")
    assert "[2] count 99: status -1" in out
    assert any(re.fullmatch(r"up \d+\.\d\d seconds, \d+ ticks", line) for line in out)


@pytest.mark.parametrize("file", ["tinyos.elf", *(f"user/{name}.elf" for name in PROGRAMS)])
def test_every_sensitive_instruction_traps(file):
    """None of those that read or change the processor's state in ring 3 without a fault (README.md)."""
    code = subprocess.run(["objdump", "-d", BUILD / "guest" / file], capture_output=True, text=True, check=True).stdout
    assert len(code) > 1000
    assert not re.findall(r".*\t(?:pushfw?|popfw?|s[gil]dt[lw]?|smsw|str|lar|lsl|ver[rw]|(?:push|mov)l? +%[cs]s)\b.*", code)


@pytest.mark.parametrize("way", WAYS)
def test_same_in_the_cave(way):
    """All that does not depend on time is equal, to the letter."""
    commands = ["help", "run count 3", "run primes", "run fault", "run fault divide", "run fault cli", "kill 1", "mem"]
    assert script(way, *commands) == script("bare", *commands)


# (mode, ticks of 10 ms, 1.25 million instructions each, for the commands below): as measured, and a tenth more.
COSTS = {
    # Five programs that compute and touch a megabyte each.
    "programs": {"bare": 90, "direct": 102, "translated": 104},
    # Faults, short programs, and lines on the console, whose every character is two ports: bare it is nearly nothing.
    "kernel": {"bare": 0, "direct": 7, "translated": 9},
}
COMMANDS = {"programs": ["run primes 1000000"] * 5, "kernel": ["run fault", "run primes 9", "help", "ps"] * 3}


@pytest.mark.parametrize("work", COSTS)
def test_costs(mode, work):
    """The machine's own clock says how long the work takes, and under -icount that is instructions."""
    out = script(mode, "uptime", *COMMANDS[work], "uptime")
    first, last = [int(line.split()[3]) for line in out if re.fullmatch(r"up \d+\.\d\d seconds, \d+ ticks", line)]
    assert last - first <= COSTS[work][mode] * 1.1 + 1
