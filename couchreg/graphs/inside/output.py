"""The body of an answer: gathered whole, so that what fails in it has a status of its own, then sent."""

import io
import json
from typing import Any

from couchreg.sandbox.inside.channel import Reply

_PART = 256 << 10  # bytes of a message


class Full(Exception):
    """The answer is longer than it may be."""


class GraphOutput(io.BytesIO):
    """What results are written to; of `most` bytes."""

    def __init__(self, reply: Reply, most: int) -> None:
        super().__init__()
        self._reply, self._most = reply, most
        self._kind = ""
        self.is_full = False

    def begin(self, kind: str) -> None:
        """Of which media type it is."""
        self._kind = kind

    def write(self, data: Any) -> int:
        """Raises Full."""
        self.is_full = self.is_full or self.tell() + len(data) > self._most
        if self.is_full:
            raise Full
        return super().write(data)

    def end(self) -> bytes:
        """Send it; the rest of it."""
        self._reply.part(json.dumps({"type": self._kind}).encode())
        whole = self.getbuffer()
        rest = len(whole) - len(whole) % _PART
        for start in range(0, rest, _PART):
            self._reply.part(bytes(whole[start : start + _PART]))
        return bytes(whole[rest:])
