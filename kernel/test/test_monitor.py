"""
The monitor as a whole: its command lines, its refusals, its own death, and where it lies.

Guests are the probes of guest-tiny/; what they prove about virtualization is tested beside them.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest
from cavegrade.elf import Elf
from cavegrade.qemu import Machine, boot

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
CAVE = BUILD / "cave.elf"
HELLO = BUILD / "guest/hello.elf"
COUNT = BUILD / "guest/count.elf"
TINYOS = BUILD / "guest/tinyos.elf"

GOOD, KILLED, USAGE, PANIC = 0, 3, 5, 7  # kernel/hw/power.h

WINDOW, WINDOW_SIZE = 0xE0000000, 64 << 20


def cave(modules=(), append="", **more):
    return boot(CAVE, modules, append, **more)


def said(result) -> str:
    """The monitor's own lines."""
    return "\n".join(result.lines_by_machine.get("cave", []))


def test_without_modules_it_shows_how():
    result = cave()
    assert result.status == USAGE
    assert "no machine to run" in said(result) and "-initrd" in said(result) and "vm=red mem=8M" in said(result)


@pytest.mark.parametrize(
    "append, named",
    [
        ("frobnicate", "unknown option frobnicate"),
        ("quantum=0", "quantum=0: give milliseconds"),
        ("quantum=ten", "quantum=ten: give milliseconds"),
        ("log=loud", "unknown option log=loud"),
        ("window=0xe0000001", "window=0xe0000001: give a multiple of 4 MiB"),
        ("window=0xfe000000", "window=0xfe000000: give a multiple of 4 MiB"),
        ("window=here", "window=here: give a multiple of 4 MiB"),
        ("window=0xg0000000", "window=0xg0000000: give a multiple of 4 MiB"),
        ("window=0x1d0000000", "window=0x1d0000000: give a multiple of 4 MiB"),
        ("raw=", "unknown option raw="),
        ("xlate=two", "xlate=two: give one, for blocks of one instruction, or tiny"),
        ("xlate", "unknown option xlate"),
    ],
)
def test_a_bad_option_is_named_and_nothing_is_started(append, named):
    result = cave([(HELLO, "vm=red")], append)
    assert result.status == USAGE
    assert named in said(result)
    assert "red" not in result.lines_by_machine


@pytest.mark.parametrize(
    "options, named",
    [
        ("vm=red mem=8", "mem=8: give a size like 8M"),
        ("vm=red mem=", "mem=: give a size like 8M"),
        ("vm=red mem=4096M", "mem=4096M: give a size like 8M"),
        ("vm=red mem=999999999K", "mem=999999999K: give a size"),
        ("vm=a|b", "vm=a|b: a name has only letters"),
        ("vm=", "vm=: a name has 1 to 15"),
        ("vm=a-name-that-is-too-long", "a name has 1 to 15"),
        ("vm=red cpus=2", "unknown option cpus=2"),
    ],
)
def test_a_bad_module_option_is_named(options, named):
    result = cave([(HELLO, options)])
    assert result.status == USAGE
    assert named in said(result)


def test_a_wrong_machine_does_not_keep_the_others_from_starting(tmp_path):
    text = tmp_path / "text"
    text.write_text("no kernel\n" * 100)
    cut = tmp_path / "cut.elf"
    cut.write_bytes(HELLO.read_bytes()[:4500])
    result = cave(
        [(text, "vm=text"), (cut, "vm=cut"), (HELLO, "vm=huge mem=900M"), (TINYOS, "vm=small mem=1M"), (HELLO, "vm=red")]
    )
    assert result.status == KILLED
    assert "text is not started (text): it is no kernel: there is neither a Multiboot header" in said(result)
    assert "cut is not started (cut.elf): its ELF file is cut short or damaged" in said(result)
    assert "huge is not started (hello.elf, 900 MiB): there is not so much memory left" in said(result)
    assert "small is not started (tinyos.elf): its kernel does not fit" in said(result)
    assert any("end: hello" in line for line in result.lines_by_machine["red"])


def test_seventeen_machines_are_one_too_many():
    result = cave([(HELLO, f"vm=m{i} mem=2M") for i in range(17)])
    assert result.status == KILLED
    assert "m16 is not started" in said(result)
    for i in range(16):
        assert any("end: hello" in line for line in result.lines_by_machine[f"m{i}"])


def test_a_machine_without_a_name_gets_one():
    result = cave([(HELLO, ""), (HELLO, "")])
    assert result.status == GOOD
    assert set(result.lines_by_machine) == {"cave", "vm1", "vm2"}


def test_quiet_says_only_what_ended():
    result = cave([(HELLO, "vm=red")], "log=quiet")
    assert result.lines_by_machine["cave"] == ["red powered off"]


def test_modules_of_a_machine_are_handed_on(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"first module")
    two.write_bytes(b"x" * 5000)
    modules = BUILD / "guest/modules.elf"
    result = cave(
        [(modules, "vm=red mem=4M -- a=1 -- b"), (HELLO, "vm=blue"), (one, "vm=red -- args of one"), (two, "vm=red")]
    )
    assert result.status == GOOD
    red = result.lines_by_machine["red"]
    assert "command line: modules.elf a=1 -- b" in red
    assert "loader: cave" in red
    assert "module: one args of one: 12 bytes, first 66" in red
    assert "module: two: 5000 bytes, first 78" in red
    assert "lower 639 upper 3072" in red


def test_raw_port_is_one_machines_own():
    result = cave([(HELLO, "vm=red"), (HELLO, "vm=blue")], "raw=red")
    assert "red" not in result.lines_by_machine
    assert "end: hello" in result.raw
    assert any("end: hello" in line for line in result.lines_by_machine["blue"])


def test_colour_is_asked_for():
    plain = cave([(HELLO, "vm=red")])
    coloured = cave([(HELLO, "vm=red")], "color")
    assert "\x1b[" not in plain.console and "\x1b[" in coloured.console
    assert plain.lines_by_machine["red"] == coloured.lines_by_machine["red"]


def test_a_run_repeats_to_the_letter():
    modules = [(COUNT, "vm=red mem=4M"), (COUNT, "vm=blue mem=4M"), (TINYOS, "vm=tiny mem=6M -- script=run primes; halt")]
    first, second = cave(modules), cave(modules)
    assert first.status == GOOD
    assert first.console == second.console


@pytest.mark.parametrize("window", ["0xc0000000", "0x40000000", "0x10000000", "0xfc000000"])
def test_the_window_moves(window):
    modules = [(TINYOS, "vm=red mem=6M -- script=run primes; run fault; halt"), (COUNT, "vm=blue mem=4M")]
    # At 0x40000000 the system's programs lie in it, and all their instructions are emulated.
    there, here = cave(modules, f"window={window}", budget=60), cave(modules)
    assert there.status == GOOD
    for name in ("red", "blue"):
        assert there.lines_by_machine[name] == here.lines_by_machine[name]


@pytest.mark.parametrize("window", [WINDOW, 0xC0000000])
def test_the_monitor_is_out_of_the_guests_reach(window):
    with Machine(CAVE, [(HELLO, "vm=red mem=4M")], f"window={window:#x}") as machine:
        gdb = machine.gdb()
        stop = Elf(HELLO).symbols["stop_1"]
        gdb.break_at(stop)
        machine.arm(4)
        assert machine.proceed() is None
        assert gdb.registers()["eip"] == stop
        mappings = list(gdb.mappings())
    inside = [m for m in mappings if window <= m.linear < window + WINDOW_SIZE]
    assert len(inside) > 100 and not any(m.user for m in inside)
    outside = [m for m in mappings if m not in inside]
    assert outside and all(m.user for m in outside)
    # What the guest reaches lies in one run of 4 MiB, in which nothing of the monitor's is.
    base = min(m.physical for m in outside) & ~0xFFFFF
    assert max(m.physical for m in outside) < base + (4 << 20)


def test_what_cannot_be_emulated_in_the_window_names_the_way_out():
    modules = [(BUILD / "guest/window_mmx.elf", "vm=red"), (COUNT, "vm=blue")]
    result = cave(modules)
    assert result.status == KILLED
    why = "accesses the monitor's window; start cave with window=ADDRESS to move it (linear address e0400000)"
    assert re.search(rf"red was stopped: .* at [0-9a-f]{{8}} {re.escape(why)}", said(result))
    assert len(result.lines_by_machine["blue"]) == 11
    moved = cave(modules, "window=0xd0000000")
    assert moved.status == GOOD and moved.lines_by_machine["red"][1].startswith("store: returned 5eed1234")


def set_register(gdb, number: int, value: int) -> None:
    assert gdb.ask(f"P{number:x}=" + struct.pack("<I", value).hex()) == "OK"


def die(register: int, value: int):
    """Breaks the monitor in the middle of its work, and returns what it says."""
    with Machine(CAVE, [(HELLO, "vm=red mem=4M")]) as machine:
        gdb = machine.gdb()
        place = Elf(CAVE).symbols["soft_trap"]
        gdb.break_at(place)
        machine.arm(4)
        assert machine.proceed() is None
        gdb.unbreak(place)
        set_register(gdb, register, value)
        return machine.result(machine.proceed())


@pytest.mark.parametrize("offset, value", [(140, 0x7FF3), (156, 0x7FF3), (168, 0x7FF3), (156, 0)])
def test_a_state_that_the_processor_refuses_is_the_guests_fault(offset, value):
    """DS, CS and SS of a frame that is to be popped name nothing; or CS is null (kernel/hw/trap.h)."""
    with Machine(CAVE, [(COUNT, "vm=red mem=4M"), (COUNT, "vm=blue mem=4M")]) as machine:
        gdb = machine.gdb()
        place = Elf(CAVE).symbols["enter_first"]
        gdb.break_at(place)
        machine.arm(4)
        assert machine.proceed() is None
        frame = gdb.registers()["esp"] - 128
        assert gdb.ask(f"M{frame + offset:x},4:" + struct.pack("<I", value).hex()) == "OK"
        gdb.unbreak(place)
        result = machine.result(machine.proceed())
    assert result.status == KILLED and "red was stopped: the processor refuses its segment registers" in said(result)
    assert result.lines_by_machine["blue"][-1].startswith("end: count")


ESP, EIP = 4, 8  # the order of the `g` packet


def test_a_fault_of_the_monitor_is_a_panic_with_a_backtrace():
    result = die(EIP, 0x1000)
    assert result.status == PANIC
    assert "PANIC: exception 14 in the monitor" in said(result) and "eip 00001000" in said(result)
    names = re.findall(r"[0-9a-f]{8}  (\w+)\+0x", said(result))
    assert names[-3:] == ["monitor_main", "hw_boot", "boot"] and "scheduler_run" in names


def test_a_double_fault_of_the_monitor_is_reported_from_its_own_task():
    result = die(ESP, 0x1000)
    assert result.status == PANIC
    assert "PANIC: double fault in the monitor" in said(result) and "esp 00001000" in said(result)
    assert re.search(r"soft_trap", said(result))
