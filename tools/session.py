"""Plays a session at a machine's console: types a line when the expected text has come, and never sooner.

    python3 -m session [--play FILE] [--ok STATUS] [--timeout SECONDS] -- qemu-system-i386 ...

On a terminal the console is yours and QEMU simply runs (Ctrl-A X leaves it). Without a terminal, or with BATCH=1 in
the environment, FILE is played, or without one the end is waited for. One step a line:

    # a comment
    wait TEXT      until TEXT has come, after what was waited for before
    type TEXT      TEXT and the return key
    key c          Ctrl-C; any letter
    on NAME        what follows is about the lines that begin with "NAME| " (the cave's console); `on cave` is the
                   monitor itself, and `on` alone is everything that comes
    end            until the machine has powered off

The exit status is 0 if the session went as written and QEMU ended with one of the statuses in --ok.
"""

from __future__ import annotations

import argparse
import os
import re
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

TERMINAL = ["-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "console"]
PIPES = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console", "-monitor", "none"]
# A played session counts its time in instructions, so that it does not depend on the host's load.
COUNTED = ["-icount", "shift=3,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class SessionError(Exception):
    """The session did not go as written; the message says where, and what had come by then."""


def lines_of(console: str, machine: str) -> str:
    """What one machine has said, taken from a console that several share. Where another machine spoke in the middle of
    a line, its two parts are two lines here.
    """
    prefix = "cave: " if machine == "cave" else f"{machine}| "
    return "\n".join(line[len(prefix):] for line in console.split("\n") if line.startswith(prefix))


@dataclass
class Session:
    """A QEMU whose console is a pair of pipes."""

    command: list[str]
    timeout: float = 60.0
    echo: bool = False  # show on our own output what comes
    text: str = ""  # all that came, without carriage returns and colours
    seen: dict[str, int] = field(default_factory=dict)  # for each machine, how far it has been waited for
    machine: str = ""

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pipe = self.process.stdout.fileno()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.pipe, selectors.EVENT_READ)
        self.deadline = time.monotonic() + self.timeout

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.selector.close()
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def receive(self) -> bool:
        """Takes in what has come; waits for some. False: QEMU has closed its end."""
        left = self.deadline - time.monotonic()
        if left <= 0 or not self.selector.select(left):
            raise SessionError(f"it has not happened in {self.timeout:.0f} seconds")
        data = os.read(self.pipe, 65536)
        text = COLOUR.sub("", data.decode("latin-1").replace("\r", ""))
        self.text += text
        if self.echo:
            sys.stdout.write(text)
            sys.stdout.flush()
        return bool(data)

    def view(self) -> str:
        return lines_of(self.text, self.machine) if self.machine else self.text

    def on(self, machine: str) -> None:
        self.machine = machine

    def wait(self, text: str) -> None:
        """Until `text` has come from the current machine, after what was waited for before."""
        self.deadline = time.monotonic() + self.timeout
        while True:
            at = self.view().find(text, self.seen.get(self.machine, 0))
            if at >= 0:
                self.seen[self.machine] = at + len(text)
                return
            if not self.receive():
                raise SessionError(f'QEMU ended (status {self.process.wait()}) before "{text}" came')

    def send(self, data: bytes) -> None:
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise SessionError(f"QEMU ended (status {self.process.wait()}) before {data!r} was typed") from None

    def type(self, line: str) -> None:
        self.send(line.encode() + b"\r")

    def key(self, letter: str) -> None:
        """Ctrl and a letter."""
        self.send(bytes([ord(letter.upper()) & 0x1F]))

    def end(self) -> int:
        """Until QEMU ends: its exit status."""
        self.deadline = time.monotonic() + self.timeout
        while self.receive():
            pass
        return self.process.wait()


def play(session: Session, script: str) -> None:
    """Runs the steps of a script; SessionError names the line that failed."""
    steps = {"wait": session.wait, "type": session.type, "key": session.key, "on": session.on}
    for number, line in enumerate(script.splitlines(), 1):
        verb, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if not verb or verb.startswith("#"):
            continue
        try:
            if verb == "end":
                session.end()
            elif verb in steps:
                steps[verb](rest)
            else:
                raise SessionError(f"there is no step called {verb}")
        except SessionError as error:
            raise SessionError(f'line {number}, "{line.strip()}": {error}') from None


def batch() -> bool:
    """Whether nobody is at the keyboard."""
    return os.environ.get("BATCH", "") not in ("", "0") or not sys.stdin.isatty()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="session", description=__doc__.split("\n")[0])
    parser.add_argument("--play", type=Path, help="the script for when there is no terminal")
    parser.add_argument("--ok", type=int, action="append", help="an exit status of QEMU that is good (0 if none is given)")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds of host time for a step: a safety net")
    parser.add_argument("command", nargs="+", help="QEMU and its arguments, without any for the console")
    options = parser.parse_args(arguments)
    good = options.ok or [0]

    if not batch():
        print("(Ctrl-A X leaves QEMU)", flush=True)
        status = subprocess.call(options.command + TERMINAL)
        return 0 if status in good else status
    with Session(options.command + PIPES + COUNTED, options.timeout, echo=True) as session:
        try:
            if options.play:
                play(session, options.play.read_text())
            status = session.end()
        except SessionError as error:
            print(f"\nsession: {options.play or 'no script'}: {error}", file=sys.stderr)
            return 1
    if status not in good:
        print(f"\nsession: QEMU ended with status {status}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
