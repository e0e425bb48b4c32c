"""The body of an answer on its way to the server: in parts of some length, behind a head. Imported in child
processes only."""

from couchreg.sandbox.inside.channel import Reply

_PART = 256 << 10  # bytes of a message


class AnswerParts:
    """`add` what there is, and return the `rest`. Nothing is sent before there is a part's worth of it, so
    that what fails early can be told instead."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._waiting = bytearray()
        self.head = b"{}"  # what the server is told before the body
        self.has_begun = False

    def add(self, body: bytes) -> None:
        self._waiting += body
        while len(self._waiting) >= _PART:
            self._begin()
            self._reply.part(bytes(self._waiting[:_PART]))
            del self._waiting[:_PART]

    def rest(self) -> bytes:
        """What is to be returned as the last part."""
        self._begin()
        return bytes(self._waiting)

    def _begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            self._reply.part(self.head)
