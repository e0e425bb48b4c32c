"""The messages between a child and the server: a head of five bytes, kind and length, and the body.

The length is known before the body is read, so that a message that is too long is refused unread. Bodies are
bytes; what they mean is their user's affair.
"""

import struct
from enum import IntEnum
from typing import Final

_HEAD: Final = struct.Struct(">BI")
HEAD_SIZE: Final = _HEAD.size
JOINED: Final = 256 << 10  # bytes of a body that is copied behind its head


class Tag(IntEnum):
    """What a message is. OPEN, JOB and MORE go to the child, the others come from it."""

    OPEN = 1  # JSON: the walls and limits of this child; the first message
    JOB = 2
    PART = 3  # of an answer, in order
    NOTE = 4  # of progress; nothing of the answer
    DONE = 5  # the rest of the answer, often all of it; the child waits for the next job
    FAILED = 6  # UTF-8: the name of an exception that the job's module did not expect
    WANT = 7  # part of the answer; the child waits for more of its job
    MORE = 8  # of the job, which a child has asked for


class BadMessage(ValueError):
    """The other side does not keep to the protocol."""


def head(tag: Tag, length: int) -> bytes:
    return _HEAD.pack(tag, length)


def pieces(tag: Tag, body: bytes) -> tuple[bytes, ...]:
    """A message as it is written: in one piece, for each wakes the other side, unless it is large."""
    if len(body) > JOINED:
        return head(tag, len(body)), body
    return (head(tag, len(body)) + body,)


def read_head(data: bytes, longest: int) -> tuple[Tag, int]:
    """Tag and length of the body. Raises BadMessage."""
    number, length = _HEAD.unpack(data)
    try:
        tag = Tag(number)
    except ValueError:
        raise BadMessage(f"{number} is not the tag of a message") from None
    if length > longest:
        raise BadMessage(f"a message has {length} bytes, {longest} are allowed")
    return tag, length
