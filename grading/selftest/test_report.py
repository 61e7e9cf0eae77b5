"""What a student reads: points, the first difference marked, what to read on, and the command that replays the failure."""

import io

from cavegrade import report
from cavegrade.grade import function_to_read
from cavegrade.judge import Difference, Failed, first_difference, mix
from cavegrade.model import FAILED, PASSED, SKIPPED, Grade, Verdict
from cavegrade.run import exits_before
from conftest import ROOT
from course import lab as labs
from rich.console import Console


def shown(grade: Grade) -> str:
    console = Console(file=io.StringIO(), width=110, color_system=None)
    report.show(grade, console, "make grade LAB=2")
    return console.file.getvalue()


def verdicts(story: Failed) -> list[Verdict]:
    lab = labs.find(ROOT, 2)
    first, second, third, *rest = lab.behaviours
    failed = Verdict(second, FAILED, story, ["red: 12 exits"])
    skipped = Verdict(third, SKIPPED, Failed("not tried, since port_io does not pass"))
    return [Verdict(first, PASSED), failed, skipped, *(Verdict(behaviour, PASSED) for behaviour in rest)]


def test_failure_tells_its_story():
    difference = Difference(3, ["in al: 1", "in ax: 2"], "absent: ff", "absent: fe")
    story = Failed("the guest does not say in the cave what it says on the bare machine", [], difference)
    text = shown(Grade(labs.find(ROOT, 2), 77, "x", verdicts(story)))
    for part in (
        "86 of 100 points  (SEED=77)",
        "✘",
        "0 / 6",
        "not tried",
        "line 3",
        "expected   absent: ff",
        "got        absent: fe",
        "cave: red: 12 exits",
        "labs/lab2-trap-and-emulate/handout.md#emulate_in",
        "make grade LAB=2 TEST=port_io SEED=77 GDB=1",
    ):
        assert part in text, text


def test_build_error_comes_alone():
    lab = labs.find(ROOT, 2)
    story = Failed("does not build: event.c:1:1: error: no", ["  1 | no"])
    grade = Grade(lab, 1, "x", [Verdict(b, FAILED, story) for b in lab.behaviours], "event.c:1:1: error: no")
    text = shown(grade)
    assert "does not build" in text and "0 of 100" in text and "Replay" not in text
    assert text.count("does not build") == 1


def test_function_in_the_evidence_is_what_to_read():
    handout = labs.find(ROOT, 2).handout
    assert function_to_read(handout, [" 3000 instructions in emulate_cli"]) == "#emulate_cli"
    assert function_to_read(handout, ["cave:   e0101234  soft_trap+0x12", "cave:   e0101244  emulate_hlt+0x8"]) == "#emulate_hlt"
    assert function_to_read(handout, [" 3000 instructions in soft_run"]) == ""


def test_first_difference():
    assert first_difference(["a"], ["a"]) is None
    assert first_difference(["a", "b"], ["a"]) == Difference(2, ["a"], "b", None)
    assert first_difference(["a"], ["a", "x"]) == Difference(2, ["a"], None, "x")


def test_secret_is_the_probes():
    """The values of secret(1) and secret(2) in a probe built with 0x5eed1234."""
    assert [mix(0x5EED1234, n) for n in (1, 2)] == [0x7206D725, 0x62ABD644]


def test_exits_before_a_line():
    """Up to the first character of the line that went wrong, without the serial port."""
    put = "1 red port eip=0 cpl=0 write port=3f8 size=1 value="
    trace = [put + "61", put + "a", "2 red port eip=0 cpl=0 write port=43 size=1 value=0", put + "62", "3 red halt", put + "a"]
    assert exits_before(trace, 2) == [trace[2]]
    assert exits_before(trace, 1) == []
    assert exits_before(trace, 0) == [trace[2], trace[4]]
