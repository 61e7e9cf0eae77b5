"""The grader is graded: the reference has all points, a starter its floor, and a wrong submission loses what it should."""

import pytest
from cavegrade.grade import grade
from cavegrade.model import FAILED, SKIPPED
from conftest import ROOT
from course import regions, starter
from submissions import RIGHT, WRONG, region_body


def test_reference_has_all_points(bench):
    result = grade(bench, ROOT)
    assert {v.behaviour.name: str(v.story) for v in result.verdicts if v.story} == {}
    assert result.points == result.maximum == 100


def test_starter_has_its_floor(bench, tmp_path):
    starter.make(ROOT, tmp_path / "tree")
    result = grade(bench, tmp_path / "tree")
    assert result.points == bench.lab.floor
    first, *others = result.verdicts
    assert "not written yet" in first.story.headline and first.story.read.startswith("labs/lab2-trap-and-emulate/handout.md#")
    assert first.outcome == FAILED and {verdict.outcome for verdict in others} == {SKIPPED}


# What the handout asks of cpu_io_allowed() before there is a user mode.
FIRST_RULE = "\treturn may_change_if(v) ? STEP_DONE : general_protection(v);"

# The steps of the handout: what is written in each, and the points that it promises.
STEPS = [
    ("cpu_io_allowed emulate_in emulate_out", 0),
    ("emulate_lgdt emulate_lidt", 0),
    ("emulate_cli emulate_sti", 10),
    ("emulate_hlt emulate_read_cr emulate_write_cr emulate_clts emulate_invlpg", 10),
    ("read_gate read_handler push_frame enter_handler", 26),
    ("return_from_event", 50),
    ("read_inner_stack cpu_io_allowed", 66),
    ("combine", 100),
]


def test_steps_of_the_handout(bench, tmp_path):
    """A student who follows the handout has something new after each step, and no step needs a later one."""
    starter.make(ROOT, tmp_path / "tree")
    points = []
    for number, (names, _) in enumerate(STEPS, 1):
        for path in bench.lab.student:
            reference, written = (ROOT / path).read_text(), tmp_path / "tree" / path
            here = {region.name for region in regions.find(reference, path)} & set(names.split())
            bodies = {name: region_body(reference, path, name) for name in here}
            if number == 1 and "cpu_io_allowed" in bodies:
                bodies["cpu_io_allowed"] = FIRST_RULE
            written.write_text(regions.fill(written.read_text(), path, bodies))
        points.append(grade(bench, tmp_path / "tree").points)
    assert points == [points for _, points in STEPS]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_wrong_submission(bench, tmp_path, wrong):
    result = grade(bench, wrong.write(tmp_path))
    stories = {v.behaviour.name: v.story.headline for v in result.verdicts if not v.points}
    unexpected = {name: why for name, why in stories.items() if name not in wrong.lost}
    assert unexpected == {}
    assert wrong.lost - set(stories) == set()
    assert wrong.says in next(iter(stories.values()))


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_right_but_different(bench, tmp_path, right):
    result = grade(bench, right.write(tmp_path))
    assert {v.behaviour.name: v.story.headline for v in result.verdicts if v.story} == {}


def test_only_student_files_count(bench, tmp_path):
    """A submission that brings its own Makefile and headers is graded without them."""
    for name in bench.lab.student:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "Makefile").write_text("$(error ours)\n")
    (tmp_path / "kernel/cpu/vcpu.h").write_text("#error ours\n")
    assert grade(bench, tmp_path).points == 100


def test_missing_and_linked_files(bench, tmp_path):
    result = grade(bench, tmp_path)
    assert result.points == 0 and "no such file" in result.build_error
    for name in bench.lab.student:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    assert "no such file" in grade(bench, tmp_path).build_error


def test_same_seed_same_result(bench):
    assert grade(bench, ROOT).as_dict() == grade(bench, ROOT).as_dict()
