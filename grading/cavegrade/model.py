"""What a grading run finds out: one model, for every way of showing it. No host time stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cavegrade.judge import Failed
from course.lab import Behaviour, Lab

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Verdict:
    behaviour: Behaviour
    outcome: str  # PASSED, FAILED, SKIPPED
    story: Failed | None = None
    last: list[str] = field(default_factory=list)  # the monitor's own last lines
    ended: bool = False  # the machine ended by itself
    exits: list[str] = field(default_factory=list)  # and what it did last

    @property
    def points(self) -> int:
        return self.behaviour.points if self.outcome == PASSED else 0


@dataclass
class Grade:
    lab: Lab
    seed: int
    submission: str
    verdicts: list[Verdict]
    build_error: str = ""

    @property
    def points(self) -> int:
        return sum(verdict.points for verdict in self.verdicts)

    @property
    def maximum(self) -> int:
        return sum(verdict.behaviour.points for verdict in self.verdicts)

    def as_dict(self) -> dict:
        return {
            "lab": self.lab.number,
            "seed": self.seed,
            "points": self.points,
            "maximum": self.maximum,
            "tests": [
                {
                    "name": verdict.behaviour.name,
                    "outcome": verdict.outcome,
                    "points": verdict.points,
                    "maximum": verdict.behaviour.points,
                    "why": verdict.story.headline if verdict.story else "",
                }
                for verdict in self.verdicts
            ],
        }
