"""
Kernels that nobody here wrote or adapted, from Debian's packages: in the cave each does what it does on the bare machine.

The bare machine's runs are made once, whichever of pytest's processes needs them first. Without a network, and nothing
fetched before (`make fetch`), all of this is skipped, and pytest's summary counts and says it.
"""

from __future__ import annotations

import fcntl
import os
import pickle
from pathlib import Path

import pytest
from cavegrade.qemu import End, Result, boot
from guests import fetch, initramfs
from guests.apt import Unavailable

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
DEBIAN = BUILD / "guests"
CAVE = BUILD / "cave.elf"
TINYOS = BUILD / "guest/tinyos.elf"

# As `make run-linux`, but silent, so that only what the session prints is compared.
LINUX = (
    "console=ttyS0 noapic nolapic acpi=off pci=off nosmp panic=-1 nokaslr cryptomgr.notests "
    "quiet loglevel=1 printk.time=0"
)
MEMORY = 96  # MiB, of one Linux
DISK = 4 << 20  # bytes
BUDGET = 900.0  # seconds of virtual time; a boot takes 22 on the bare machine
HOST_LIMIT = 600.0
GOOD = 0  # cave's status when all machines have ended well


def fetched(name: str) -> Path:
    """A guest's file; where it cannot be had, the test that needs it is skipped and says why."""
    try:
        return fetch.fetch(name, DEBIAN)[0]
    except Unavailable as why:
        pytest.skip(f"needs Debian's packages: {why}")


@pytest.fixture(scope="session")
def linux() -> Path:
    fetched("busybox")
    return fetched("linux")


@pytest.fixture(scope="session")
def initrd(linux) -> Path:
    return initramfs.make(DEBIAN, BUILD / "guest/measure", DEBIAN / "initramfs.cpio")


@pytest.fixture(scope="session")
def once(tmp_path_factory, worker_id):
    """once(name, function): the function's value, computed by one of pytest's processes and handed to the others."""
    directory = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        directory = directory.parent

    def value_of(name: str, function):
        path = directory / f"{name}.pickle"
        with open(directory / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                path.write_bytes(pickle.dumps(function()))
        return pickle.loads(path.read_bytes())

    return value_of


def blank_disk(path: Path) -> Path:
    path.write_bytes(bytes(DISK))
    return path


def ide(disk: Path) -> list[str]:
    return ["-drive", f"if=ide,format=raw,file={disk}"]


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.replace("\r", "").split("\n") if line.strip()]


def lines_of(result: Result, machine: str) -> list[str]:
    return lines("\n".join(result.lines_by_machine.get(machine, [])))


# --- Linux ------------------------------------------------------------------------------------------------------------


def linux_bare(kernel: Path, initrd: Path, run: str, disk: Path) -> Result:
    """tools/guests/root/etc/RUN on the bare machine."""
    options = ["-m", str(MEMORY), *ide(disk)]
    return boot(kernel, [(initrd, "")], f"{LINUX} cave.run={run}", options=options, budget=BUDGET, host_limit=HOST_LIMIT)


def linux_modules(kernel: Path, initrd: Path, name: str, run: str = "", options: str = "") -> list:
    arguments = f"vm={name} mem={MEMORY}M engine=translate {options} -- {LINUX} {run and f'cave.run={run}'}"
    return [(kernel, arguments), (initrd, f"vm={name}")]


def bare_session(kernel: Path, initrd: Path, disk: Path) -> list[list[str]]:
    """What two boots print, the second with the disk that the first one leaves."""
    blank_disk(disk)
    results = [linux_bare(kernel, initrd, run, disk) for run in ("session", "again")]
    assert [result.end for result in results] == [End.RESET, End.RESET], results
    printed = [lines(result.console) for result in results]
    assert printed[0][-2:] == ["unmounted", "reboot: Restarting system"], printed[0]
    assert "ten files hold what one did" in printed[0] and "kept/numbers.gz: OK" in printed[1]
    return printed


@pytest.fixture
def session(once, linux, initrd, tmp_path) -> list[list[str]]:
    return once("session", lambda: bare_session(linux, initrd, tmp_path / "bare-disk"))


def test_linux_keeps_its_files_on_the_disk_over_a_boot(linux, initrd, session, tmp_path):
    disk = blank_disk(tmp_path / "disk")
    for run, expected in zip(("session", "again"), session, strict=True):
        modules = linux_modules(linux, initrd, "linux", run, "disk=hda")
        result = boot(CAVE, modules, options=["-m", "192", *ide(disk)], budget=BUDGET, host_limit=HOST_LIMIT)
        assert lines_of(result, "linux") == expected
        assert result.status == GOOD, result.why


# Ctrl-C and Ctrl-Z at a program that has begun: the line as it is typed does not have what it prints.
PROGRAM = "sh -c 'echo now wait\"\"ing; sleep 1000'\r"
TYPED = [
    ("linux# ", PROGRAM),
    ("now waiting", "\x03"),
    ("linux# ", "echo status $?\r"),
    ("status 130", PROGRAM),
    ("now waiting", "\x1a"),
    ("Stopped", "kill %1\r"),
    ("linux# ", "poweroff\r"),
]


def test_two_linux_machines_and_a_tiny_one(linux, initrd, session, tmp_path):
    """One has a shell, where jobs are interrupted and stopped; one works, on a scratch disk; the third counts."""
    scratch = blank_disk(tmp_path / "scratch")
    modules = [
        *linux_modules(linux, initrd, "shell"),
        *linux_modules(linux, initrd, "worker", "session"),
        (scratch, "vm=worker disk"),
        (TINYOS, "vm=tiny mem=6M -- name=tiny script=run count 50; halt"),
    ]
    result = boot(CAVE, modules, keys=TYPED, options=["-m", "384"], budget=BUDGET, host_limit=HOST_LIMIT)
    assert result.status == GOOD, result.why
    assert lines_of(result, "worker") == session[0]
    shell = lines_of(result, "shell")
    assert "status 130" in shell and shell[-1].endswith("reboot: Restarting system")
    assert "count: 50 of 50" in lines_of(result, "tiny")


def test_ten_minutes_of_two_linux_machines_and_a_tiny_one(linux, initrd):
    """tools/guests/root/etc/rounds in two machines: each round's result is the first one's."""
    modules = [
        *linux_modules(linux, initrd, "red", "rounds"),
        *linux_modules(linux, initrd, "blue", "rounds"),
        (TINYOS, "vm=tiny mem=6M -- name=tiny script=run count 60 10; halt"),
    ]
    result = boot(CAVE, modules, options=["-m", "384"], budget=3 * BUDGET, host_limit=3 * HOST_LIMIT)
    red, blue = lines_of(result, "red"), lines_of(result, "blue")
    assert red[-2].startswith("ten minutes: 10.480728217229 ") and red[-2] == blue[-2]
    assert [line for line in red[:-2] + blue[:-2] if not line.endswith(" rounds")] == []
    assert "count: 60 of 60" in lines_of(result, "tiny")
    assert result.status == GOOD, result.why


# It takes some minutes: `make long` runs it, and `make test` does not.
test_ten_minutes_of_two_linux_machines_and_a_tiny_one.__test__ = "LONG" in os.environ


# --- GNU Mach ---------------------------------------------------------------------------------------------------------


def test_gnu_mach_reaches_its_last_line(once):
    mach = fetched("gnumach")
    bare = once("mach", lambda: boot(mach, append="console=com0", budget=BUDGET, host_limit=HOST_LIMIT))
    assert "bootstrap_create: No bootstrap code loaded with the kernel!" in lines(bare.console)[-1]
    result = boot(CAVE, [(mach, "vm=mach mem=64M engine=translate -- console=com0")], budget=BUDGET, host_limit=HOST_LIMIT)
    assert lines_of(result, "mach")[-1] == lines(bare.console)[-1]
    assert result.status == GOOD, result.why
