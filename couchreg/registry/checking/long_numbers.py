"""Numbers of more digits than Python reads in a file of JSON: over whole ones `ijson` takes its process down.

Digits behind the point are read, however many.
"""

import re
from typing import BinaryIO, NamedTuple

MOST_DIGITS = 4300  # as Python has it by default
_STEP = 1 << 20
_LARGEST = 64 << 20  # bytes of a file in which texts are told from numbers
_RUN = re.compile(b"[0-9]{%d}" % (MOST_DIGITS + 1))
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_NUMBER = re.compile(rb"(?<![.0-9eE+])-?([0-9]{%d,}+)" % (MOST_DIGITS + 1))


class LongNumber(NamedTuple):
    digits: int
    line: int


def long_number(file: BinaryIO) -> LongNumber | None:
    """The first such number of a file, which is read from its beginning and left there."""
    kept = b""
    while data := file.read(_STEP):
        if _RUN.search(kept + data):
            break
        kept = data[-MOST_DIGITS:]
    file.seek(0)
    if not data:
        return None
    plain = _TEXT.sub(b"", file.read(_LARGEST))
    file.seek(0)
    found = _NUMBER.search(plain)
    return LongNumber(len(found[1]), plain.count(b"\n", 0, found.start()) + 1) if found else None
