"""GDB's commands on two tiny machines: what they show is compared with what GDB itself reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cavegrade.qemu import CPU, QEMU

BUILD = Path(os.environ.get("BUILD", "build"))
TINYOS = BUILD / "guest/tinyos.elf"

SCRIPT = """
python print("--- before")
python
try:
    gdb.execute("cave vms")
except gdb.error as error:
    print(error)
end
break scheduler_run
continue
python print("--- made")
cave vms
delete
break process_block
continue
python print("--- in ring 3")
printf "real cpl %d esp %08x eip %08x\\n", $cs & 3, $esp, $eip
cave vms
cave vcpu
delete
break emulate_hlt
continue
python print("--- in the monitor")
printf "real cpl %d\\n", $cs & 3
printf "said %08x\\n", v->eip
cave vcpu
printf "traps %u\\n", ((struct soft *)v->engine)->counts.traps
cave exits
python print("--- wrong name")
cave vcpu nobody
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """What GDB said, by the parts of the script."""
    script = tmp_path_factory.mktemp("gdb") / "script"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "debug", "--monitor", str(BUILD / "cave.elf"), "--gdb", f"-batch -nx -x {script}"]
    command += ["--modules", ",".join(f"{TINYOS} vm={name} mem=8M -- name={name}" for name in ("red", "blue")), "--"]
    command += [QEMU, *f"-machine pc -accel tcg -cpu {CPU} -display none -no-reboot -m 128".split()]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
    parts = done.stdout.split("--- ")[1:]
    assert len(parts) == 5, done.stdout
    return {title: text for title, _, text in (part.partition("\n") for part in parts)}


def value(text: str, name: str) -> str:
    """The word behind a register's name."""
    words = text.split()
    return words[words.index(name) + 1]


def test_before_any_machine_is_made_it_says_what_to_do(said):
    assert "No machine has been made yet" in said["before"]


def test_every_machine_has_a_line(said):
    rows = [line.split() for line in said["made"].splitlines() if "MiB" in line]
    assert [row[:3] for row in rows] == [["red", "ready", "8"], ["blue", "ready", "8"]]
    assert all("<guest_entry>" in row for row in rows)


def test_in_ring_3_the_real_registers_are_shown(said):
    text = said["in ring 3"]
    assert value(text, "cpl") == "3"  # the guest's kernel runs deprivileged
    assert "virtual CPL 0, in ring 3 now" in text
    shown = text[text.index("virtual CPL") :]
    assert value(shown, "esp") == value(text, "esp")
    assert value(shown, "eip") == value(text, "eip")
    assert "<process_block>" in shown


def test_the_running_machine_has_a_star(said):
    stars = [line for line in said["in ring 3"].splitlines() if line.startswith("* ")]
    assert len(stars) == 1 and "<process_block>" in stars[0]


def test_control_bits_have_names(said):
    assert value(said["in ring 3"], "cr0").startswith("8")
    line = next(line for line in said["in ring 3"].splitlines() if line.startswith("  cr0"))
    assert {"PE", "WP", "PG"} <= set(line.split())


def test_in_the_monitor_the_virtual_registers_are_shown(said):
    text = said["in the monitor"]
    assert value(text, "cpl") == "0"
    shown = text[text.index("virtual CPL") :]
    assert "as of its last exit" in shown
    assert value(shown, "eip") == value(text, "said")
    assert " IF " in next(line for line in shown.splitlines() if "eflags" in line)  # STI; HLT


def test_exits_are_the_engines_own_counts(said):
    text = said["in the monitor"]
    assert value(text[text.index("exits to the vmm") :], "traps") == value(text, "traps")
    assert " port " in text


def test_a_wrong_name_is_answered_with_the_right_ones(said):
    assert "There is no machine called nobody: red, blue." in said["wrong name"]
