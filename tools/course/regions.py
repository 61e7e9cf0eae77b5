"""
The regions that a student fills in. In the reference tree a region is the whole body of one function:

    enum step emulate_cli(struct vcpu *v, struct emulation *e)
    {
            /* LAB 2 BEGIN emulate_cli */
            ...
            /* LAB 2 END */
    }

In a starter the lines between the markers are one call of lab_todo(), which says what is missing and what to read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BEGIN = re.compile(r"^\t/\* LAB (\d+) BEGIN (\w+) \*/$")
END = re.compile(r"^\t/\* LAB (\d+) END \*/$")
MARKER = re.compile(r"LAB\s+\d+\s+(BEGIN|END)")
NAME = re.compile(r"(\w+)\(")


class RegionError(Exception):
    """A marker is wrong: where, and what."""


@dataclass(frozen=True)
class Region:
    lab: int
    name: str
    begin: int  # line numbers of the markers, from 0
    end: int


def find(text: str, path: str) -> list[Region]:
    """All regions of a file, checked: balanced, one lab, names unique, each the whole body of the function it names."""
    lines = text.split("\n")
    regions: list[Region] = []
    opened = None
    for number, line in enumerate(lines):
        begin, end = BEGIN.match(line), END.match(line)
        where = f"{path}:{number + 1}"
        if begin:
            if opened:
                raise RegionError(f"{where}: a region begins inside {opened[1]}")
            opened = (int(begin[1]), begin[2], number)
        elif end:
            if not opened or opened[0] != int(end[1]):
                raise RegionError(f"{where}: this END closes nothing")
            regions.append(Region(*opened, number))
            opened = None
        elif MARKER.search(line):
            raise RegionError(f"{where}: a marker stands alone on its line, one tab deep")
    if opened:
        raise RegionError(f"{path}:{opened[2] + 1}: {opened[1]} has no END")
    for region in regions:
        _check_body(lines, region, path)
    if len({region.lab for region in regions}) > 1:
        raise RegionError(f"{path}: regions of two labs in one file")
    if len({region.name for region in regions}) < len(regions):
        raise RegionError(f"{path}: two regions have the same name")
    return regions


def _check_body(lines: list[str], region: Region, path: str) -> None:
    where = f"{path}:{region.begin + 1}"
    if region.begin == 0 or lines[region.begin - 1] != "{" or lines[region.end + 1 : region.end + 2] != ["}"]:
        raise RegionError(f"{where}: {region.name} is not the whole body of a function")
    if function_above(lines, region.begin - 1) != region.name:
        raise RegionError(f"{where}: the function around {region.name} has another name")


def function_above(lines: list[str], brace: int) -> str:
    """The name of the function whose body opens at line `brace`: its head may take several lines."""
    first = brace
    while first > 0 and lines[first - 1].strip() and not lines[first - 1].rstrip().endswith(("*/", ";", "}")):
        first -= 1
    names = NAME.search(" ".join(lines[first:brace]))
    return names[1] if names else ""


def strip(text: str, path: str, handout: str) -> str:
    """The file as a student gets it. `handout`: from the tree's root; its headings are named after the functions."""
    lines = text.split("\n")
    for region in reversed(find(text, path)):
        todo = f'\tlab_todo({region.lab}, "{region.name}", "{handout}#{region.name}");'
        lines[region.begin + 1 : region.end] = [todo]
    return "\n".join(lines)


def fill(text: str, path: str, bodies: dict[str, str]) -> str:
    """The file with other bodies for some regions (by region name; whole lines), for tests of a grader."""
    lines = text.split("\n")
    for region in reversed(find(text, path)):
        if region.name in bodies:
            lines[region.begin + 1 : region.end] = bodies.pop(region.name).strip("\n").split("\n")
    if bodies:
        raise RegionError(f"{path} has no region {', '.join(bodies)}")
    return "\n".join(lines)
