"""Makes the tree that a student starts from: the reference tree without the bodies of the regions and without hidden files."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from course import lab as labs
from course import regions

HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)


def tracked_files(root: Path) -> list[str]:
    """What git knows or would take: no build products."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and (root / name).is_file()})


def hidden_patterns(root: Path) -> list[str]:
    return tomllib.loads((root / "labs/course.toml").read_text())["hidden"]


def is_hidden(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def anchors(handout: Path) -> set[str]:
    """What its headings can be linked by: small letters, hyphens for spaces, no punctuation."""
    found = HEADING.findall(handout.read_text())
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def check_lab(root: Path, lab: labs.Lab) -> list[regions.Region]:
    """The regions of a lab; every one is explained under a heading of its own in the handout."""
    found = []
    known = anchors(lab.handout)
    for name in lab.student:
        here = regions.find((root / name).read_text(), name)
        if not here:
            raise regions.RegionError(f"{name}: a student file of lab {lab.number} without a region")
        for region in here:
            if region.lab != lab.number:
                raise regions.RegionError(f"{name}: {region.name} is of lab {region.lab}, the file of lab {lab.number}")
            if region.name not in known:
                raise regions.RegionError(f"{lab.handout}: no heading for {region.name}")
        found += here
    for behaviour in lab.behaviours:
        if behaviour.read not in known:
            raise regions.RegionError(f"{lab.handout}: no heading {behaviour.read}, where {behaviour.name} sends its reader")
    return found


def make(root: Path, out: Path) -> int:
    """Writes the starter tree into `out`, which must not exist or be empty. Returns the number of regions taken out."""
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty")
    patterns = hidden_patterns(root)
    of_student = {name: lab for lab in labs.find_all(root).values() for name in lab.student}
    count = sum(len(check_lab(root, lab)) for lab in labs.find_all(root).values())
    for name in tracked_files(root):
        if is_hidden(name, patterns):
            continue
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
        if name in of_student:
            handout = str(of_student[name].handout.relative_to(root))
            target.write_text(regions.strip(target.read_text(), name, handout))
        elif name.endswith((".c", ".h", ".S")) and regions.MARKER.search(target.read_text()):
            raise regions.RegionError(f"{name}: markers in a file that no lab.toml names")
    return count
