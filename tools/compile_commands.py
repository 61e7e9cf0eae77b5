"""Tells editors how each file is compiled: reads what `make -Bn` would do, writes compile_commands.json to standard output."""

import json
import shlex
import sys
from pathlib import Path


def entry(line: str) -> dict | None:
    """The entry for a command that compiles one C or assembly file."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # part of a longer shell command
        return None
    sources = [word for word in words[1:] if word.endswith((".c", ".S"))]
    if "-o" not in words or len(sources) != 1:
        return None
    at = words.index("-o")  # what is made, and what it is linked with, is no matter
    arguments = [word for word in words[:at] + words[at + 2 :] if not word.endswith(".o") and not word.startswith("-l")]
    return {"directory": str(Path.cwd()), "file": sources[0], "arguments": arguments}


def main() -> None:
    # A file that several programs share is compiled for each: the first, the monitor's, counts.
    found: dict[str, dict] = {}
    for each in filter(None, map(entry, sys.stdin.read().replace("\\\n", " ").splitlines())):
        found.setdefault(each["file"], each)
    json.dump(list(found.values()), sys.stdout, indent=1)
    print()


main()
