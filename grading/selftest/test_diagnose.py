"""A run that went wrong gets the most telling name for it, and a time-out only when nothing else is true."""

from cavegrade.diagnose import Kind, Symbols, diagnose
from cavegrade.gdbstub import Step
from cavegrade.qemu import End, Result

GUEST = Symbols({"guest_main": 0x100000}, (range(0x100000, 0x101000),))
MONITOR = Symbols({"emulate_cli": 0xE0001000, "soft_run": 0xE0002000})
BANNER = "cave: one machine\n"
HELLO = BANNER + "red| hello\n"


def kind(end: End, status=None, console=HELLO, registers=None, steps=()) -> Kind:
    return diagnose(Result(end, status, console, "", registers or {}, list(steps)), GUEST, MONITOR).kind


def trapping(eips: list[int]) -> list[Step]:
    """The guest begins at each of these, and each time the monitor runs for a while."""
    return [step for eip in eips for step in (Step(eip, 0x1B), *[Step(0xE0001000 + n, 8) for n in range(20)])]


def test_fine():
    assert kind(End.POWEROFF, 0) is Kind.FINE


def test_refuses_to_boot():
    assert kind(End.EXIT, 5) is Kind.BOOT
    assert kind(End.TRIPLE, console="") is Kind.BOOT


def test_panic():
    assert kind(End.EXIT, 7, HELLO + "cave: panic: cpu/event.c:1: broken rule\n") is Kind.PANIC


def test_triple_fault():
    assert kind(End.TRIPLE) is Kind.TRIPLE


def test_over_budget():
    halted = {"HLT": 1, "EIP": 0xE0002000, "EFL": 0x202}
    assert kind(End.BUDGET, registers={**halted, "EFL": 2}) is Kind.IDLE_OFF
    assert kind(End.BUDGET, registers=halted) is Kind.IDLE
    assert kind(End.BUDGET, steps=trapping([0x100000] * 5)) is Kind.STORM
    assert kind(End.BUDGET, steps=[Step(0xE0001000, 8)] * 50) is Kind.LOOP
    assert kind(End.BUDGET, steps=[Step(0x100000, 0x1B)] * 50) is Kind.LOOP
    assert kind(End.BUDGET, steps=trapping([0x100000, 0x100002] * 4)) is Kind.BUDGET


def test_silence_and_bad_end():
    assert kind(End.POWEROFF, 0, BANNER) is Kind.SILENCE
    assert kind(End.EXIT, 3) in (Kind.STATUS, Kind.KILLED)


def test_guest_astray():
    assert kind(End.BUDGET, steps=trapping([0x400000, 0x400002] * 4)) is Kind.ASTRAY
    assert kind(End.EXIT, 3, HELLO + "cave: red was stopped: no\ncave:   eip 00000012  eflags 2\n") is Kind.ASTRAY
    assert kind(End.EXIT, 3, HELLO + "cave: red was stopped: no\ncave:   eip 00100012  eflags 2\n") is Kind.KILLED


def test_unexpected_exception():
    said = "red| guest: unexpected vector 13 error 0 at 8:%08x flags 2 cr2 00000000\n"
    assert kind(End.EXIT, 3, HELLO + said % 0x100012) is Kind.UNEXPECTED
    assert kind(End.EXIT, 3, HELLO + said % 0x12) is Kind.ASTRAY


def test_host_time_is_named_as_such():
    assert kind(End.HOST) is Kind.HOST


def test_symbols():
    assert GUEST.name(0x100012) == "guest_main+0x12"
    assert GUEST.name(0x10) == "0x10"
