"""
Packages of Debian's i386 architecture, got by apt's own signed means, beside the user's set-up and never into it.

apt is given a configuration, a state and a cache of its own, all in one directory of the build folder, so that no
architecture is added to the machine, no list of its own is touched and nothing needs root. From the user's set-up come,
only read, the mirrors (the Debian ones among the apt sources), the way to the network (a proxy, say) and Debian's keys.
apt checks the signature of a release, the hashes of its lists by that, and the hash of a package by these.

The release is a fixed one, whatever the machine's: later ones have no kernel for i386 any more.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

RELEASE = "bookworm"  # Debian 12, the last release with 32-bit kernels
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

CONFIGURATION = """\
APT::Architecture "i386";
#clear APT::Architectures;
APT::Architectures "i386";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::AllowInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{directory}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{directory}";
Dir::State::lists "{directory}/lists";
Dir::State::status "{directory}/status";
Dir::Cache "{directory}/cache";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""

SOURCE = """\
Types: deb
URIs: {uri}
Suites: {suite}
Components: main
Architectures: i386
{signed_by}
"""


class Unavailable(Exception):
    """Packages cannot be got on this machine, or not now; the message says why and what to do."""


def output(*command: str | Path, **more) -> str:
    """What a command prints on either output, whether it succeeds or not."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    return done.stdout


def is_debian_mirror(uri: str) -> bool:
    """Debian's mirrors have one path, and a second one for its security updates, whatever the host's name."""
    return uri.startswith(("http", "mirror", "file")) and "debian" in uri.rstrip("/").rpartition("/")[2]


def user_mirrors() -> list[str]:
    """The mirrors that the user's own apt has Debian from: it says what it would fetch, and fetches nothing."""
    releases = re.findall(r"^'([^']+)/dists/[^']*InRelease'", output("apt-get", "--print-uris", "update"), re.MULTILINE)
    return [uri for uri in sorted(set(releases)) if is_debian_mirror(uri)]


class Apt:
    """Packages by a private apt in `directory`, which is made if it is not there."""

    def __init__(self, directory: Path, mirror: str | None = None):
        """`mirror`: for a machine whose apt has no Debian mirror of its own."""
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise Unavailable("this machine has no apt; guests are Debian's packages, and only apt verifies them")
        self.directory = directory.resolve()
        mirrors = [mirror] if mirror else user_mirrors()
        if not mirrors:
            raise Unavailable(
                "this machine's apt sources name no Debian mirror (Ubuntu, for one, has no i386 kernel); "
                "install debian-archive-keyring and give a mirror: tools/fetch-guest --mirror URL GUEST"
            )
        self._configure(mirrors)
        self._updated = ""

    def _configure(self, mirrors: list[str]) -> None:
        for name in ("sources", "lists/partial", "cache/archives/partial", "packages"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "status").touch()
        (self.directory / "apt.conf").write_text(CONFIGURATION.format(directory=self.directory))
        signed_by = f"Signed-By: {KEYS}\n" if KEYS.exists() else ""
        sources = []
        for uri in mirrors:
            suite = f"{RELEASE}-security" if "security" in uri else RELEASE
            sources.append(SOURCE.format(uri=uri, suite=suite, signed_by=signed_by))
        (self.directory / "sources/debian.sources").write_text("\n".join(sources))

    def _apt(self, tool: str, *arguments: str) -> str:
        return output(tool, "-c", self.directory / "apt.conf", *arguments, cwd=self.directory / "packages")

    def _update(self) -> None:
        """Fetches the lists, once. A list that cannot be had is no error as long as the others name the package."""
        self._updated = self._updated or self._apt("apt-get", "-q", "update")

    def _unavailable(self, package: str, said: str) -> Unavailable:
        # The first thing that went wrong: what comes later follows from it.
        errors = re.findall(r"^(?:W|E): (.+)", self._updated + said, re.MULTILINE)
        why = " ".join(errors[0].split()) if errors else "no mirror has it"
        return Unavailable(f"{package} cannot be fetched from Debian; is there a network? apt says: {why}")

    def depends(self, package: str) -> list[str]:
        """The packages that one depends on."""
        self._update()
        said = self._apt("apt-cache", "depends", package)
        names = [line.split()[1] for line in said.splitlines() if line.strip().startswith("Depends:")]
        if not names:
            raise self._unavailable(package, said)
        return names

    def download(self, package: str) -> Path:
        """Downloads a package and verifies it: its file."""
        self._update()
        for old in (self.directory / "packages").glob(f"{package}_*.deb"):
            old.unlink()
        said = self._apt("apt-get", "-q", "download", package)
        files = list((self.directory / "packages").glob(f"{package}_*.deb"))
        if not files:
            raise self._unavailable(package, said)
        return files[0]
