"""A lab as data: labs/labN-name/lab.toml. What can be wrong with such a file is said here, not where it is used."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


class LabError(Exception):
    """A lab's files contradict each other."""


@dataclass(frozen=True)
class Behaviour:
    """One graded behaviour: the function test_NAME in the lab's test files."""

    name: str
    title: str
    points: int
    probe: str  # guest-tiny/probes/PROBE.c
    read: str  # heading of the handout
    requires: tuple[str, ...] = ()  # behaviours without which this one is not even tried


@dataclass(frozen=True)
class Lab:
    number: int
    title: str
    directory: Path
    student: tuple[str, ...]  # files that the student writes, from the tree's root
    floor: int  # what an untouched starter scores
    behaviours: tuple[Behaviour, ...]
    budget: float  # seconds of virtual time for one run
    memory: str  # of the guest's machine

    @property
    def points(self) -> int:
        return sum(behaviour.points for behaviour in self.behaviours)

    @property
    def handout(self) -> Path:
        return self.directory / "handout.md"


def load(directory: Path) -> Lab:
    path = directory / "lab.toml"
    data = tomllib.loads(path.read_text())
    run = data.get("run", {})
    try:
        behaviours = [Behaviour(**{**test, "requires": tuple(test.get("requires", ()))}) for test in data["test"]]
        lab = Lab(
            data["number"],
            data["title"],
            directory,
            tuple(data["student"]),
            data["floor"],
            tuple(behaviours),
            run.get("budget", 4),
            run.get("memory", "8M"),
        )
    except (KeyError, TypeError) as error:
        raise LabError(f"{path}: {error}") from error
    check(lab)
    return lab


def check(lab: Lab) -> None:
    seen: set[str] = set()
    for behaviour in lab.behaviours:
        if behaviour.name in seen:
            raise LabError(f"lab {lab.number}: {behaviour.name} is there twice")
        for name in behaviour.requires:
            if name not in seen:
                raise LabError(f"lab {lab.number}: {behaviour.name} requires {name}, which does not come before it")
        seen.add(behaviour.name)


def find_all(root: Path) -> dict[int, Lab]:
    """The labs of a tree by number; each student file belongs to one lab only."""
    labs: dict[int, Lab] = {}
    owner: dict[str, int] = {}
    for path in sorted(root.glob("labs/lab[0-9]*/lab.toml")):
        lab = load(path.parent)
        if lab.number in labs:
            raise LabError(f"two labs have the number {lab.number}")
        for name in lab.student:
            if name in owner:
                raise LabError(f"{name} belongs to lab {owner[name]} and to lab {lab.number}")
            owner[name] = lab.number
        labs[lab.number] = lab
    return labs


def find(root: Path, number: int) -> Lab:
    labs = find_all(root)
    if number not in labs:
        known = ", ".join(str(n) for n in labs) or "none"
        raise LabError(f"there is no lab {number} in this tree (there is: {known})")
    return labs[number]
