"""
Linux's 32-bit boot protocol (kernel/vmm/loader_linux.c): what a kernel finds at its entry, and what is said of files
that cannot be started. The kernel is a probe's image in a bzImage made here; its fields are those of boot.rst.
"""

from __future__ import annotations

import os
import random
import re
import struct
from pathlib import Path

import pytest
from cavegrade.elf import Elf
from cavegrade.qemu import End, boot
from guests import fetch
from guests.apt import Unavailable

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
CAVE = BUILD / "cave.elf"
HELLO = BUILD / "guest/hello.elf"
PROBE = BUILD / "guest/linux_entry.elf"

GOOD, KILLED, PANIC = 0, 3, 7  # kernel/hw/power.h
LOAD = 0x100000
MIB = 1 << 20

# Offset and format of the header's fields (Documentation/x86/boot.rst, "The Real-Mode Kernel Header").
FIELDS = {
    "setup_sects": (0x1F1, "B"),
    "syssize": (0x1F4, "I"),
    "boot_flag": (0x1FE, "H"),
    "jump": (0x200, "H"),
    "magic": (0x202, "4s"),
    "version": (0x206, "H"),
    "loadflags": (0x211, "B"),
    "code32_start": (0x214, "I"),
    "initrd_addr_max": (0x22C, "I"),
    "kernel_alignment": (0x230, "I"),
    "relocatable_kernel": (0x234, "B"),
    "xloadflags": (0x236, "H"),
    "cmdline_size": (0x238, "I"),
    "setup_data": (0x250, "Q"),
    "pref_address": (0x258, "Q"),
    "init_size": (0x260, "I"),
}


def image() -> bytes:
    """The probe as it lies in memory from 1 MiB on, .bss too, which the protocol does not clear."""
    elf = Elf(PROBE)
    memory = bytearray(elf.symbols["image_end"] - LOAD)
    for at, data in elf.segments():
        memory[at - LOAD : at - LOAD + len(data)] = data
    return bytes(memory)


def bzimage(path: Path, **changes) -> Path:
    code = image()
    fields = {
        "setup_sects": 2,
        "syssize": len(code) // 16,
        "boot_flag": 0xAA55,
        "jump": 0x66EB,  # the header ends at 0x268
        "magic": b"HdrS",
        "version": 0x20F,
        "loadflags": 1,
        "code32_start": Elf(PROBE).symbols["linux_entry"],
        "initrd_addr_max": 0x7FFFFFFF,
        "cmdline_size": 255,
        "pref_address": LOAD,
        "init_size": len(code) + 0x10000,
    }
    fields.update(changes)
    # What stands around the header must not reach the kernel.
    setup = bytearray(b"\xa5" * 512 * ((fields["setup_sects"] or 4) + 1))
    setup[FIELDS["setup_sects"][0] : 0x268] = bytes(0x268 - FIELDS["setup_sects"][0])
    for name, value in fields.items():
        offset, form = FIELDS[name]
        struct.pack_into("<" + form, setup, offset, value)
    path.write_bytes(setup + code)
    return path


def hash_of(data: bytes) -> int:
    """The probe's."""
    h = 0
    for byte in data:
        h = (h * 31 + byte) & 0xFFFFFFFF
    return h


def said(result) -> str:
    return "\n".join(result.lines_by_machine.get("cave", []))


def refusal(kernel: Path, words: str = "vm=lin mem=16M", *initrds: Path, options=()) -> str:
    """What is said of a kernel that cannot be started; another machine runs beside it. `options`: QEMU's."""
    modules = [(kernel, words), *((path, "vm=lin") for path in initrds), (HELLO, "vm=red mem=2M")]
    result = boot(CAVE, modules, options=options)
    assert result.status == KILLED and any("end: hello" in line for line in result.lines_by_machine["red"])
    (why,) = re.findall(r"lin is not started \(kernel\): (.*)", said(result))
    return why


def test_a_kernel_finds_what_the_protocol_promises(tmp_path):
    initrd = tmp_path / "initrd"
    initrd.write_bytes(random.Random(1).randbytes(70001))
    kernel = bzimage(tmp_path / "kernel", setup_data=0x1234)
    result = boot(CAVE, [(kernel, "vm=lin mem=16M -- console=ttyS0,115200 one two"), (initrd, "vm=lin")])
    assert result.status == GOOD
    assert result.lines_by_machine["lin"][:-1] == [
        "ebx 0 ebp 0 edi 0 eflags.if 0 cr0 11",
        "cs 10 ds 18 es 18 ss 18",
        "descriptor 10: base 0 limit ffffffff attributes c09b",
        "descriptor 18: base 0 limit ffffffff attributes c093",
        "version 20f loader ff flags 1",
        "memory: type 1 0+9fc00",
        "memory: type 1 100000+f00000",
        "beyond the header: 0",
        "not told: 0",
        "command line: console=ttyS0,115200 one two",
        f"initrd: 70001 bytes, at {(16 * MIB - 70001) & ~0xFFF:x}, hash {hash_of(initrd.read_bytes()):08x}",
        "firmware: ebda 0, base memory 0 KiB, video rom ffff, tables 0",
        "low memory: 0 0",
    ]


def test_without_an_initrd_its_fields_are_zero_and_with_one_it_lies_where_it_may(tmp_path):
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"initrd")
    lines = {}
    for name, limit, modules in (("none", 0x7FFFFFFF, []), ("low", 0x7FFFFF, [(initrd, "vm=lin")])):
        kernel = bzimage(tmp_path / name, initrd_addr_max=limit, setup_sects=0)  # 0 means 4
        result = boot(CAVE, [(kernel, "vm=lin mem=16M --"), *modules])
        assert result.status == GOOD
        lines[name] = next(line for line in result.lines_by_machine["lin"] if line.startswith("initrd"))
    assert lines["none"].startswith("initrd: 0 bytes, at 0,")
    assert lines["low"].startswith("initrd: 6 bytes, at 7ff000,")


SIZE = len(image()) if PROBE.exists() else 0


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"version": 0x205}, "its Linux boot protocol is 2.05: 2.06 (Linux 2.6.22) or later is needed"),
        ({"loadflags": 0}, "it is a zImage, which loads at 64 KiB: build a bzImage"),
        ({"xloadflags": 1}, "it is a 64-bit kernel: take one for i386, like Debian's linux-image-686"),
        ({"syssize": 1 << 20}, "its bzImage is cut short or damaged"),
        ({"code32_start": 0x1000}, "its bzImage is damaged: its entry, 1000, is outside it"),
        ({"code32_start": 0x10000000}, "its bzImage is damaged: its entry, 10000000, is outside it"),
        ({"init_size": 15 * MIB + 1}, "its kernel does not fit into its memory: give it mem=17M or more"),
        ({"pref_address": 1 << 32}, "its bzImage is damaged: it wants to lie at 4 GiB or above"),
        # Relocatable, it still may not unpack itself below where it was loaded, or below what it prefers.
        (
            {"relocatable_kernel": 1, "kernel_alignment": 16 * MIB, "init_size": MIB},
            "its kernel does not fit into its memory: give it mem=17M or more",
        ),
    ],
)
def test_a_kernel_that_cannot_be_started_is_refused_in_a_sentence(tmp_path, changes, why):
    assert refusal(bzimage(tmp_path / "kernel", **changes)) == why


def test_more_memory_than_fits_below_translated_code(tmp_path):
    assert refusal(bzimage(tmp_path / "kernel"), "vm=lin mem=557M", options=["-m", "800"]).startswith(
        "with more than 556 MiB it would map them where the monitor keeps translated code: give it less"
    )


@pytest.mark.parametrize("bytes_left", [0x210, 0x300, 1024, 5000])
def test_a_kernel_cut_short(tmp_path, bytes_left):
    kernel = bzimage(tmp_path / "kernel")
    kernel.write_bytes(kernel.read_bytes()[:bytes_left])
    assert "cut short or damaged" in refusal(kernel) or bytes_left < 0x268


def test_modules_and_arguments_that_do_not_fit(tmp_path):
    kernel, initrd = bzimage(tmp_path / "kernel"), tmp_path / "initrd"
    initrd.write_bytes(bytes(5 * MIB))
    assert refusal(kernel, "vm=lin mem=5M", initrd) == (
        "its kernel and its initrd do not fit into its memory: give it mem=7M or more"
    )
    assert refusal(kernel, "vm=lin mem=16M", initrd, initrd) == (
        "a Linux kernel takes one module, its initrd: initrd is one too many"
    )
    low = bzimage(kernel, initrd_addr_max=0x3FFFFF)
    assert refusal(low, "vm=lin mem=16M", initrd) == (
        "its initrd, 5120 KiB, does not fit above its kernel and below 4 MiB, where it must end: make it smaller"
    )
    small = bzimage(kernel, cmdline_size=10)
    assert refusal(small, "vm=lin mem=16M -- quiet splash") == (
        "its command line has 12 letters, and its kernel takes 10: shorten it"
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_header_never_reaches_the_monitor(tmp_path, seed):
    """Bytes at random in the header: such a machine is refused, or started and wrong; the others run."""
    chance = random.Random(seed)
    modules = []
    for i in range(15):
        kernel = bzimage(tmp_path / f"kernel{i}")
        data = bytearray(kernel.read_bytes())
        for _ in range(chance.randrange(1, 6)):
            offset, form = chance.choice([f for name, f in FIELDS.items() if name not in ("magic", "boot_flag")])
            at = offset + chance.randrange(struct.calcsize(form))
            data[at] = chance.randrange(256)
        kernel.write_bytes(data)
        modules.append((kernel, f"vm=k{i} mem=2M engine=direct"))
    result = boot(CAVE, [*modules, (HELLO, "vm=red mem=2M")])
    assert result.status in (GOOD, KILLED), said(result)
    assert any("end: hello" in line for line in result.lines_by_machine["red"])


def debian(name: str) -> Path:
    try:
        return fetch.fetch(name, BUILD / "guests")[0]
    except Unavailable as why:
        pytest.skip(f"needs Debian's packages: {why}")


def test_memtest86_runs_and_finds_no_error():
    """It has Linux's header, moves itself, maps the memory anew for every 4 MiB, and reads back what it wrote."""
    memtest = debian("memtest")
    result = boot(CAVE, [(memtest, "vm=mt mem=8M -- console=ttyS0,115200 nosmp nobench nopause")], budget=6)
    assert result.end is End.BUDGET
    assert "[Address test, walking ones, no cache]" in result.console and "[Moving inversions" in result.console
    assert set(re.findall(r"Errors: (\d+)", result.console)) == {"0"}


def test_too_little_memory_for_debians_kernel():
    result = boot(CAVE, [(debian("linux"), "vm=lin mem=32M")])
    assert result.status == KILLED
    assert "its kernel does not fit into its memory: give it mem=33M or more" in said(result)
