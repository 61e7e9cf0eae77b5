"""Replays one test's probe under GDB: the same monitor, probe and secret as in the grading run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cavegrade.grade import Bench
from cavegrade.qemu import Machine
from cavegrade.run import module
from course.lab import LabError

HOURS = 24 * 3600.0
COMMANDS = Path(__file__).resolve().parents[2] / "tools/gdb/cave.py"
# The guest's first line. The monitor comes by that address while it boots, and the guest's first fetch there may be a hidden
# fault: so it is taken in ring 3 only, and once more after the fault.
TO_THE_GUEST = ["thbreak guest_main if ($cs & 3) == 3", "continue"]


def debug(bench: Bench, submission) -> int:
    """Starts the machine stopped, and GDB on it with the symbols of monitor and guest."""
    behaviour = next((b for b in bench.lab.behaviours if b.name == bench.only), None)
    if not behaviour:
        raise LabError("GDB=1 needs TEST=name")
    monitor = bench.workshop.monitor(bench.lab, submission)
    probe = bench.workshop.probes([behaviour.probe], bench.secret)[behaviour.probe]
    with Machine(monitor, [module(probe, bench.lab.memory)], host_limit=HOURS) as machine:
        commands = [
            "set confirm off",
            f"add-symbol-file {probe}",
            f"source {COMMANDS}",
            f"target remote {machine.open_gdb()}",
            *TO_THE_GUEST,
        ]
        script = machine.directory / "start.gdb"
        script.write_text("\n".join(commands) + "\n")
        status = subprocess.call(["gdb", "-q", str(monitor), "-x", str(script)])
        print(machine.console(), end="")
    return status
