"""Replays one test's probe under GDB: the same monitor, probe and secret as in the grading run."""

from __future__ import annotations

import subprocess

from cavegrade.grade import Bench
from cavegrade.qemu import Machine
from cavegrade.run import module
from course.lab import LabError

HOURS = 24 * 3600.0


def debug(bench: Bench, submission) -> int:
    """Starts the machine stopped, and GDB on it with the symbols of monitor and guest."""
    behaviour = next((b for b in bench.lab.behaviours if b.name == bench.only), None)
    if not behaviour:
        raise LabError("GDB=1 needs TEST=name")
    monitor = bench.workshop.monitor(bench.lab, submission)
    probe = bench.workshop.probes([behaviour.probe], bench.secret)[behaviour.probe]
    with Machine(monitor, [module(probe, bench.lab.memory)], host_limit=HOURS) as machine:
        # fmt: off
        commands = [f"add-symbol-file {probe}", f"target remote {machine.open_gdb()}", "hbreak guest_main"]
        status = subprocess.call(["gdb", "-q", str(monitor), *(word for line in commands for word in ("-ex", line))])
        # fmt: on
        print(machine.console(), end="")
    return status
