"""
Builds what a grading run needs, out of tree. Everything comes from the grader's own tree, but for the student files that
lab.toml names. The probes are built apart from the submission and after it, with a secret that is nowhere while student
code is compiled.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from course.lab import Lab

ERROR = re.compile(r"^(\S+?):(\d+)(:\d+)?: (?:fatal )?error: |undefined reference|multiple definition")
# What of the grader's tree each build sees. While student code is compiled there is no probe to look into.
MONITOR_PARTS = ("Makefile", "kernel", "guest-tiny/guest.mk", "tools")
PROBE_PARTS = ("Makefile", "kernel", "guest-tiny", "tools")
STUDENT_FILE_LIMIT = 1 << 20
COMPILE_SECONDS = 300  # of host time: a safety net


class BuildError(Exception):
    """The compiler's first error, and what followed it."""

    def __init__(self, first: str, rest: list[str]):
        super().__init__(first)
        self.first = first
        self.rest = rest

    @property
    def file(self) -> str:
        """Where the compiler found it, "" if it does not say."""
        place = ERROR.match(self.first)
        return place[1] or "" if place else ""


class BrokenTree(Exception):
    """The grader's own tree does not build: nothing can be said about a submission."""


def secret_of(seed: int, lab: int) -> int:
    """What the probes of one run compute with: nobody who has not the seed can know it."""
    digest = hmac.new(str(seed).encode(), f"cave lab {lab}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:4], "big")


@dataclass
class Workshop:
    """A directory in which monitors and probes are built; what has not changed is not compiled again."""

    root: Path  # the grader's own tree
    directory: Path
    jobs: int = os.cpu_count() or 1

    def monitor(self, lab: Lab, submission: Path) -> Path:
        """The monitor with the submission's student files."""
        tree = self.directory / "monitor"
        given = {name: (self.root / name).read_bytes() for name in _files(self.root, MONITOR_PARTS)}
        given |= {name: student_file(submission, name) for name in lab.student}
        sync(tree, given)
        output = tree / "build/cave.elf"
        try:
            make(tree, [f"BUILD={output.parent}", str(output)], self.jobs)
        except BuildError as error:
            if error.file.startswith("kernel/") and error.file not in lab.student:
                raise BrokenTree(f"the tree itself does not build: {error.first}") from error
            raise
        return output

    def probes(self, names: list[str], secret: int) -> dict[str, Path]:
        """Fresh probes that compute with `secret`."""
        tree = self.directory / "probes"
        mark = tree / "build/secret"
        if not mark.is_file() or mark.read_text() != f"{secret:#x}":
            shutil.rmtree(tree / "build", ignore_errors=True)
        given = {name: (self.root / name).read_bytes() for name in _files(self.root, PROBE_PARTS)}
        sync(tree, given)
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(f"{secret:#x}")
        outputs = {name: tree / f"build/guest/{name}.elf" for name in names}
        make(tree, [f"BUILD={tree}/build", f"SECRET={secret:#x}", *map(str, outputs.values())], self.jobs)
        return outputs


def _files(root: Path, parts: tuple[str, ...]):
    for part in parts:
        paths = [root / part] if (root / part).is_file() else sorted((root / part).rglob("*"))
        yield from (str(path.relative_to(root)) for path in paths if path.is_file() and path.suffix not in (".o", ".d"))


def student_file(submission: Path, name: str) -> bytes:
    """A plain file, not a link out of the submission, and no more than a megabyte."""
    path = submission / name
    if path.is_symlink() or not path.is_file() or not path.resolve().is_relative_to(submission.resolve()):
        raise BuildError(f"{name}: the submission has no such file", [])
    if path.stat().st_size > STUDENT_FILE_LIMIT:
        raise BuildError(f"{name}: more than a megabyte", [])
    return path.read_bytes()


def sync(tree: Path, files: dict[str, bytes]) -> None:
    """Makes `tree` hold these files (and its build directory); what is the same keeps its time stamp."""
    for path in sorted(tree.rglob("*"), reverse=True):
        name = str(path.relative_to(tree))
        if path.is_file() and not name.startswith("build/") and name not in files:
            path.unlink()
    for name, content in files.items():
        path = tree / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def make(tree: Path, arguments: list[str], jobs: int) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    environment["LC_ALL"] = "C"
    command = ["make", "-s", f"-j{jobs}", "-C", str(tree), *arguments]
    done = run(command, environment)
    if done.returncode and jobs > 1:
        # Which of several errors comes first must not depend on who was quicker.
        done = run(["make", "-s", "-j1", "-C", str(tree), *arguments], environment)
    if done.returncode:
        raise first_error(done.stderr or done.stdout)


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=COMPILE_SECONDS,
    )


def first_error(output: str) -> BuildError:
    lines = [line for line in output.splitlines() if line.strip()]
    at = next((i for i, line in enumerate(lines) if ERROR.search(line)), 0)
    return BuildError(lines[at] if lines else "make failed and said nothing", lines[at + 1 : at + 8])
