"""tools/setup.sh on machines that lack something: they are directories of pretended commands."""

import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parent.parent / "setup.sh"
REAL = ["env", "grep", "mktemp", "rm", "sort", "tail"]  # what the script itself uses


class Pretended:
    """A machine's commands, with a log of what the package manager was asked."""

    def __init__(self, directory: Path):
        self.bin = directory / "bin"
        self.log = directory / "log"
        self.bin.mkdir()
        self.log.touch()
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name))
        self.has("uname", "echo x86_64")
        self.has("make")
        self.has("gcc")
        self.has("ld", "echo elf_i386")
        self.has("python3")

    def has(self, name: str, does: str = ":") -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    def user(self, number: int) -> None:
        self.has("id", f"echo {number}")

    def installs(self, manager: str, first: str = "") -> None:
        """A package manager that notes what it is asked, and whose `install` brings QEMU."""
        qemu = self.bin / "qemu-system-i386"
        brings = f'case "$*" in *install*) printf "" >{qemu}; /bin/chmod 755 {qemu} ;; esac'
        self.has(manager, f'echo "{manager} $*" >>{self.log}\n{first}\n{brings}')

    def setup(self, *goals: str) -> subprocess.CompletedProcess:
        # fmt: off
        return subprocess.run(["/bin/sh", str(SETUP), *goals], env={"PATH": str(self.bin)}, capture_output=True, text=True, check=False)
        # fmt: on

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path) -> Pretended:
    return Pretended(tmp_path)


def test_root_installs_after_saying_what(machine):
    machine.user(0)
    machine.installs("apt-get")
    done = machine.setup("run")
    assert done.returncode == 0
    assert "make run needs what this machine lacks: QEMU." in done.stderr
    assert "Installing qemu-system-x86 by apt;" in done.stderr
    assert len(machine.asked) == 1 and machine.asked[0].endswith(" qemu-system-x86")


def test_what_is_there_is_not_installed(machine):
    machine.user(0)
    machine.installs("apt-get")
    machine.has("qemu-system-i386")
    done = machine.setup("run")
    assert (done.returncode, done.stderr, machine.asked) == (0, "", [])
    assert done.stdout.strip().endswith("python3")  # the Python to use


def test_lists_are_fetched_where_there_are_none(machine):
    machine.user(0)
    known = machine.bin / "lists"
    machine.installs("apt-get", f'case "$*" in *update*) : >{known} ;; esac\n[ -f {known} ] || exit 100')
    assert machine.setup("run").returncode == 0
    assert [next(word for word in line.split()[1:] if word[0] != "-") for line in machine.asked] == ["install", "update", "install"]


def test_sudo_is_used_where_it_is(machine):
    machine.user(1000)
    machine.installs("apt-get")
    machine.has("sudo", f'echo "sudo $1" >>{machine.log}; "$@"')
    done = machine.setup("run")
    assert done.returncode == 0 and "by apt and sudo" in done.stderr
    assert machine.asked[0] == "sudo env"


def test_without_root_the_command_is_printed(machine):
    machine.user(1000)
    machine.installs("apt-get")
    done = machine.setup("run")
    assert done.returncode == 1 and machine.asked == [] and done.stdout == ""
    assert "Please run, as root:\n    apt-get install -y --no-install-recommends qemu-system-x86\n" in done.stderr


def test_an_installation_that_fails_is_not_called_done(machine):
    machine.user(0)
    machine.has("apt-get", "echo the disk is full; exit 100")
    done = machine.setup("run")
    assert done.returncode == 1 and done.stdout == ""
    assert "the disk is full" in done.stderr and "Please run" in done.stderr


@pytest.mark.parametrize(
    "manager, user, command",
    [
        ("dnf", 0, "dnf install -y qemu-system-x86-core"),
        ("pacman", 0, "pacman -S --needed qemu-system-x86"),
        ("brew", 1000, "brew install qemu"),
    ],
)
def test_elsewhere_the_command_is_printed(machine, manager, user, command):
    machine.user(user)
    machine.installs(manager)
    done = machine.setup("run")
    assert done.returncode == 1 and machine.asked == []
    assert f"Please run:\n    {command}\n" in done.stderr


def test_a_goal_that_needs_nothing(machine):
    machine.user(1000)
    assert machine.setup("clean").returncode == 0
