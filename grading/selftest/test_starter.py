"""The starter tree: no reference body, no hidden file, no warning."""

import subprocess

import pytest
from conftest import ROOT
from course import lab as labs
from course import regions, starter


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("starter")
    starter.make(ROOT, out)
    return out


def test_labs_are_consistent():
    for lab in labs.find_all(ROOT).values():
        starter.check_lab(ROOT, lab)
        assert lab.points == 100


def test_no_body_is_left(tree):
    for lab in labs.find_all(ROOT).values():
        for name in lab.student:
            text = (tree / name).read_text()
            lines = text.split("\n")
            for region in regions.find(text, name):
                (body,) = lines[region.begin + 1 : region.end]
                assert body.startswith(f'\tlab_todo({lab.number}, "{region.name}", "labs/')


def test_no_hidden_file(tree):
    assert not (tree / "grading/selftest").exists()
    assert not [path for path in tree.rglob("*instructor*")]


def test_not_into_a_full_directory(tree):
    with pytest.raises(FileExistsError):
        starter.make(ROOT, tree)


def test_tool(tmp_path):
    done = subprocess.run([ROOT / "tools/cave", "starter", tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 0 and "functions to write" in done.stdout
    again = subprocess.run([ROOT / "tools/cave", "starter", tmp_path / "out"], capture_output=True, text=True)
    assert again.returncode == 1 and "not empty" in again.stderr
