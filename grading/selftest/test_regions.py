"""Region markers: what is right is cut, what is wrong is named with its line."""

import pytest
from course.regions import RegionError, fill, find, strip

GOOD = """\
static int helper(void)
{
	return 1;
}

/* A contract. */
enum step emulate_cli(struct vcpu *v,
	struct emulation *e)
{
	/* LAB 2 BEGIN emulate_cli */
	v->eflags &= ~EFLAGS_IF;
	return STEP_DONE;
	/* LAB 2 END */
}
"""


def test_find():
    (region,) = find(GOOD, "f.c")
    assert (region.lab, region.name, region.begin, region.end) == (2, "emulate_cli", 9, 12)


def test_strip_leaves_only_the_call():
    stripped = strip(GOOD, "f.c", "labs/lab2/handout.md")
    assert "EFLAGS_IF" not in stripped and "A contract." in stripped
    assert '\tlab_todo(2, "emulate_cli", "labs/lab2/handout.md#emulate_cli");\n' in stripped
    assert find(stripped, "f.c")[0].end == 11


def test_fill():
    assert "\treturn 7;\n\t/* LAB 2 END */" in fill(GOOD, "f.c", {"emulate_cli": "\treturn 7;"})


# fmt: off
WRONG = {
    "has no END": GOOD.replace("\t/* LAB 2 END */\n", ""),
    "closes nothing": GOOD.replace("\t/* LAB 2 BEGIN emulate_cli */\n", ""),
    "closes nothing$": GOOD.replace("LAB 2 END", "LAB 3 END"),
    "begins inside": GOOD.replace("\treturn STEP_DONE;", "\t/* LAB 2 BEGIN again */"),
    "not the whole body": GOOD.replace("\t/* LAB 2 BEGIN", "\tint x;\n\t/* LAB 2 BEGIN"),
    "not the whole body of": GOOD.replace("END */\n", "END */\n\treturn STEP_DONE;\n"),
    "has another name": GOOD.replace("BEGIN emulate_cli", "BEGIN emulate_sti"),
    "stands alone": GOOD.replace("\t/* LAB 2 END */", "\t/* LAB 2 END */ ;"),
    "the same name": GOOD + GOOD,
    "two labs": GOOD + GOOD.replace("LAB 2", "LAB 3"),
}
# fmt: on


@pytest.mark.parametrize("problem", WRONG)
def test_wrong_markers(problem):
    with pytest.raises(RegionError, match=problem):
        find(WRONG[problem], "f.c")
