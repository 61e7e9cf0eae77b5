"""A build's first error is found in what make prints, and who is to blame for it."""

import pytest
from cavegrade.build import BrokenTree, Workshop, first_error, secret_of, sync
from conftest import ROOT
from course import lab as labs

OUTPUT = """\
In file included from kernel/cpu/event.c:20:
kernel/cpu/event.c:70:1: error: unknown type name 'foo'
   70 | foo
make: *** [Makefile:72: build/kernel/cpu/event.o] Error 1
"""


def test_first_error():
    error = first_error(OUTPUT)
    assert error.first == "kernel/cpu/event.c:70:1: error: unknown type name 'foo'"
    assert error.file == "kernel/cpu/event.c" and error.rest[0] == "   70 | foo"


def test_link_error():
    error = first_error("ld: event.o: in function `f':\nevent.c:9: undefined reference to `g'\n")
    assert error.first.endswith("undefined reference to `g'") and error.file == ""


def test_broken_tree_is_not_the_students_fault(tmp_path):
    """A grader whose own files do not compile must not give zero points."""
    tree = tmp_path / "tree"
    names = ["Makefile", "guest-tiny/guest.mk", "tools/setup.sh", "kernel/cave.ld", "kernel/cpu/event.c", "kernel/cpu/privileged.c"]
    sync(tree, {name: (ROOT / name).read_bytes() for name in names} | {"kernel/base/bad.c": b"#error ours\n"})
    with pytest.raises(BrokenTree, match="kernel/"):
        Workshop(tree, tmp_path / "work", jobs=1).monitor(labs.find(ROOT, 2), ROOT)


def test_secret_depends_on_seed_and_lab():
    assert len({secret_of(1, 2), secret_of(2, 2), secret_of(1, 3)}) == 3
