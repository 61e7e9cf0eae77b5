"""Runs machines under GDB: QEMU waits, stopped at reset, and GDB is connected with the symbols of monitor and guests.

    python3 -m debug --monitor build/cave.elf --modules "FILE vm=NAME ...,FILE ..." [--window N] -- qemu-system-i386 ...
    python3 -m debug --console SOCKET

With tmux the console is in one pane and GDB in the other. Without it GDB is in this terminal, and the second form, in
another one, is the console. They meet at unix sockets in a directory of their own: no port is taken.
"""

from __future__ import annotations

import argparse
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import tty
from pathlib import Path

from session import TERMINAL

COMMANDS = Path(__file__).resolve().parent / "gdb" / "cave.py"
WINDOW = 0xE0000000  # where the monitor is linked to run (kernel/cave.ld)
LEAVE = b"\x1d"  # Ctrl-]

HINTS = """\
The machine is stopped at reset. For example:
  break soft_trap     the monitor, at every trap out of a guest
  break guest_main    the guest
  continue            Ctrl-C stops it again
  cave vms, cave vcpu red, cave exits      (help cave)
  quit                the machine runs on; Ctrl-A X in its console ends it
"""


def guests(modules: str) -> list[Path]:
    """The ELF files among the modules, each once."""
    found = {Path(module.split()[0]) for module in modules.split(",") if module.strip()}
    return sorted(path for path in found if path.is_file() and path.read_bytes()[:4] == b"\x7fELF")


def write_script(directory: Path, options: argparse.Namespace) -> Path:
    """What GDB does first."""
    window = re.search(r"\bwindow=(0x[0-9a-fA-F]+)", options.append)
    offset = int(window[1], 16) - WINDOW if window else 0
    lines = [
        "set confirm off",
        "set architecture i386",
        f"exec-file {options.monitor}",
        f"symbol-file -o {offset} {options.monitor}",
        *(f"add-symbol-file {path}" for path in guests(options.modules)),
        f"source {COMMANDS}",
        f"target remote {directory}/gdb",
        *(f"python print({line!r})" for line in HINTS.splitlines()),
    ]
    script = directory / "start.gdb"
    script.write_text("\n".join(lines) + "\n")
    return script


def debugger(script: Path, flags: list[str]) -> list[str]:
    names = ("gdb", "gdb-multiarch", "i686-elf-gdb")
    name = next(filter(shutil.which, names), None)
    if not name:
        sys.exit("debug: no GDB: " + ", ".join(names))
    return [name, "-q", "-x", str(script), *flags]


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        if process.poll() is not None:
            sys.exit(f"debug: QEMU ended (status {process.returncode})")
        time.sleep(0.05)


def in_tmux(machine: list[str], gdb: list[str], directory: Path) -> int:
    """Two panes of this window, or of a new session."""
    when_ready = f"until [ -S {directory}/gdb ]; do sleep 0.1; done; exec {shlex.join(gdb)}"
    if os.environ.get("TMUX"):
        subprocess.check_call(["tmux", "split-window", "-h", when_ready])
        return subprocess.call(machine + TERMINAL)
    return subprocess.call(["tmux", "new-session", shlex.join(machine + TERMINAL), ";", "split-window", "-h", when_ready])


def in_two_terminals(machine: list[str], gdb: list[str], directory: Path) -> int:
    console = directory / "console"
    serial = ["-chardev", f"socket,id=console,path={console},server=on,wait=off", "-serial", "chardev:console"]
    # A session of its own: Ctrl-C is for GDB.
    process = subprocess.Popen(machine + serial + ["-monitor", "none"], start_new_session=True, stdin=subprocess.DEVNULL)
    try:
        wait_for(directory / "gdb", process)
        print(f"The console, in another terminal: {shlex.join([sys.executable, __file__, '--console', str(console)])}", flush=True)
        status = subprocess.call(gdb)
    finally:
        process.kill()
        process.wait()
    return status


def show_console(path: str) -> int:
    """A raw terminal on the machine's serial port, until the machine or Ctrl-] ends it."""
    machine = socket.socket(socket.AF_UNIX)
    machine.connect(path)
    print("(Ctrl-] leaves)", flush=True)
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    raw = termios.tcgetattr(sys.stdin)
    raw[1] |= termios.OPOST  # a line break goes to the next line's beginning
    termios.tcsetattr(sys.stdin, termios.TCSANOW, raw)
    try:
        while True:
            ready, _, _ = select.select([machine, sys.stdin], [], [])
            if machine in ready:
                data = machine.recv(4096)
                if not data:
                    return 0
                os.write(sys.stdout.fileno(), data)
            if sys.stdin in ready:
                data = os.read(sys.stdin.fileno(), 4096)
                if LEAVE in data or not data:
                    return 0
                machine.sendall(data)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def main() -> int:
    parser = argparse.ArgumentParser(prog="debug", description=__doc__.split("\n")[0])
    parser.add_argument("--console", metavar="SOCKET", help="be the console of a machine that is debugged in another terminal")
    parser.add_argument("--monitor", type=Path)
    parser.add_argument("--modules", default="")
    parser.add_argument("--append", default="", help="the monitor's options")
    parser.add_argument("--gdb", default="", help="more arguments for GDB")
    parser.add_argument("machine", nargs="*", help="QEMU and its arguments, without any for the console")
    options = parser.parse_args()
    if options.console:
        return show_console(options.console)
    for number in (signal.SIGHUP, signal.SIGTERM):  # the terminal is closed, say: leave nothing behind
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="cave-gdb-") as name:
        directory = Path(name)
        gdb = debugger(write_script(directory, options), shlex.split(options.gdb))
        stopped = ["-S", "-gdb", f"unix:{directory}/gdb,server=on,wait=off"]
        system = ["-kernel", str(options.monitor), "-append", options.append, "-initrd", options.modules]
        machine = options.machine + system + stopped
        if sys.stdin.isatty() and shutil.which("tmux"):
            return in_tmux(machine, gdb, directory)
        return in_two_terminals(machine, gdb, directory)


if __name__ == "__main__":
    sys.exit(main())
