"""
The pytest plugin of a grading run. A lab's tests are functions test_NAME(probe), where NAME stands in lab.toml; `probe` is
the run of that behaviour's probe, already under way when the test asks for it.
"""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from cavegrade.judge import Case, Failed
from cavegrade.model import FAILED, PASSED, SKIPPED, Verdict
from course.lab import Behaviour, Lab, LabError


class Grader:
    def __init__(self, lab: Lab, cases: dict[str, Future], only: str = "", watch=lambda verdict: None):
        """`cases`: a future Case by probe. `only`: one behaviour and what it requires. `watch`: told each verdict."""
        self.lab = lab
        self.cases = cases
        self.wanted = wanted(lab, only)
        self.verdicts: dict[str, Verdict] = {}
        self.watch = watch

    @pytest.fixture
    def probe(self, request) -> Case:
        return self.cases[self._behaviour(request.node).probe].result()

    def pytest_collection_modifyitems(self, items: list) -> None:
        """In the order of lab.toml, each behaviour exactly once."""
        found = {item.name.removeprefix("test_"): item for item in items}
        names = [behaviour.name for behaviour in self.lab.behaviours]
        if set(found) != set(names):
            raise LabError(f"lab.toml and the tests differ: {', '.join(sorted(set(found) ^ set(names)))}")
        items[:] = [found[behaviour.name] for behaviour in self.wanted]

    def pytest_runtest_setup(self, item) -> None:
        for name in self._behaviour(item).requires:
            if self.verdicts[name].outcome != PASSED:
                pytest.skip(f"not tried, since {name} does not pass")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        report = outcome.get_result()
        behaviour = self._behaviour(item)
        if behaviour.name in self.verdicts or report.when != "call" and report.passed:
            return
        self.verdicts[behaviour.name] = self._verdict(behaviour, report, call)
        self.watch(self.verdicts[behaviour.name])

    def _verdict(self, behaviour: Behaviour, report, call) -> Verdict:
        if report.passed:
            return Verdict(behaviour, PASSED)
        error = call.excinfo.value
        if report.skipped:
            return Verdict(behaviour, SKIPPED, Failed(str(error.msg)))
        story = error if isinstance(error, Failed) else Failed(f"the grader itself fails: {error!r}", [report.longreprtext])
        case = self.cases[behaviour.probe]
        if case.exception():
            return Verdict(behaviour, FAILED, story)
        cave = case.result().run.cave
        return Verdict(behaviour, FAILED, story, cave.lines_by_machine.get("cave", [])[-LAST_LINES:], cave.status is not None)

    def _behaviour(self, item) -> Behaviour:
        return next(b for b in self.lab.behaviours if b.name == item.name.removeprefix("test_"))


LAST_LINES = 16


def wanted(lab: Lab, only: str) -> list[Behaviour]:
    """All behaviours, or one with all that it requires, in the order of lab.toml."""
    if not only:
        return list(lab.behaviours)
    known = {behaviour.name: behaviour for behaviour in lab.behaviours}
    if only not in known:
        raise LabError(f"lab {lab.number} grades no {only} (it grades {', '.join(known)})")
    needed, names = set(), [only]
    while names:
        name = names.pop()
        needed.add(name)
        names += known[name].requires
    return [behaviour for behaviour in lab.behaviours if behaviour.name in needed]
