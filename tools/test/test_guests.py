"""tools/guests: what fetch-guest does where there is no apt, no mirror and no network, and the archive that Linux starts from."""

import gzip
from pathlib import Path

import pytest
from guests import fetch, initramfs
from guests.fetch import UNAVAILABLE, Wrong, load_order, main

ELF = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x03\x00"
MIRROR = "http://mirror.example/debian"


class Pretended:
    """An apt whose mirrors and packages are those of the test; dpkg-deb unpacks a directory by copying it."""

    def __init__(self, directory: Path, monkeypatch):
        self.bin = directory / "bin"
        self.package = directory / "package"
        self.bin.mkdir()
        self.package.mkdir()
        self.out = directory / "out"
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        fetch.apt_in.cache_clear()
        self.has("dpkg-deb", f"exec cp -r {self.package}/. $3")
        self.has("apt-cache", "exit 1")
        self.says(mirrors=MIRROR)

    def has(self, name: str, does: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{does}\n")
        (self.bin / name).chmod(0o755)

    def says(self, mirrors: str = "", update: str = "", download: str = "touch $5_1_i386.deb") -> None:
        self.has(
            "apt-get",
            f"""case "$*" in
            *print-uris*) for m in {mirrors}; do echo "'$m/dists/x/InRelease' file 0"; done ;;
            *update*) echo "{update}" ;;
            *) {download} ;;
            esac""",
        )

    def holds(self, name: str, data: bytes) -> None:
        path = self.package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def fetch(self, guest: str, *options: str) -> int:
        return main(["--out", str(self.out), *options, guest])


@pytest.fixture
def apt(tmp_path, monkeypatch):
    return Pretended(tmp_path, monkeypatch)


GNUMACH = gzip.compress(ELF + bytes(12) + fetch.MULTIBOOT)


def test_a_package_is_unpacked_and_noted(apt, capsys):
    apt.holds("boot/gnumach-1.8-486.gz", GNUMACH)
    assert apt.fetch("gnumach") == 0
    assert (apt.out / "gnumach").read_bytes() == gzip.decompress(GNUMACH)
    assert "from gnumach-image-1.8-486_1_i386.deb" in capsys.readouterr().out


def test_what_is_there_needs_no_apt(apt, monkeypatch):
    apt.holds("boot/gnumach-1.8-486.gz", GNUMACH)
    assert apt.fetch("gnumach") == 0
    monkeypatch.setenv("PATH", "")
    assert apt.fetch("gnumach") == 0


def test_only_the_private_configuration_is_used(apt):
    apt.holds("boot/gnumach-1.8-486.gz", GNUMACH)
    apt.says(mirrors=f"{MIRROR} http://other.example/ubuntu http://mirror.example/debian-security")
    assert apt.fetch("gnumach") == 0
    sources = (apt.out / "apt/sources/debian.sources").read_text()
    assert f"URIs: {MIRROR}\nSuites: bookworm\n" in sources and "Suites: bookworm-security\n" in sources
    assert "other.example" not in sources
    configuration = (apt.out / "apt/apt.conf").read_text()
    assert 'Dir::Etc::sourcelist "/dev/null";' in configuration and f'Dir::State "{apt.out}/apt";' in configuration


def test_without_apt(apt, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert apt.fetch("linux") == UNAVAILABLE
    assert "this machine has no apt" in capsys.readouterr().err


def test_without_a_mirror(apt, capsys):
    apt.says(mirrors="http://other.example/ubuntu")
    assert apt.fetch("busybox") == UNAVAILABLE
    assert "name no Debian mirror (Ubuntu, for one, has no i386 kernel)" in capsys.readouterr().err
    apt.holds("bin/busybox", ELF)
    assert apt.fetch("busybox", "--mirror", MIRROR) == 0


@pytest.mark.parametrize("guest", ["linux", "busybox"])
def test_without_a_network(apt, capsys, guest):
    apt.says(mirrors=MIRROR, update="W: Failed to fetch: Could not resolve 'mirror.example'", download="exit 100")
    assert apt.fetch(guest) == UNAVAILABLE
    said = capsys.readouterr().err
    assert "cannot be fetched from Debian; is there a network?" in said and "Could not resolve" in said
    assert said.count("\n") == 1


# No time of day in the data: it is part of the test's name, on which pytest's processes must agree.
@pytest.mark.parametrize(
    "name, data, said",
    [
        ("boot/gnumach-1.8-486.gz", gzip.compress(b"\x7fELF\x02" + bytes(100), mtime=0), "no 32-bit ELF file"),
        ("boot/gnumach-1.8-486.gz", gzip.compress(ELF + bytes(9000), mtime=0), "no Multiboot header"),
        ("boot/other", b"", "0 files boot/gnumach-*.gz in the package"),
    ],
)
def test_what_is_got_is_looked_at(apt, capsys, name, data, said):
    apt.holds(name, data)
    assert apt.fetch("gnumach") == 1
    assert said in capsys.readouterr().err
    assert not (apt.out / "gnumach.package").exists()


# --- the file system ----------------------------------------------------------------------------------------------------


def modules(directory: Path, **depends: str) -> dict[str, Path]:
    for name, needed in depends.items():
        (directory / name).write_bytes(ELF + b"\0license=GPL\0depends=" + needed.encode() + b"\0")
    return {name: directory / name for name in depends}


def test_modules_are_loaded_behind_what_they_need(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "MODULES", ("disk", "fs"))
    files = modules(tmp_path, fs="crc-16", disk="bus", bus="core,crc-16", core="", crc_16="", other="")
    assert load_order(files) == ["core", "crc_16", "bus", "disk", "fs"]
    del files["core"]
    with pytest.raises(Wrong, match="no kernel module core"):
        load_order(files)


def names_in(archive: bytes) -> list[str]:
    """The paths in a cpio archive, by the lengths in its headers."""
    names, at = [], 0
    while not names or names[-1] != "TRAILER!!!":
        assert at % 4 == 0 and archive[at:at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        size, length = fields[6], fields[11]
        assert archive[at + 110 + length - 1] == 0
        names.append(archive[at + 110:at + 110 + length - 1].decode())
        at += (110 + length + 3) // 4 * 4
        at += (size + 3) // 4 * 4
    assert at == len(archive)
    return names


def test_the_archive(tmp_path):
    (tmp_path / "modules").mkdir()
    for name in ("busybox", "modules/order", "program"):
        (tmp_path / name).write_text(f"this is {name}\n")
    out = initramfs.make(tmp_path, tmp_path / "program", tmp_path / "archive")
    names = names_in(out.read_bytes())
    assert {"init", "bin/sh", "bin/busybox", "bin/program", "lib/order", "etc/inittab", "bin/disk"} <= set(names)
    assert names.index("bin") < names.index("bin/busybox"), "a directory comes before what is in it"
    first = out.read_bytes()
    out.unlink()
    assert initramfs.make(tmp_path, tmp_path / "program", out).read_bytes() == first
