"""Grades one submission of one lab: builds, runs every probe in parallel, lets pytest judge, and returns the model."""

from __future__ import annotations

import os
import re
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from cavegrade.build import BuildError, Workshop, secret_of
from cavegrade.diagnose import Kind, Symbols
from cavegrade.elf import Elf
from cavegrade.judge import Case, Failed
from cavegrade.model import FAILED, Grade, Verdict
from cavegrade.plugin import Grader, wanted
from cavegrade.qemu import Result
from cavegrade.run import last_exits, run_bare, run_probe
from course.lab import Lab
from course.starter import anchors

BLAMED = re.compile(r"instructions in (\w+)|\b[0-9a-f]{8}  (\w+)\+0x")  # the busiest functions, a backtrace
EIP = re.compile(r"\beip=([0-9a-f]{8})\b")


class Bench:
    """What one seed's gradings share: the workshop, the probes and what they say on the bare machine."""

    def __init__(self, workshop: Workshop, lab: Lab, seed: int, only: str = ""):
        self.workshop, self.lab, self.seed, self.only = workshop, lab, seed, only
        self.secret = secret_of(seed, lab.number)
        self.names = sorted({behaviour.probe for behaviour in wanted(lab, only)})
        self.probes: dict[str, Path] = {}
        self.bare: dict[str, Future[Result]] = {}
        self.pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)

    def prepare(self) -> None:
        """Builds the probes and runs them bare, once."""
        if not self.probes:
            self.probes = self.workshop.probes(self.names, self.secret)
            for name, path in self.probes.items():
                self.bare[name] = self.pool.submit(run_bare, path, self.lab.budget)

    def case(self, name: str, monitor: Path) -> Case:
        probe = self.probes[name]
        run = run_probe(name, monitor, probe, self.bare[name].result(), self.lab.budget, self.lab.memory)
        return Case(run, self.secret, image(Elf(probe)), Symbols(Elf(monitor).symbols), mebibytes(self.lab.memory))

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)


def image(elf: Elf) -> Symbols:
    """The guest's symbols, and where its code may be."""
    return Symbols(elf.symbols, tuple(range(start, start + len(content)) for start, content in elf.segments()))


def mebibytes(text: str) -> int:
    return int(text.removesuffix("M")) << 20


def grade(bench: Bench, submission: Path, watch=lambda verdict: None) -> Grade:
    lab = bench.lab
    try:
        monitor = bench.workshop.monitor(lab, submission)
    except BuildError as error:
        story = Failed(f"{Kind.BUILD.value}: {error.first}", error.rest)
        verdicts = [Verdict(behaviour, FAILED, story) for behaviour in wanted(lab, bench.only)]
        return Grade(lab, bench.seed, str(submission), verdicts, error.first)
    bench.prepare()
    cases = {name: bench.pool.submit(bench.case, name, monitor) for name in bench.names}
    grader = Grader(lab, cases, bench.only, watch)
    judge(lab, grader)
    failed = [verdict for verdict in grader.verdicts.values() if verdict.outcome == FAILED]
    for verdict in failed:
        verdict.story.read = verdict.story.read or function_to_read(lab.handout, verdict.story.details)
    explain(bench, monitor, failed)
    return Grade(lab, bench.seed, str(submission), [grader.verdicts[b.name] for b in grader.wanted])


def function_to_read(handout: Path, evidence: list[str]) -> str:
    """#NAME of the first function in the evidence that the handout has a heading for, "" if there is none."""
    names = ["".join(found) for line in evidence for found in BLAMED.findall(line)]
    return next((f"#{name}" for name in names if name in anchors(handout)), "")


def explain(bench: Bench, monitor: Path, failed: list[Verdict]) -> None:
    """Adds what the monitor did last before it went wrong to each failure of a run that came to an end."""
    failed = [verdict for verdict in failed if verdict.ended]
    traces = [
        bench.pool.submit(
            last_exits,
            monitor,
            bench.probes[verdict.behaviour.probe],
            bench.lab.budget,
            bench.lab.memory,
            verdict.story.difference.line if verdict.story.difference else 0,
        )
        for verdict in failed
    ]
    for verdict, trace in zip(failed, traces):
        guest = Symbols(Elf(bench.probes[verdict.behaviour.probe]).symbols)
        verdict.exits = [EIP.sub(lambda found: f"at {guest.name(int(found[1], 16))}", line) for line in trace.result()]


def judge(lab: Lab, grader: Grader) -> None:
    """pytest, quiet, on the lab's own test files; nothing of the submission is imported."""
    # fmt: off
    arguments = ["-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:xdist", "--noconftest", "--import-mode=importlib",
                 "-c", os.devnull, "--rootdir", str(lab.directory), str(lab.directory)]
    # fmt: on
    code = pytest.main(arguments, plugins=[grader])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the lab's tests cannot be run (pytest: {code!r})")
