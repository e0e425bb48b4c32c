"""A place in the changes of a database with one shard, as a cluster of CouchDB nodes writes it. Pure.

Each node that has a copy of the shard counts the updates of its own copy, so the same number is not the same
place at two nodes. What stands behind the number (an Erlang term, packed) says which copy is meant.
"""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NamedTuple, Self

MOST: Final = 4096  # bytes of a term
_HEAD: Final = b"\x83"
_PACKED: Final = b"P"
_ONE_OF_THREE: Final = b"l\0\0\0\1h\3"  # a list of one: the node, the range, and where
_ATOMS: Final = {0x64: 2, 0x77: 1, 0x76: 2, 0x73: 1}  # tag -> bytes of the length


class CopyPlace(NamedTuple):
    """`number` updates of one copy: of which one, `before` and `behind` say."""

    before: bytes
    number: int
    behind: bytes

    @property
    def copy(self) -> tuple[bytes, bytes]:
        return self.before, self.behind

    def at(self, number: int) -> Self:
        return self._replace(number=number)

    @classmethod
    def parse(cls, opaque: str) -> Self:
        """What stands behind the dash. Raises ValueError for what is no place in one copy of one shard."""
        try:
            term = urlsafe_b64decode(opaque + "=" * (-len(opaque) % 4))
            if term[:1] != _HEAD:
                raise ValueError("no term")
            body = _unpacked(term[6:]) if term[1:2] == _PACKED else term[1:]
            return cls(*_split(body))
        except (IndexError, zlib.error) as error:
            raise ValueError("no place in a shard") from error

    @property
    def node(self) -> str:
        """The name of the node that has the copy."""
        at = len(_ONE_OF_THREE)
        width = _ATOMS[self.before[at]]
        end = at + 1 + width
        return self.before[end : end + int.from_bytes(self.before[at + 1 : end])].decode()

    @property
    def opaque(self) -> str:
        return (
            urlsafe_b64encode(_HEAD + self.before + _integer(self.number) + self.behind).decode().rstrip("=")
        )


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    body = unpacking.decompress(packed, MOST)
    if not unpacking.eof:
        raise ValueError("too large a term")
    return body


def _split(body: bytes) -> tuple[bytes, int, bytes]:
    """`[{Node, [From, To], {Number, Uuid, Node}}]`"""
    if not body.startswith(_ONE_OF_THREE):
        raise ValueError("places in several shards")
    at = len(_ONE_OF_THREE)
    width = _ATOMS.get(body[at], 0)
    if not width:
        raise ValueError("no node")
    at += 1 + width + int.from_bytes(body[at + 1 : at + 1 + width])
    if body[at : at + 5] != b"l\0\0\0\2":
        raise ValueError("no range")
    _, at = _read(body, at + 5)
    _, at = _read(body, at)
    if body[at : at + 3] != b"jh\3":
        raise ValueError("no place")
    number, end = _read(body, at + 3)
    return body[: at + 3], number, body[end:]


def _read(body: bytes, at: int) -> tuple[int, int]:
    """A whole number that is not below zero, and where it ends."""
    tag = body[at]
    if tag == ord("a"):
        return body[at + 1], at + 2
    if tag == ord("b") and body[at + 1] < 0x80:
        return int.from_bytes(body[at + 1 : at + 5]), at + 5
    if tag == ord("n") and not body[at + 2] and body[at + 1] <= 8:
        end = at + 3 + body[at + 1]
        return int.from_bytes(body[at + 3 : end], "little"), end
    raise ValueError("no number")


def _integer(number: int) -> bytes:
    if number < 256:
        return b"a" + bytes([number])
    if number < 1 << 31:
        return b"b" + number.to_bytes(4)
    size = (number.bit_length() + 7) // 8
    return b"n" + bytes([size, 0]) + number.to_bytes(size, "little")
