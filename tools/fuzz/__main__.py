"""
make fuzz [N=20000] [SEED=n]: random programs bare and translated, line by line; the few that direct execution can run,
directly too. Whatever differs is made small and shown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from fuzz.generate import DIRECT as FOR_DIRECT
from fuzz.generate import MIXED, generate
from fuzz.arena import CODE
from fuzz.program import Program
from fuzz.run import BARE, DIRECT, TRANSLATE, Seen, loud, run, strays
from fuzz.shrink import shrink


def differing(programs: list[Program], engines: list[str]) -> list[tuple[Program, str, Seen, Seen]]:
    """
    Programs that an engine runs otherwise than the bare machine. What kills the bare machine counts as nothing, nor does
    what meets translated code as data.
    """
    bare = run(programs, BARE)
    alive = [p for p in programs if not bare[p.number].line.startswith("died")]
    found = []
    for engine in engines:
        seen = run(alive, engine)
        found += [(p, engine, bare[p.number], seen[p.number]) for p in alive if bare[p.number].line != seen[p.number].line]
    dead = len(programs) - len(alive)
    if dead:
        print(f"    {dead} programs ended the bare machine: not counted", flush=True)
    strayed = [one for one in found if one[1] == TRANSLATE and strays(one[0])]
    if strayed:
        print(f"    {len(strayed)} programs reached into ring 3's part of the window: not counted", flush=True)
    return [one for one in found if one not in strayed]


def disassembly(program: Program) -> str:
    code, _, _ = program.assemble()
    with tempfile.NamedTemporaryFile() as file:
        file.write(code)
        file.flush()
        start = str(CODE + program.at)
        command = ["objdump", "-D", "-b", "binary", "-m", "i386", "--adjust-vma", start, "--no-show-raw-insn", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in text.splitlines() if line.startswith("  "))


def first_difference(program: Program, engine: str) -> str:
    """The events of both, where they part."""
    bare, other = (run([loud(program)], where)[program.number] for where in (BARE, engine))
    a, b = bare.events, other.events
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    lines = [f"bare      {line}" for line in a[max(0, at - 2) : at + 2]] + [f"bare      {bare.line}"]
    lines += [f"{engine:9} {line}" for line in b[max(0, at - 2) : at + 2]] + [f"{engine:9} {other.line}"]
    return "\n".join(lines)


def report(seed: int, kind: str, program: Program, engine: str, bare: Seen, seen: Seen) -> str:
    lines = [f"### seed {seed} program {program.number} ({kind}), {engine}", f"bare: {bare.line}; {engine}: {seen.line}"]
    small = shrink(program, engine)
    if small is None:
        lines.append("alone it runs as on the bare machine: it depends on the programs before it")
        small = program
    lines += [f"flags {small.flags} eflags {small.eflags:x} gpr {' '.join(f'{x:x}' for x in small.gpr)}", disassembly(small)]
    lines += [f"user: {small.user.hex()}", first_difference(small, engine)]
    return "\n".join(lines)


def batch(seed: int, kind: str, first: int, count: int, engines: list[str]) -> list[str]:
    programs = [generate(seed, n, kind) for n in range(first, first + count)]
    found = differing(programs, engines)
    print(f"  {kind}: {first} to {first + count - 1}: {len(found)} differ", flush=True)
    for program, engine, bare, seen in found:
        print(f"    seed {seed} program {program.number} {engine}: bare {bare.line}, {engine} {seen.line}", flush=True)
    return [report(seed, kind, *one) for one in found[:3]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--kind", choices=[MIXED, FOR_DIRECT])
    parser.add_argument("--engine", action="append", choices=[DIRECT, TRANSLATE])
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()

    work = []
    for first in range(args.first, args.first + args.count, args.batch):
        count = min(args.batch, args.first + args.count - first)
        # one batch in five also runs directly
        kind = args.kind or (FOR_DIRECT if first // args.batch % 5 == 4 else MIXED)
        engines = args.engine or ([DIRECT, TRANSLATE] if kind == FOR_DIRECT else [TRANSLATE])
        work.append((args.seed, kind, first, count, engines))
    with ThreadPoolExecutor(args.jobs) as pool:
        reports = [text for texts in pool.map(lambda w: batch(*w), work) for text in texts]
    print("\n\n".join(reports))
    print(f"fuzz: {args.count} programs of seed {args.seed}: {'DIVERGENCES above' if reports else 'no divergence'}")
    return 1 if reports else 0


if __name__ == "__main__":
    sys.exit(main())
