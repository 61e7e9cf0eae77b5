"""
A client of QEMU's gdbstub over a unix socket: the door through which a grader sees the machine as it is, whatever the
monitor in it prints. Source: GDB manual, appendix E (remote protocol); QEMU's gdbstub documentation (PhyMemMode).

The machine is stopped only where it comes by itself: at an address, or when it ends.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from dataclasses import dataclass

# The order of the i386 target's `g` packet: each of these is 32 bits wide.
CORE = "eax ecx edx ebx esp ebp esi edi eip eflags cs ss ds es fs gs".split()

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

PTE_P, PTE_W, PTE_U, PTE_LARGE = 1, 2, 4, 0x80
CR4_PSE = 0x10
POLL = 0.25  # seconds of host time
HLT = 0xF4


class GdbError(Exception):
    """The stub refused, or went away."""


@dataclass(frozen=True)
class Step:
    """One instruction that was about to run."""

    eip: int
    cs: int

    @property
    def cpl(self) -> int:
        return self.cs & 3


@dataclass(frozen=True)
class Mapping:
    """A page that the tables in force map."""

    linear: int
    physical: int
    size: int
    user: bool
    writable: bool


class Gdb:
    def __init__(self, path, deadline: float, enough=lambda: False):
        """`enough` is asked now and then while the machine runs: True gives up waiting for it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.deadline = deadline
        self.enough = enough
        self.buffer = b""
        self.gone = False
        self.breakpoints: set[int] = set()
        self.numbers = self._register_numbers()

    def close(self) -> None:
        self.sock.close()

    # --- registers and memory -------------------------------------------------------------------------------------------

    def registers(self) -> dict[str, int]:
        data = bytes.fromhex(self.ask("g")[: 8 * len(CORE)])
        return dict(zip(CORE, struct.unpack(f"<{len(CORE)}I", data)))

    def control(self, name: str) -> int:
        """cr0, cr2, cr3 or cr4."""
        return int.from_bytes(bytes.fromhex(self.ask(f"p{self.numbers[name]:x}")), "little")

    def read(self, linear: int, count: int) -> bytes:
        """Memory as the processor's tables in force show it."""
        return self._read("0", linear, count)

    def read_physical(self, address: int, count: int) -> bytes:
        return self._read("1", address, count)

    def _read(self, physical: str, address: int, count: int) -> bytes:
        self.ask(f"Qqemu.PhyMemMode:{physical}")
        data = b""
        while len(data) < count:
            size = min(2000, count - len(data))
            answer = self.ask(f"m{address + len(data):x},{size:x}")
            if answer.startswith("E"):
                raise GdbError(f"no memory at {address + len(data):#x}")
            data += bytes.fromhex(answer)
        return data

    def mappings(self, user_only: bool = False):
        """Walks the tables that CR3 really points to (SDM 3A 4.3) and yields each present page."""
        if not self.control("cr0") >> 31:
            return
        large_pages = self.control("cr4") & CR4_PSE
        for i, pde in enumerate(self._table(self.control("cr3") & ~0xFFF)):
            if not pde & PTE_P or user_only and not pde & PTE_U:
                continue
            if pde & PTE_LARGE and large_pages:
                yield Mapping(i << 22, pde & 0xFFC00000, 4 << 20, bool(pde & PTE_U), bool(pde & PTE_W))
                continue
            for j, pte in enumerate(self._table(pde & ~0xFFF)):
                both = pde & pte
                if pte & PTE_P and not (user_only and not both & PTE_U):
                    yield Mapping(i << 22 | j << 12, pte & ~0xFFF, 4096, bool(both & PTE_U), bool(both & PTE_W))

    def _table(self, physical: int) -> tuple[int, ...]:
        return struct.unpack("<1024I", self.read_physical(physical, 4096))

    # --- running --------------------------------------------------------------------------------------------------------

    def break_at(self, linear: int) -> None:
        if self.ask(f"Z0,{linear:x},1") != "OK":
            raise GdbError(f"no breakpoint at {linear:#x}")
        self.breakpoints.add(linear)

    def unbreak(self, linear: int) -> None:
        self.ask(f"z0,{linear:x},1")
        self.breakpoints.discard(linear)

    def go(self) -> str:
        """
        Runs until the machine stops. "break": at a breakpoint; "stop": it was stopped otherwise (it ended, or its budget is
        used up); "gone": QEMU has ended.
        """
        try:
            if self.registers()["eip"] in self.breakpoints:
                self.ask("s")  # or it would stop here at once
            answer = self.ask("c")
        except GdbError:
            if not self.gone:
                raise
            return "gone"
        if answer.startswith(("W", "X")):
            return "gone"
        return "break" if answer.startswith(("S05", "T05")) else "stop"

    def step(self) -> bool:
        """One instruction. False when the machine is gone."""
        try:
            return self.ask("s")[:1] in "ST"
        except GdbError:
            return False

    def follow(self, count: int) -> list[Step]:
        """The next instructions, one by one; ends at a HLT, which could not be stepped over."""
        steps: list[Step] = []
        opcodes: dict[int, int] = {}
        for _ in range(count):
            now = self.registers()
            steps.append(Step(now["eip"], now["cs"]))
            # Ring 3 cannot halt, and there EIP is not always linear.
            if not steps[-1].cpl and steps[-1].eip not in opcodes:
                opcodes[steps[-1].eip] = self._opcode(steps[-1].eip)
            if not steps[-1].cpl and opcodes[steps[-1].eip] == HLT or not self.step():
                break
        return steps

    def _opcode(self, linear: int) -> int:
        try:
            return self.read(linear, 1)[0]
        except GdbError:
            return 0

    # --- packets --------------------------------------------------------------------------------------------------------

    def ask(self, text: str) -> str:
        body = text.encode()
        try:
            self.sock.sendall(b"$" + body + b"#%02x" % (sum(body) & 0xFF))
            return self._packet()
        except OSError as error:
            self.gone = True
            raise GdbError("QEMU has ended") from error

    def _packet(self) -> str:
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start)
            if start >= 0 and end >= 0 and len(self.buffer) >= end + 3:
                body = self.buffer[start + 1 : end]
                self.buffer = self.buffer[end + 3 :]
                self.sock.sendall(b"+")
                return unescape(body).decode("latin-1")
            self._more()

    def _more(self) -> None:
        while not select.select([self.sock], [], [], POLL)[0]:
            if self.enough() or time.monotonic() >= self.deadline:
                raise GdbError("no answer: the console is flooded, or the host's clock ran out")
        data = self.sock.recv(65536)
        if not data:
            self.gone = True
            raise GdbError("QEMU has ended")
        self.buffer += data

    def _register_numbers(self) -> dict[str, int]:
        """Asks the stub's own description, since QEMU's numbering of control registers is not GDB's."""
        self.ask("qSupported:xmlRegisters=i386")
        description = self._transfer("target.xml")
        included = description.split('href="')[1:]
        numbers: dict[str, int] = {}
        number = 0
        for name in (part.partition('"')[0] for part in included):
            for register in COMMENT.sub("", self._transfer(name)).split("<reg ")[1:]:
                fields = dict(f.split("=", 1) for f in register.partition("/>")[0].split() if "=" in f)
                number = int(fields.get("regnum", f'"{number}"').strip('"'))
                numbers[fields["name"].strip('"')] = number
                number += 1
        return numbers

    def _transfer(self, name: str) -> str:
        text = ""
        while True:
            part = self.ask(f"qXfer:features:read:{name}:{len(text):x},ffb")
            text += part[1:]
            if part[:1] != "m":
                return text


def unescape(body: bytes) -> bytes:
    """`}` and a byte xor 0x20 is that byte; `*` and n repeats the last byte n - 29 times."""
    out = bytearray()
    i = 0
    while i < len(body):
        if body[i] == 0x7D:
            out.append(body[i + 1] ^ 0x20)
            i += 1
        elif body[i] == 0x2A and out:
            out += bytes([out[-1]]) * (body[i + 1] - 29)
            i += 1
        else:
            out.append(body[i])
        i += 1
    return bytes(out)
