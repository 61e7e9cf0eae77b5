"""
Every probe of guest-tiny/probes/, on the bare machine and in the cave.

The bare machine is the reference: what a probe prints there, line by line, it must print in the cave. That alone would let
an error of the probe itself pass, so each also has lines here that were derived by hand from the manual (EXPECTED; "SDM" is
Intel's Software Developer's Manual). {1} in them stands for secret(1), a value that only a machine that ran the probe knows.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest
from cavegrade.qemu import End, boot

ROOT = Path(__file__).resolve().parents[2]
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
    """The hand-derived lines of a probe, with SECRET and secret(n) filled in."""

    def fill(match: re.Match) -> str:
        name, plus = match[1], int(match[2] or 0)
        value = SECRET if name == "S" else secret(int(name))
        return f"{value + plus & 0xFFFFFFFF:08x}"

    text = re.sub(r"\{(S|\d+)(\+\d+)?\}", fill, EXPECTED[probe])
    return [line.strip() for line in text.strip().splitlines()]


# fmt: off
EXPECTED = {
    "hello": """
        before: {1}
        after: {2}""",
    # SDM 3A 6.8.1: the instruction after STI still runs; a second STI adds nothing.
    "cli_sti": """
        masked: requests 1 taken 0
        sti: taken 1 at +7 value {S+3}
        sti cli: taken 0 at +0 value {S+1}
        sti again: taken 1 at +7 value {S+1}
        twice: taken 2 at +7 value {S+3}
        in service: 0""",
    "port_io": """
        absent: ff ffff ffffffff
        speaker 3: 3
        none: left 0 moved 3
        insw insl: ffff00 moved 9""",
    # SDM 2A HLT: the saved EIP is the next instruction's.
    "halt": """
        idle: ticks 1 woken at +2 value {S}
        request first: ticks 1 woken at +2 value {S}
        many: 50""",
    "control": """
        ts: returned 00000019
        clts: returned 00000011
        ne wp am: returned 00050031
        lmsw keeps pe: returned 00000011
        cr2: 1
        pse: returned 00000010
        pge de tsd: returned 0000008c
        cr1: vector 6 error 0 eip +5 cs 8 flags 0 eax {S}""",
    # SDM 3A 6.15: faults save the EIP of the instruction, traps (3, 4, and 1 when stepping) of the next.
    "exceptions": """
        divide by zero: vector 0 error 0 eip +7 cs 8 flags 0 eax {S}
        int3: vector 3 error 0 eip +6 cs 8 flags 0 eax {S}
        into: vector 4 error 0 eip +12 cs 8 flags 0 eax {S}
        into without overflow: returned {S}
        bound: vector 5 error 0 eip +5 cs 8 flags 0 eax {S}
        ud2: vector 6 error 0 eip +5 cs 8 flags 0 eax {S}
        fnop with ts: vector 7 error 0 eip +5 cs 8 flags 0 eax {S}
        fs not present: vector 11 error 30 eip +10 cs 8 flags 0 eax {S}
        ss not present: vector 12 error 30 eip +10 cs 8 flags 0 eax {S}
        gs beyond gdt: vector 13 error fff8 eip +10 cs 8 flags 0 eax {S}
        ss null: vector 13 error 0 eip +7 cs 8 flags 0 eax {S}
        too long: vector 13 error 0 eip +5 cs 8 flags 0 eax {S}
        single step: vector 1 error 0 eip +19 cs 8 flags 100 eax {S}
        dr6: 4000
        iret with nt: vector 10 error 10 eip +18 cs 8 flags 4000 eax {S}
        user int3, gate dpl 0: vector 13 error 1a eip +5 cs 1b flags 0 eax {S} ss 23 esp -4
        user int3, gate dpl 3: vector 3 error 0 eip +6 cs 1b flags 0 eax {S} ss 23 esp -4""",
    # SDM 3A 6.12.1: SS0:ESP0 from the TSS; SS, ESP, EFLAGS, CS, EIP pushed.
    "syscall": """
        call: cs 1b ss 23 ds 23 flags 0 esp -16 eip after int 1
        registers: {S} 00000001 0000dddd 00005151
        kernel stack: 0 from the top
        rounds: trapped 0 value {S+4951} calls 101 bad stacks 0
        keeps: returned {S+255}
        carry: returned ffffffff
        a gate for the kernel: vector 13 error 40a eip +5 cs 1b flags 200 eax {S} ss 23 esp -4""",
    "tables": """
        int3 by the other idt: vector 0 error 0 eip +6 cs 8 flags 0 eax {S}
        data segment: returned {1}
        accessed: 1
        stale selector: returned {2}
        loaded again: vector 13 error 68 eip +5 cs 8 flags 0 eax 00000068
        new code segment: vector 3 error 0 eip +13 cs 60 flags 0 eax {S}
        beyond the limit: vector 13 error 60 eip +5 cs 8 flags 0 eax {S}
        no ldt: vector 13 error c eip +5 cs 8 flags 0 eax 0000000c
        from the ldt: returned {3}
        lldt in the ldt: vector 13 error c eip +5 cs 8 flags 0 eax 0000000c
        after lldt 0: returned {4}
        lldt not present: vector 11 error 70 eip +5 cs 8 flags 0 eax 00000070
        busy: b
        ltr busy: vector 13 error 28 eip +5 cs 8 flags 0 eax 00000028
        ltr: returned 00000078
        busy: b and still b""",
    # 8259A data sheet: with input 2 the cascade, the order is 0, 1, 8 to 15, 3 to 7.
    "irq": """
        counted: 20
        undisturbed: 1
        requests: 115
        priority: tRru
        nested: Rtru
        requests: 0 in service: 0""",
}

# What the manual forbids and QEMU's TCG lets through, so that the bare machine is no reference.
CAVE_ONLY = {"control_strict"}
EXPECTED["control_strict"] = """
        pg without pe: vector 13
        nw without cd: vector 13
        cr4 reserved: vector 13
        ltr null: vector 13
        unchanged: 1"""
# fmt: on

BARE = sorted(set(EXPECTED) - CAVE_ONLY)


@pytest.fixture(scope="session", autouse=True)
def guests() -> None:
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", "guests"], check=True)


@functools.cache
def bare(probe: str):
    return boot(BUILD / f"guest/{probe}.elf")


def bare_lines(probe: str) -> list[str]:
    """What it printed; the firmware's own output does not come to COM1."""
    return bare(probe).console.splitlines()


@functools.cache
def cave(probe: str):
    if not CAVE.exists():
        pytest.skip("the monitor is not built")
    return boot(CAVE, [(BUILD / f"guest/{probe}.elf", "vm=red mem=16M")])


def assert_has(lines: list[str], probe: str) -> None:
    missing = [line for line in expected(probe) if line not in lines]
    assert not missing, f"missing: {missing}\nprinted:\n" + "\n".join(lines)


def test_every_probe_has_expectations():
    there = {path.stem for path in (ROOT / "guest-tiny/probes").glob("*.c")}
    assert there == set(EXPECTED)


@pytest.mark.parametrize("probe", BARE)
def test_bare(probe):
    lines = bare_lines(probe)
    assert (bare(probe).end, bare(probe).status) == (End.EXIT, BARE_END), "\n".join(lines)
    assert lines[-1] == end_line(probe)
    assert_has(lines, probe)


@pytest.mark.parametrize("probe", sorted(EXPECTED))
def test_cave(probe):
    lines = cave(probe).lines_by_machine.get("red", [])
    if probe not in CAVE_ONLY:
        assert lines == bare_lines(probe)
    assert lines and lines[-1] == end_line(probe), cave(probe).console
    assert cave(probe).status == 0
    assert_has(lines, probe)
