"""Requests as bytes, sent as badly as somebody likes: at once, slowly, or without reading the answer."""

import re
import socket
import time
from contextlib import suppress
from typing import NamedTuple

SECONDS = 30.0  # for an answer to be complete
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Request(NamedTuple):
    """One request. `reading`: how many bytes of the answer are read before the line is cut, -1: all."""

    door: str  # "couch" or "registry"
    head: bytes
    body: bytes = b""
    reading: int = -1
    pieces: int = 1  # in how many pieces the body goes out
    seconds: float = SECONDS  # that the answer is waited for

    @property
    def line(self) -> str:
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    def __str__(self) -> str:
        about = self.head.decode("latin-1")
        shown = about if len(about) < 1500 else f"{about[:700]} … {about[-700:]}"
        body = self.body[:300].decode("latin-1")
        return f"[{self.door}] {len(self.head)} + {len(self.body)} bytes\n{shown}\n{body}"


def send(port: int, request: Request) -> int:
    """The status, 0 for no answer at all: it hung up, or took longer than SECONDS."""
    deadline = time.monotonic() + request.seconds
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), SECONDS) as line:
        _write(line, request)
        return _read(line, request, deadline)
    return 0


def _write(line: socket.socket, request: Request) -> None:
    """What is refused early may be cut off while it is still being sent."""
    with suppress(ConnectionError, TimeoutError):
        if request.pieces == 1:
            line.sendall(request.head + request.body)
            return
        line.sendall(request.head)
        size = len(request.body) // request.pieces + 1
        for start in range(0, len(request.body), size):
            line.sendall(request.body[start : start + size])
            time.sleep(0.001)


def _read(line: socket.socket, request: Request, deadline: float) -> int:
    found, size = b"", 0
    status = 0
    while time.monotonic() < deadline:
        line.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            piece = line.recv(1 << 18)
        except (ConnectionError, TimeoutError):
            break
        if not piece:
            break
        size += len(piece)
        if len(found) < 65536:
            found += piece
            match = _STATUS.match(found)
            status = int(match[1]) if match else 0
        if 0 <= request.reading <= size:
            break
    return status
