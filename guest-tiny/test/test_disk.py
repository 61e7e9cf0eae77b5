"""
A machine's disk (probes ide and ide_bad): a module, or a disk of the real machine that keeps its data; bad sectors; and
what the command line may not say. What the probes print on a good disk is compared with the bare machine in
test_probes.py.
"""

import shutil
from pathlib import Path

import pytest
from cavegrade.qemu import boot
from test_probes import BUILD, CAVE, bare_lines, cave_lines, disk_image, end_line, guests  # noqa: F401

SECTOR = 512
PROBE = BUILD / "guest/ide.elf"
BAD = BUILD / "guest/ide_bad.elf"

# What QEMU's disk refuses: reads of sector 104, writes of sector 210, and to be flushed the first time.
FAILURES = "".join(
    f'[inject-error]\nevent = "{event}"\nerrno = "5"\n{more}\n\n'
    for event, more in [
        ("read_aio", 'sector = "104"'),
        ("write_aio", 'sector = "210"'),
        ("flush_to_disk", 'once = "on"'),
    ]
)


@pytest.fixture(autouse=True)
def built():
    if not CAVE.exists():
        pytest.skip("the monitor is not built")


def drive(file, index: int = 0) -> list[str]:
    return ["-drive", f"if=ide,index={index},format=raw,file={file}"]


def copy(directory: Path, name: str = "disk.img") -> Path:
    return Path(shutil.copy(disk_image(), directory / name))


def sectors(image: Path, first: int, last: int) -> bytes:
    return image.read_bytes()[first * SECTOR : (last + 1) * SECTOR]


def test_a_real_disk_keeps_its_data(tmp_path):
    """The cave leaves the file as the bare machine does, and a second machine finds it so."""
    ours, bares = copy(tmp_path), copy(tmp_path, "bare.img")
    first = boot(CAVE, [(PROBE, "vm=red mem=16M disk=hda --")], options=drive(ours), budget=20)
    assert cave_lines(first) == bare_lines("ide"), first.console
    boot(PROBE, options=drive(bares), budget=8)
    assert sectors(ours, 200, 239) != sectors(disk_image(), 200, 239)
    assert ours.read_bytes() == bares.read_bytes()
    again = boot(CAVE, [(PROBE, "vm=red mem=16M disk=hda -- again=1")], options=drive(ours), budget=20)
    assert "kept: good 5120 of 5120" in cave_lines(again), again.console
    assert cave_lines(again)[-1] == end_line("ide")


def test_four_machines_four_disks(tmp_path):
    """Three real disks, on both channels, and a module; each machine has its own."""
    images = {index: copy(tmp_path, f"{index}.img") for index in (0, 1, 3)}
    options = [option for index, image in images.items() for option in drive(image, index)]
    names = {"red": "disk=hda", "blue": "disk=hdb", "green": "disk=hdd", "white": ""}
    modules = [(PROBE, f"vm={name} mem=16M {disk} --") for name, disk in names.items()]
    result = boot(CAVE, [*modules, (disk_image(), "vm=white disk")], options=options, budget=40)
    for name in names:
        assert cave_lines(result, name) == bare_lines("ide"), result.console
    assert result.status == 0
    assert len({image.read_bytes() for image in images.values()}) == 1


def test_a_module_is_a_disk_of_whole_sectors(tmp_path):
    image = tmp_path / "odd.img"
    image.write_bytes(disk_image().read_bytes() + b"beyond the last whole sector")
    result = boot(CAVE, [(PROBE, "vm=red mem=16M --"), (image, "vm=red disk")], budget=20)
    assert cave_lines(result) == bare_lines("ide"), result.console


@pytest.mark.parametrize("kind", ["bare", "cave"])
def test_bad_sectors_are_errors_and_no_more(tmp_path, kind):
    (tmp_path / "failures").write_text(FAILURES)
    options = drive(f"blkdebug:{tmp_path / 'failures'}:{copy(tmp_path)}")
    if kind == "bare":
        lines = boot(BAD, options=options, budget=8).console.splitlines()
    else:
        result = boot(CAVE, [(BAD, "vm=red mem=16M disk=hda --")], options=options, budget=20)
        lines = cave_lines(result)
        assert result.status == 0
    assert lines == [
        "read: bad 104 reason 1 at 104",
        "read: good 31",
        "read multiple: all 0 error 1",
        "write: bad 210 reason 1 at 210",
        "write: good 31",
        "write multiple: all 0 error 1",
        "flush: error 1 then 0",
        "read again: good 32",
        end_line("ide_bad"),
    ]


@pytest.mark.parametrize(
    "modules, said",
    [
        ([("red", "disk=hda")], "disk=hda: there is no such disk: give QEMU one (-drive if=ide,index=0"),
        ([("red", "disk=hdb")], "disk=hdb: there is no such disk"),
        ([("red", "disk=sda")], "disk=sda: give hda, hdb, hdc or hdd"),
        ([("red", "disk=hde")], "disk=hde: give hda, hdb, hdc or hdd"),
        ([("red", "disk=hdc"), ("blue", "disk=hdc")], "disk=hdc belongs to another machine already"),
        ([("red", "disk")], "its first module is marked as its disk: give its kernel first"),
        ([("red", ""), ("red", "disk"), ("red", "disk")], "it has two disks"),
        ([("red", "disk=hdc"), ("red", "disk")], "it has two disks"),
        ([("red", ""), ("red", "disk=hdc")], "disk=hda and its like belong to its first module"),
        ([("red", ""), ("red", "disk", b"tiny")], "its disk has 4 bytes; a disk has at least one sector of 512"),
    ],
)
def test_what_is_wrong_with_a_disk_is_said(tmp_path, modules, said):
    hello = BUILD / "guest/hello.elf"
    tiny = tmp_path / "tiny"
    tiny.write_bytes(b"tiny")
    files = [(tiny if len(more) > 2 else hello, f"vm={more[0]} {more[1]}") for more in modules]
    result = boot(CAVE, files, options=drive(copy(tmp_path), 2))
    own = [line for line in result.lines_by_machine["cave"] if said in line]
    assert len(own) == 1, result.console
    assert result.status in (3, 5)


def test_tinyos_finds_again_what_it_wrote(tmp_path):
    """The tiny system writes in the cave, and reads on the bare machine."""
    tinyos, image = BUILD / "guest/tinyos.elf", copy(tmp_path)
    script = "mem=6M script=disk write 7 by the tiny system; disk write 4096 x; halt"
    first = boot(CAVE, [(tinyos, f"vm=red mem=8M disk=hda -- {script}")], options=drive(image))
    assert "[ok] disk: 4096 sectors" in cave_lines(first), first.console
    assert "disk: sector 4096 cannot be reached" in cave_lines(first)
    assert sectors(image, 7, 7).startswith(b"by the tiny system\0")
    second = boot(tinyos, append="script=disk read 7; halt", options=drive(image))
    assert "sector 7: by the tiny system" in second.console.splitlines(), second.console
