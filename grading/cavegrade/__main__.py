"""python3 -m cavegrade: grades a submission of one lab. `make grade LAB=2` calls it."""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from cavegrade import report
from cavegrade.build import BrokenTree, Workshop
from cavegrade.debug import debug
from cavegrade.grade import Bench, grade
from cavegrade.model import Verdict
from course import lab as labs
from course.lab import LabError

ROOT = Path(__file__).resolve().parents[2]


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cavegrade", description=__doc__)
    parser.add_argument("--lab", type=int, required=True, help="the lab's number")
    parser.add_argument("--submission", type=Path, default=ROOT, help="a tree with the student's files (default: this one)")
    parser.add_argument("--test", default="", help="one behaviour, with what it requires")
    parser.add_argument("--seed", type=int, help="of the probes' secret (default: random)")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where to build")
    parser.add_argument("--json", type=Path, help="write the result there, too")
    parser.add_argument("--gdb", action="store_true", help="do not grade: run the test's probe under GDB")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    try:
        lab = labs.find(ROOT, options.lab)
        bench = Bench(Workshop(ROOT, options.build.resolve() / "grade"), lab, seed, options.test)
        if options.gdb:
            return debug(bench, options.submission)
        result = watched(bench, options.submission, console)
    except (LabError, BrokenTree) as error:
        console.print(f"[red]{error}[/]")
        return 2
    report.show(result, console, command(options))
    if options.json:
        options.json.write_text(json.dumps(result.as_dict(), indent=1) + "\n")
    return 0 if result.points == result.maximum else 1


def watched(bench: Bench, submission: Path, console: Console):
    """Grades under a progress bar, and shows each verdict when it is there."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}")
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("building", total=len(bench.lab.behaviours))

            def watch(verdict: Verdict) -> None:
                report.show_verdict(verdict, progress.console)
                progress.update(task, advance=1, description=verdict.behaviour.title)

            return grade(bench, submission, watch)
    finally:
        bench.close()


def command(options: argparse.Namespace) -> str:
    """What a user types for this grading, without TEST and SEED."""
    words = ["make", "grade", f"LAB={options.lab}"]
    if options.submission.resolve() != ROOT:
        words.append(f"SUBMISSION={options.submission}")
    return shlex.join(words)


sys.exit(main(sys.argv[1:]))
