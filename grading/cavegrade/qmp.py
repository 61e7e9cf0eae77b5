"""QEMU's control channel (QMP): one JSON object a line, over a socket pair that no other process can find."""

from __future__ import annotations

import json
import select
import socket
import time


class Closed(Exception):
    """QEMU has ended."""


class Late(Exception):
    """Nothing came before the host-time limit."""


class Qmp:
    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buffer = b""
        self.events: list[dict] = []

    def greet(self, deadline: float) -> None:
        """Reads the greeting and leaves the negotiation mode."""
        self._read(deadline)
        self.command("qmp_capabilities", deadline)

    def command(self, name: str, deadline: float, **arguments):
        """Asks, and returns the answer. Events that come first are kept for event()."""
        message = {"execute": name}
        if arguments:
            message["arguments"] = arguments
        try:
            self.sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise Closed from error
        while True:
            answer = self._read(deadline)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"QEMU refuses {name}: {answer['error'].get('desc')}")
            self.events.append(answer)

    def monitor(self, line: str, deadline: float) -> str:
        """A line of the human monitor, which can do what QMP cannot: read registers, write a port."""
        return self.command("human-monitor-command", deadline, **{"command-line": line})

    def event(self, deadline: float) -> dict:
        """The next event. Closed when QEMU has ended, Late when the limit is reached."""
        return self.events.pop(0) if self.events else self._read(deadline)

    def _read(self, deadline: float) -> dict:
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.sock], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Late
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                raise Closed
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)
