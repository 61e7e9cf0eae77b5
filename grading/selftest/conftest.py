"""What the tests of the grader share: small kernels made on the spot, and one grading bench for all submissions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "grading"), str(ROOT / "tools")]

from cavegrade.build import Workshop  # noqa: E402
from cavegrade.grade import Bench  # noqa: E402
from course import lab as labs  # noqa: E402

SEED = 20260101

# A Multiboot kernel that prints a line, so that it is seen to have booted.
PREFACE = """
	.text
	.long 0x1badb002, 0, -0x1badb002
	.globl _start
_start:	mov $0x3f8, %dx
	mov $'H', %al
	out %al, %dx
	mov $10, %al
	out %al, %dx
"""


@pytest.fixture
def kernel(tmp_path):
    """Makes a bare kernel of a few instructions."""

    def make(code: str) -> Path:
        source, output = tmp_path / "k.S", tmp_path / "k.elf"
        source.write_text(PREFACE + code + "\n")
        flags = "-m32 -ffreestanding -nostdlib -static -Wl,-n -Wl,-Ttext=0x100000 -Wl,--build-id=none -Wl,-z,noexecstack"
        subprocess.run([os.environ.get("CC", "gcc"), *flags.split(), "-o", output, source], check=True)
        return output

    return make


@pytest.fixture(scope="session")
def bench():
    """One seed, one workshop: what does not change between submissions is built once."""
    lab = labs.find(ROOT, 2)
    build = Path(os.environ.get("BUILD", ROOT / "build")).resolve()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    bench = Bench(Workshop(ROOT, build / "selftest" / worker), lab, SEED)
    bench.workshop.monitor(lab, ROOT)  # if the reference does not build, nothing here means anything
    yield bench
    bench.close()
