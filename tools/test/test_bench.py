"""What the benchmark makes of a machine's words: measures and causes that Linux and the monitor print, instructions that QEMU logs."""

from __future__ import annotations

import threading

import pytest
from rich.console import Console

import bench_linux
import bench_visits
from bench_linux import ROWS, Row, Run
from bench_visits import Names

NAMES = Names({"trap_stubs": 0xE0100000, "trap_common": 0xE0100100, "soft_pass": 0xE0100200, "emulate_privileged": 0xE0100300, "emulate_cli": 0xE0100400})


def log(*addresses: int) -> list[str]:
    return [f"Trace 0: 0x7f1250000100 [00000000/{address:08x}/00400093/ff000201] \n" for address in addresses]


def visits(*addresses: int) -> list:
    return list(bench_visits.visits_of(bench_visits.functions_of(log(*addresses), NAMES)))


def test_an_instruction_belongs_to_the_function_below_it():
    assert NAMES[0xE0100000] == "trap_stubs" and NAMES[0xE01002FF] == "soft_pass"


def test_a_visit_goes_from_trap_to_trap():
    stub, common, short = 0xE0100000, 0xE0100100, 0xE0100200
    found = visits(common, stub, stub + 2, common, short, short + 1, stub, common, stub)
    assert found == [{"trap_stubs": 2, "trap_common": 1, "soft_pass": 2}, {"trap_stubs": 1, "trap_common": 1}]


def test_what_else_is_logged_is_no_instruction():
    assert list(bench_visits.functions_of(["CPU Reset (CPU 0)\n", "EAX=00000000\n"], NAMES)) == []


def test_a_kind_is_what_tells_a_visit_apart():
    (visit, _) = visits(0xE0100000, 0xE0100300, 0xE0100400, 0xE0100200, 0xE0100000, 0xE0100100, 0xE0100000)
    assert bench_visits.kind_of(visit) == "emulate_cli, soft_pass"


def test_no_more_visits_are_counted_than_were_asked_for():
    enough = threading.Event()
    kinds = bench_visits.collect(visits(*[0xE0100000, 0xE0100100] * 6), 3, enough)
    assert {kind: found.visits for kind, found in kinds.items()} == {"another way on": 3} and enough.is_set()


def test_a_measure_that_is_not_there(capsys):
    with pytest.raises(SystemExit, match="--of is one of getppid, .*, not 'getpid'"):
        bench_visits.show(None, "getpid", 1, None)


def runs(**thousands: int) -> list[Run]:
    return [Run({name: 8000 * count for name, count in thousands.items()}, {name: 1.0 for name in thousands})]


def test_a_row_of_two_measures_is_their_sum():
    row = Row("both", ("gzip", "sha256sum"), 1.01, 1.005)
    ratio = bench_linux.ratio_of(runs(gzip=600, sha256sum=400), runs(gzip=612, sha256sum=418), row)
    assert ratio == pytest.approx(1.03)
    assert bench_linux.against(ratio, row) == "[red]missed by 0.020[/]"
    assert "met" in bench_linux.against(1.0095, row) and bench_linux.against(1.005, row) == "[green]aim met[/]"


def test_the_table_has_a_line_for_each_row():
    names = {name for row in ROWS for name in row.measures}
    console = Console(width=140, record=True, file=open("/dev/null", "w"))
    console.print(bench_linux.linux_table(runs(**dict.fromkeys(names, 100)), runs(**dict.fromkeys(names, 150))))
    text = console.export_text()
    assert all(row.what in text for row in ROWS) and text.count("1.500") == len(ROWS)


def test_causes_are_told_by_name():
    assert bench_linux.causes("cave: meter: rdtsc 3 visits, 16 kiloticks\n") == {"rdtsc": (3, 2.0)}
