"""
Every probe of guest-tiny/probes/, on the bare machine and in the cave, there by direct execution and translated.

The bare machine is the reference: what a probe prints there, line by line, it must print in the cave. That alone would let
an error of the probe itself pass, so beside each, in NAME.expected, are lines that were derived by hand from the manual
("SDM" is Intel's Software Developer's Manual). In them {S} stands for SECRET, {1} for secret(1) and {B1} for its lowest byte:
what only a machine that ran the probe knows.
"""

from __future__ import annotations

import array
import atexit
import fcntl
import functools
import os
import re
import subprocess
from pathlib import Path

import pytest
from cavegrade.qemu import End, boot

ROOT = Path(__file__).resolve().parents[2]
PROBES = ROOT / "guest-tiny/probes"
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
SECRET = int(os.environ.get("SECRET", "0x5eed1234"), 0)
CAVE = BUILD / "cave.elf"
BARE_END = 1  # isa-debug-exit: 0 << 1 | 1


def secret(n: int) -> int:
    """lib/probe.c's secret()."""
    h = (SECRET ^ n * 0x9E3779B9) & 0xFFFFFFFF
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def end_line(probe: str) -> str:
    value = 0
    for c in probe.encode():
        value = secret(value + c & 0xFFFFFFFF)
    return f"end: {probe} {value:08x}"


def expected(probe: str) -> list[str]:
    """The hand-derived lines of a probe, without their comments, with SECRET and secret(n) filled in."""

    def fill(match: re.Match) -> str:
        name, plus = match[1], int(match[2] or 0)
        if name[0] == "B":
            return f"{secret(int(name[1:])) & 0xFF:02x}"
        value = SECRET if name == "S" else secret(int(name))
        return f"{value + plus & 0xFFFFFFFF:08x}"

    lines = (PROBES / f"{probe}.expected").read_text().splitlines()
    return [re.sub(r"\{(S|B?\d+)(\+\d+)?\}", fill, line) for line in lines if not line.startswith("/*")]


CAVE_ONLY = {"strict", "strict_clock", "strict_devices", "strict_iret", "strict_limits", "strict_steps", "mmio", "modules"}
# What direct execution cannot do, and why; a translated kernel must do it all.
NOT_DIRECT = {
    "popf_wrong": "PUSHF and POPF do not trap",
    "flags": "the same, and IOPL",
    "phases_flags": "the same",
    "iopl_flags": "the same, in user mode too",
    "selector_reads": "MOV and PUSH from segment registers do not trap, nor does a far call that pushes CS",
    "selectors_kernel": "LAR, LSL, VERR and VERW neither, and loads that are silent",
    "ring_leak": "segment loads that only ring 0 is refused are silent",
}
# These wreck or stop themselves.
NO_GOOD_END = {"triple_fault", "halt_off", "reset", "user_vm86", "spin_off", "spin_slow", "stack_gone", "wild_cr3",
               "bad_descriptor", "garbage", "window_mmx", "stale_descriptor"}
# What may run beside a machine that must not notice.
HOSTILE = sorted((NO_GOOD_END | {"window_write", "window_jump", "fuzz_user", "flood"}) - {"spin_slow"})
DISK = {"ide", "ide_bad", "ide_string"}  # have a disk of their own, which holds what disk_image() says
# Seconds of virtual time, where four are not right.
BUDGET = {"timer": 8.0, "rtc": 14.0, "spin_off": 2.0, "spin_slow": 2.0}

ALL = {path.stem for path in PROBES.glob("*.expected")}
BARE = sorted(ALL - CAVE_ONLY)
NEVER_SAME = {"fpu_environment"}  # by nature: the file says why
GOOD_END = ALL - CAVE_ONLY - NO_GOOD_END - NEVER_SAME

# The ways to run a guest in the cave, by what its module's command line says.
DIRECT, TRANSLATED = "engine=direct", "engine=translate"
WAYS = [DIRECT, TRANSLATED]
# (probe, way) of every run in the cave that must print what the bare machine prints, to the letter.
SAME = sorted((probe, way) for probe in GOOD_END for way in WAYS if way == TRANSLATED or probe not in NOT_DIRECT)


@pytest.fixture(scope="session", autouse=True)
def guests() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / ".guests.lock", "w") as lock:  # one worker of pytest-xdist builds, the others wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", "guests"], check=True)


@functools.cache
def disk_image() -> Path:
    """4,096 sectors; word i of sector n is secret(n) + i. Nobody changes it."""
    words = (secret(n) + i & 0xFFFFFFFF for n in range(4096) for i in range(128))
    path = BUILD / f"disk-{os.getpid()}.img"
    path.write_bytes(array.array("I", words).tobytes())
    atexit.register(path.unlink)
    return path


@functools.cache
def bare(probe: str):
    disk = ["-drive", f"if=ide,index=0,format=raw,snapshot=on,file={disk_image()}"] if probe in DISK else []
    return boot(BUILD / f"guest/{probe}.elf", options=disk, budget=BUDGET.get(probe, 4.0))


def machine(probe: str, name: str, options: str = "", way: str = DIRECT) -> tuple[Path, str]:
    return BUILD / f"guest/{probe}.elf", f"vm={name} mem=16M {way} -- {options}".strip()


def cave(*modules, budget: float = 20.0, options: str = ""):
    if not CAVE.exists():
        pytest.skip("the monitor is not built")
    return boot(CAVE, modules, options, budget=budget)


@functools.cache
def cave_alone(probe: str, way: str = DIRECT, options: str = ""):
    disk = [(disk_image(), "vm=red disk")] if probe in DISK else []
    return cave(machine(probe, "red", way=way), *disk, options=options, budget=60.0 if options else 20.0)


def bare_lines(probe: str) -> list[str]:
    return bare(probe).console.splitlines()


def cave_lines(result, name: str = "red") -> list[str]:
    return result.lines_by_machine.get(name, [])


def assert_has(lines: list[str], probe: str) -> None:
    stripped = [line.strip() for line in lines]
    missing = [line for line in expected(probe) if line not in stripped]
    assert not missing, f"missing: {missing}\nprinted:\n" + "\n".join(lines)


def test_every_probe_has_expectations():
    assert {path.stem for path in PROBES.glob("*.c")} == ALL


@pytest.mark.parametrize("probe", BARE)
def test_bare(probe):
    lines = bare_lines(probe)
    if probe not in NO_GOOD_END:
        assert (bare(probe).end, bare(probe).status) == (End.EXIT, BARE_END), "\n".join(lines)
        assert lines[-1] == end_line(probe)
    assert_has(lines, probe)


# What is known to be wrong, and why: each is a defect to be mended, and the mark to be taken away with it.
KNOWN = {
    ("iopl_flags", TRANSLATED): "a program with IOPL not 0 runs directly: PUSHF shows IOPL 0, POPF cannot clear IF",
}


def run_of(probe: str, way: str):
    why = KNOWN.get((probe, way))
    return pytest.param(probe, way, marks=pytest.mark.xfail(reason=why) if why else ())


@pytest.mark.parametrize("probe, way", [run_of(*p) for p in SAME])
def test_same_in_the_cave(probe, way):
    result = cave_alone(probe, way)
    assert cave_lines(result) == bare_lines(probe), result.console
    assert result.status == 0


# Options of the monitor: blocks of one instruction each, and a code cache so small that it is flushed all the time.
# While it has none of them there is nothing to run.
SHAPES = ["xlate=one", "xlate=tiny"] if "xlate" in (ROOT / "kernel/vmm/options.c").read_text() else []
# Where the translator has much to do, and the time of a device nothing.
UNSHAPED = {"timer", "rtc", "uart", "kbc", "pit_registers", "pic_registers", "long_sleep", "count", "flood", "fpu_leak"}
SHAPED = sorted(GOOD_END - DISK - UNSHAPED - {probe for probe, _ in KNOWN})


@pytest.mark.parametrize("probe, shape", [(probe, shape) for probe in SHAPED for shape in SHAPES])
def test_same_in_every_shape(probe, shape):
    result = cave_alone(probe, TRANSLATED, shape)
    assert cave_lines(result) == bare_lines(probe), result.console
    assert result.status == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("probe", sorted(CAVE_ONLY))
def test_by_the_manual_in_the_cave(probe, way):
    result = cave_alone(probe, way)
    assert_has(cave_lines(result), probe)
    assert cave_lines(result)[-1] == end_line(probe), result.console
    assert result.status == 0


def test_direct_execution_gets_flags_wrong():
    lines = cave_lines(cave_alone("popf_wrong"))
    assert "pushf after cli: 200" in lines  # the real IF, always on
    assert "popf sets if: taken 0" in lines  # POPF left the virtual IF alone
    assert lines[-1] == end_line("popf_wrong")


def test_direct_execution_leaks_the_ring():
    lines = cave_lines(cave_alone("ring_leak"))
    assert len(lines) == 4 and lines[-1] == end_line("ring_leak")
    assert not set(lines[:3]) & set(bare_lines("ring_leak"))


@pytest.mark.parametrize("way", WAYS)
def test_the_fpu_knows_where_it_ran(way):
    line, end = cave_lines(cave_alone("fpu_environment", way))
    assert line.startswith("cs in the fpu: returned 0000") and line not in bare_lines("fpu_environment")
    assert end == end_line("fpu_environment")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "probe, end", [("halt_off", End.BUDGET), ("reset", End.RESET), ("triple_fault", End.TRIPLE)]
)
def test_ends_of_a_machine(probe, end, way):
    """The bare machine stands still or is reset; in the cave that is the end of this machine, and nothing is run after it."""
    assert bare(probe).end is end
    result = cave_alone(probe, way)
    assert cave_lines(result) == bare_lines(probe), result.console
    assert result.end is not End.BUDGET


@pytest.mark.parametrize("how", range(9))
def test_a_kernel_without_a_stack(how):
    """No frame can be written, not even the double fault's: that is the end, whatever met it."""
    assert boot(BUILD / "guest/stack_gone.elf", append=f"how={how}").end is End.TRIPLE
    ways = {name: machine("stack_gone", name, f"how={how}", way) for name, way in (("red", DIRECT), ("blue", TRANSLATED))}
    result = cave(*ways.values())
    for name in ways:
        assert cave_lines(result, name) == [f"before: {secret(how):08x}"], result.console
        assert f"cave: {name} was stopped: a fault while a double fault was delivered" in result.console


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("probe", HOSTILE)
def test_beside_a_hostile_machine(probe, way):
    """The other machine's every line is what it is alone, whatever happens next to it."""
    two = machine(probe, "red", way=way), machine("count", "blue", way=way)
    result = cave(*two, budget=4.0 if probe == "spin_off" else 20.0)
    assert cave_lines(result, "blue") == bare_lines("count"), result.console
    if (probe, way) in SAME:
        assert cave_lines(result) == bare_lines(probe)
    else:
        assert_has(cave_lines(result), probe)
    assert (result.end is End.BUDGET) == (probe == "spin_off")


@pytest.mark.parametrize("how", range(6))
def test_beside_a_machine_that_spins(how):
    """However its loop is run, even one instruction at a time: the other machine has its turns."""
    two = machine("spin_slow", "red", f"how={how}", TRANSLATED), machine("count", "blue", "rounds=20")
    result = boot(CAVE, two, budget=2.0, steps=0)
    assert cave_lines(result, "blue")[-1] == end_line("count"), result.console
    assert cave_lines(result) == [f"spinning: {secret(how):08x}"]
    assert result.end is End.BUDGET


def test_fpu_state_is_a_machines_own():
    result = cave(machine("fpu_leak", "red", "value=1"), machine("fpu_leak", "blue", "value=2"))
    for number, name in (1, "red"), (2, "blue"):
        lines = cave_lines(result, name)
        assert_has(lines, "fpu_leak")
        assert lines[2].startswith(f"value: {secret(number):08x} ") and lines[2].endswith(" bad: 0")
    assert result.status == 0


def test_the_clock_is_right_beside_busy_machines():
    busy = [machine("count", name, "rounds=100") for name in ("blue", "green")]
    result = cave(machine("timer", "red"), *busy)
    assert cave_lines(result) == bare_lines("timer"), result.console
