"""The checks of tools/check.py, each on a small tree in which one thing is wrong, and on one in which nothing is."""

import argparse
import subprocess
from pathlib import Path

import check
import pytest

GOOD = {
    "kernel/base/types.h": "/* The scalars. */\n#pragma once\n",
    "kernel/cpu/flags.h": '/* Flags. */\n#pragma once\n\n#include "base/types.h"\n',
    "kernel/cpu/flags.c": '/* How flags are made. */\n#include "cpu/flags.h"\n\nstatic const int table[] = {1, 2};\n\n'
    "int flags_get(int i);\n\nint flags_get(int i)\n{\n\treturn table[i];\n}\n",
    "kernel/READING.md": "- `base/types.h`: scalars\n- `cpu/flags.h`: flags\n- `cpu/flags.c`: how\n",
    "guest-tiny/lib/entry.S": "/* The first instruction. */\n",
    "Makefile": "all:\n",
    "README.md": "# Cave\n",
}

WRONG = [
    # what is changed, the check that says so, where
    ("format", "kernel/cpu/flags.c", "\treturn table[i];", "    return table[i];", "kernel/cpu/flags.c:9"),
    ("lint", "kernel/cpu/flags.c", "return table[i];", "int unused = i;\n\treturn table[i];", "kernel/cpu/flags.c:10"),
    ("text", "README.md", "# Cave\n", "# Cave \n", "README.md:1"),
    ("text", "Makefile", "all:\n", "all:", "Makefile:1"),
    ("size", "kernel/cpu/flags.h", "#pragma once\n", "#pragma once\n" + "\n" * 450, "kernel/cpu/flags.h:454"),
    ("size", "kernel/cpu/flags.c", "{\n\treturn", "{\n" + "\t;\n" * 60 + "\treturn", "kernel/cpu/flags.c:9"),
    ("openings", "kernel/cpu/flags.c", "/* How flags are made. */\n", "", "kernel/cpu/flags.c:1"),
    ("openings", "kernel/base/types.h", "#pragma once\n", "", "kernel/base/types.h:1"),
    ("comments", "kernel/cpu/flags.c", "/* How flags are made. */", "/* How flags\n * are made. */", "kernel/cpu/flags.c:1"),
    ("layers", "kernel/base/types.h", "#pragma once\n", '#pragma once\n#include "cpu/flags.h"\n', "kernel/base/types.h:3"),
    ("layers", "kernel/cpu/flags.c", '"cpu/flags.h"', '"flags.h"', "kernel/cpu/flags.c:2"),
    ("layers", "kernel/cpu/flags.c", '"cpu/flags.h"', '"cpu/flags.h"\n#include <stdio.h>', "kernel/cpu/flags.c:3"),
    ("layers", "guest-tiny/lib/entry.S", "/* The", '#include "cpu/flags.h"\n/* The', "guest-tiny/lib/entry.S:1"),
    ("purity", "kernel/cpu/flags.c", "static const int table", "static int last;\nstatic const int table", "kernel/cpu/flags.c:4"),
    ("purity", "kernel/cpu/flags.c", "return table", 'asm("nop");\n\treturn table', "kernel/cpu/flags.c:10"),
    ("reading", "kernel/READING.md", "- `cpu/flags.c`: how\n", "", "kernel/cpu/flags.c:1"),
    ("reading", "kernel/READING.md", "- `cpu/flags.c`: how\n", "- `cpu/flags.c`: how\n" * 2, "kernel/READING.md:4"),
    ("reading", "kernel/READING.md", "- `cpu/flags.c`", "- `cpu/no.c`: x\n- `cpu/flags.c`", "kernel/READING.md:3"),
]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A function that writes a tree, with one text changed, and says what a check finds in it."""
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "KERNEL", tmp_path / "kernel")
    for function in (check.files, check.lines):
        function.cache_clear()
    root = Path(__file__).resolve().parents[2]

    def find(name: str, path: str = "", old: str = "", new: str = "") -> list[str]:
        for each, text in GOOD.items():
            file = tmp_path / each
            file.parent.mkdir(parents=True, exist_ok=True)
            assert each != path or old in text
            file.write_text(text.replace(old, new) if each == path else text)
        (tmp_path / "tools").mkdir()
        for each in (".clang-format", "tools/cppcheck.txt"):
            (tmp_path / each).write_text((root / each).read_text())
        if name == "purity":
            compile_flags(tmp_path)
        try:
            found = list(check.CHECKS[name](argparse.Namespace(build=tmp_path / "build")))
        except (check.Skipped, FileNotFoundError) as reason:
            pytest.skip(str(reason))
        return [str(finding) for finding in found]

    return find


def compile_flags(root: Path) -> None:
    (root / "build/kernel/cpu").mkdir(parents=True)
    source, output = root / "kernel/cpu/flags.c", root / "build/kernel/cpu/flags.o"
    use = "int flags_get(int i) { return last++ + table[i]; }"
    text = source.read_text()
    if "last" in text:  # unused, it would not be there at all
        source.write_text(text[: text.index("int flags_get(int i)\n{")] + use + "\n")
    subprocess.run(["cc", "-O2", f"-I{root}/kernel", "-c", source, "-o", output], check=True)


@pytest.mark.parametrize("name, path, old, new, where", WRONG)
def test_what_is_wrong_is_found_where_it_is(tree, name, path, old, new, where):
    found = tree(name, path, old, new)
    assert len(found) == 1 and found[0].startswith(where + ":"), found


@pytest.mark.parametrize("name", sorted({row[0] for row in WRONG}))
def test_nothing_is_found_where_nothing_is_wrong(tree, name):
    assert tree(name) == []
