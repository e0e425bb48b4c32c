"""The child's end of the connection to the server: messages that wait, one at a time."""

import os

from couchreg.sandbox.inside import limits
from couchreg.sandbox.messages import HEAD_SIZE, Tag, pieces, read_head


class TooLong(ValueError):
    """An answer or a part of one has more bytes than a message may."""


class Channel:
    """Over a stream socket; plain reads and writes, which no wall forbids. `longest` is in bytes."""

    def __init__(self, socket: int, longest: int) -> None:
        self._socket = socket
        self.longest = longest

    def receive(self) -> tuple[Tag, bytes]:
        """The next message. Raises EOFError when the server has closed its end, BadMessage."""
        tag, length = read_head(self._exactly(HEAD_SIZE), self.longest)
        return tag, self._exactly(length)

    def send(self, tag: Tag, body: bytes) -> None:
        """Waits while the server is behind. Raises TooLong."""
        if len(body) > self.longest:
            raise TooLong(f"a message of {len(body)} bytes; {self.longest} are allowed")
        for piece in pieces(tag, body):
            self._write(piece)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._socket, left) :]

    def _exactly(self, length: int) -> bytes:
        gathered = bytearray()
        while len(gathered) < length:
            chunk = os.read(self._socket, min(length - len(gathered), 1 << 20))
            if not chunk:
                raise EOFError("the server has closed the connection")
            gathered += chunk
        return bytes(gathered)


class Reply:
    """What a job's module is given to answer with, besides its result."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def part(self, body: bytes) -> None:
        """Send a part of the answer now; waits while its reader is behind."""
        self._channel.send(Tag.PART, body)

    def limit(self, cpu_seconds: float) -> None:
        """From now on the job has so much CPU time."""
        limits.begin(cpu_seconds)

    def want(self, body: bytes, cpu_seconds: float) -> bytes:
        """Send a part of the answer and wait for more of the job, with so much CPU time for it."""
        limits.end()
        self._channel.send(Tag.WANT, body)
        tag, more = self._channel.receive()
        if tag is not Tag.MORE:
            raise ValueError(f"a message {tag.name} for a child in the middle of a job")
        limits.begin(cpu_seconds)
        return more

    def note(self, body: bytes) -> None:
        """Tell of progress."""
        self._channel.send(Tag.NOTE, body)
