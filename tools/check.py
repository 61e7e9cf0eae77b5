"""Whether the tree is as its readers expect it: form, layers, purity, reading order. A line for each check.

    python3 -m check [--build DIR] [CHECK...]

A finding is FILE:LINE and one sentence. The exit status is 0 if there is none.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from course import lab, regions, starter

ROOT = Path(__file__).resolve().parent.parent
KERNEL = ROOT / "kernel"

# What a folder of kernel/ may include, besides itself: what lies below it.
#
#     base <- x86 <- mmu <- cpu <- xlate <- engine <- vmm      dev on base and hw on x86 stand beside
#
BELOW = {
    "base": "",
    "x86": "base",
    "mmu": "base x86",
    "cpu": "base x86 mmu",
    "xlate": "base x86 mmu cpu",
    "dev": "base",
    "hw": "base x86",
    "engine": "base x86 mmu cpu xlate hw",
    "vmm": "base x86 mmu cpu xlate dev hw engine",
    "test": "base x86 mmu cpu xlate dev hw",  # of hw only what is plain C
}
GUEST_BELOW = "base x86"  # of what a guest takes from kernel/

PURE = ("mmu", "cpu", "xlate", "dev")
STANDARD = ("stdint.h", "stdbool.h", "stddef.h", "stdarg.h")  # need no library

FILE_LINES, FUNCTION_LINES = 450, 60
CLANG_FORMAT = 14  # another version breaks lines elsewhere


@dataclass(frozen=True)
class Finding:
    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.text}"


Check = Callable[[argparse.Namespace], Iterator[Finding]]


class Skipped(Exception):
    """A check cannot be made here; the message says why."""


# --- the files --------------------------------------------------------------------------------------------------------


@cache
def files(folder: str, *suffixes: str) -> tuple[Path, ...]:
    return tuple(sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in suffixes and "__pycache__" not in p.parts))


def c_files() -> tuple[Path, ...]:
    return files("kernel", ".c", ".h") + files("guest-tiny", ".c", ".h")


@cache
def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def layer(path: Path) -> str:
    """The folder of kernel/ that a file is in."""
    return path.relative_to(KERNEL).parts[0]


def without_comments(path: Path) -> list[str]:
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), path.read_text(), flags=re.DOTALL)
    return text.splitlines()


# --- form -------------------------------------------------------------------------------------------------------------

LOCATED = re.compile(r"^(?:\./)?([^:]+):(\d+):(?:\d+:)? (.*)")


def located(output: str) -> Iterator[Finding]:
    """A tool's findings: the lines that begin with FILE:LINE."""
    for line in output.splitlines():
        if match := LOCATED.match(line):
            yield Finding(ROOT / match[1], int(match[2]), match[3])


def run(*command: str | Path) -> str:
    """What a tool says, on either output."""
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout


def check_format(_) -> Iterator[Finding]:
    """C is laid out by clang-format"""
    version = re.search(r"version (\d+)", run("clang-format", "--version"))
    if int(version[1]) != CLANG_FORMAT:
        raise Skipped(f"the tree is laid out by clang-format {CLANG_FORMAT}, and this is {version[1]}")
    for finding in located(run("clang-format", "--dry-run", *(p.relative_to(ROOT) for p in c_files()))):
        yield Finding(finding.path, finding.line, "not as clang-format lays it out")


def check_lint(_) -> Iterator[Finding]:
    """cppcheck has nothing to say"""
    sources = [p.relative_to(ROOT) for p in c_files() if p.suffix == ".c" and "test" not in p.parts]
    yield from located(
        run("cppcheck", "--quiet", "-j2", "--std=c11", "--platform=unix32", "--enable=warning,style,performance,portability",
            "--suppressions-list=tools/cppcheck.txt", "--template={file}:{line}: {id}: {message}",
            "-Ikernel", "-Iguest-tiny/lib", "-Iguest-tiny/os", *sources)
    )  # fmt: skip


def check_text(_) -> Iterator[Finding]:
    """lines end where their text ends, and files with a line's end"""
    for path in texts():
        text = path.read_text()
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield Finding(path, number, "blanks at the end of the line")
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield Finding(path, text.count("\n") + 1, "should end with one line break")


TEXT = (".c", ".h", ".S", ".py", ".md", ".toml", ".sh", ".ld", ".mk", ".play", ".expected")


def texts() -> list[Path]:
    folders = ("kernel", "guest-tiny", "grading", "labs", "tools", "docs")
    return [p for folder in folders for p in files(folder, *TEXT)] + [ROOT / "Makefile", ROOT / "README.md"]


def check_size(_) -> Iterator[Finding]:
    """no file is too long to read at one sitting, no function for one screen"""
    for path in files("kernel", ".c", ".h", ".S"):
        if layer(path) != "test" and len(lines(path)) > FILE_LINES:
            yield Finding(path, len(lines(path)), f"{len(lines(path))} lines, and {FILE_LINES} are the most")
    for path in c_files():
        for start, length in functions(path):
            if length > FUNCTION_LINES:
                yield Finding(path, start, f"a function of {length} lines, and {FUNCTION_LINES} are the most")


def functions(path: Path) -> Iterator[tuple[int, int]]:
    """The line of each function's opening brace, and how many lines its body has."""
    start = 0
    for number, line in enumerate(lines(path), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start - 1
            start = 0


def check_openings(_) -> Iterator[Finding]:
    """every file says first what it is for, and a header is read once"""
    for path in files("kernel", ".c", ".h", ".S") + files("guest-tiny", ".c", ".h", ".S"):
        if not lines(path) or not lines(path)[0].startswith("/*"):
            yield Finding(path, 1, "should open with a comment that says what it is for")
        if path.suffix == ".h" and "#pragma once" not in lines(path):
            yield Finding(path, 1, "a header without #pragma once")


def check_comments(_) -> Iterator[Finding]:
    """a comment of several lines begins at the margin of its text"""
    for path in c_files():
        for number, line in enumerate(lines(path), 1):
            text = line.strip()
            if re.match(r"/\* \S", text) and "*/" not in text:
                yield Finding(path, number, "a comment of several lines begins with /* alone on its line")


# --- layers and purity ------------------------------------------------------------------------------------------------

INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')


def includes(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines(path), 1):
        if match := INCLUDE.match(line):
            yield number, match[1], match[2]


def check_layers(_) -> Iterator[Finding]:
    """includes point one way: base <- x86 <- mmu <- cpu <- xlate <- engine <- vmm; dev on base; hw on x86"""
    for path in files("kernel", ".c", ".h", ".S"):
        own = layer(path)
        allowed = [own, *BELOW[own].split()]
        for number, kind, name in includes(path):
            if kind == '"' and "/" in name and name.split("/")[0] not in allowed:
                yield Finding(path, number, f"{own}/ may include {' '.join(allowed)}, not {name}")
            elif kind == '"' and "/" not in name and own != "test":
                yield Finding(path, number, f'write #include "{own}/{name}"')
            elif kind == "<" and own != "test" and name not in STANDARD:
                yield Finding(path, number, f"<{name}> is a library's")
    for path in files("guest-tiny", ".c", ".h", ".S"):
        for number, kind, name in includes(path):
            folder = name.split("/")[0]
            if kind == '"' and folder in BELOW and folder not in GUEST_BELOW.split():
                yield Finding(path, number, f"a guest shares only {GUEST_BELOW} with the monitor, not {name}")


ASSEMBLY = re.compile(r"\b(?:asm|__asm__|__asm)\b")
DATA = re.compile(r"^[0-9a-f]+ [bBdDC] (.*)")


def check_purity(options) -> Iterator[Finding]:
    """mmu, cpu, xlate and dev have no assembly and no variables that outlive a call"""
    for folder in PURE:
        yield from (Finding(p, 1, "assembly in a pure folder") for p in files(f"kernel/{folder}", ".S"))
        for path in files(f"kernel/{folder}", ".c", ".h"):
            for number, line in enumerate(without_comments(path), 1):
                if ASSEMBLY.search(line):
                    yield Finding(path, number, "assembly in a pure folder")
        for path in files(f"kernel/{folder}", ".c"):
            yield from variables(path, options.build / path.relative_to(ROOT).with_suffix(".o"))


def variables(path: Path, built: Path) -> Iterator[Finding]:
    """The symbols in .data and .bss of what was compiled: constant tables are not among them."""
    for line in run("nm", built).splitlines():
        if match := DATA.match(line):
            name = match[1].split(".")[0]  # of a static variable in a function: name.number
            number = next((n for n, text in enumerate(lines(path), 1) if re.search(rf"\b{name}\b", text)), 1)
            yield Finding(path, number, f"{name} is a variable that outlives a call")
        elif ": no symbols" not in line and not re.match(r"^(?:[0-9a-f]+| +) \w ", line):
            yield Finding(path, 1, f"nm says: {line}")


# --- what goes with the code ------------------------------------------------------------------------------------------

NAMED = re.compile(r"^- `([^`]+)`: \S")


def check_reading(_) -> Iterator[Finding]:
    """kernel/READING.md names every file once, in a line of its own"""
    reading = KERNEL / "READING.md"
    wanted = {str(p.relative_to(KERNEL)): p for p in files("kernel", ".c", ".h", ".S", ".ld") if layer(p) != "test"}
    seen: set[str] = set()
    for number, line in enumerate(lines(reading), 1):
        if not line.startswith("- "):
            continue
        match = NAMED.match(line)
        if not match:
            yield Finding(reading, number, "should be: - `folder/file`: what it is")
        elif match[1] not in wanted:
            yield Finding(reading, number, f"there is no kernel/{match[1]}")
        elif match[1] in seen:
            yield Finding(reading, number, f"names {match[1]} for the second time")
        else:
            seen.add(match[1])
    for name in sorted(wanted.keys() - seen):
        yield Finding(wanted[name], 1, "is not in kernel/READING.md")


def check_labs(_) -> Iterator[Finding]:
    """students' regions are closed, belong to one lab, and have a heading to read"""
    try:
        for each in lab.find_all(ROOT).values():
            starter.check_lab(ROOT, each)
    except (lab.LabError, regions.RegionError) as error:
        match = LOCATED.match(str(error))
        yield Finding(ROOT / match[1], int(match[2]), match[3]) if match else Finding(ROOT / "labs", 1, str(error))


# --- the command ------------------------------------------------------------------------------------------------------

CHECKS: dict[str, Check] = {
    "format": check_format,
    "lint": check_lint,
    "text": check_text,
    "size": check_size,
    "openings": check_openings,
    "comments": check_comments,
    "layers": check_layers,
    "purity": check_purity,
    "reading": check_reading,
    "labs": check_labs,
}


def judge(name: str, options: argparse.Namespace) -> bool:
    """Makes one check and prints its line, then what it found."""
    check = CHECKS[name]
    try:
        found = list(check(options))
    except Skipped as reason:
        print(f"skip  {name:9} {reason}")
        return True
    print(f"{'FAIL' if found else 'ok  '}  {name:9} {check.__doc__}")
    for finding in found:
        print(f"      {finding}")
    return not found


def main() -> int:
    parser = argparse.ArgumentParser(prog="check", description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where the monitor was built")
    parser.add_argument("check", nargs="*", metavar="CHECK", help=" ".join(CHECKS))
    options = parser.parse_args()
    options.build = options.build.resolve()
    unknown = [name for name in options.check if name not in CHECKS]
    if unknown:
        parser.error(f"there is no check called {unknown[0]}: {', '.join(CHECKS)}")
    return 0 if all([judge(name, options) for name in options.check or CHECKS]) else 1


if __name__ == "__main__":
    sys.exit(main())
