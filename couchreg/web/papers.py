"""Whether a PDF may do something beside being read: run a script, start a program, send a form.

Browsers run scripts of a PDF in their viewers, where they reach no page, but may open windows of their own.
So a page has those papers in it of which it is known that they have none. Not all that a PDF may be is read
here: whatever could hide something counts as if it did.

Source: ISO 32000-1, 7.3.5 (names), 7.5.7 (object streams), 12.6.4 (actions).
"""

import re
import zlib
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 16 << 20  # bytes of a file that is looked through
_INFLATED: Final = 32 << 20  # bytes of what lies compressed in it, all together
_PIECE: Final = 256 << 10  # bytes that are searched at once: other threads wait meanwhile
_LONGEST_NAME: Final = 64  # bytes that two pieces have in common
_MOST: Final = 20_000  # streams
_MOST_ESCAPED: Final = 200_000  # signs of names that are written otherwise
_HEAD: Final = 1000  # bytes of the dictionary before a stream of objects
_ACTIONS: Final = re.compile(
    rb"/(?:JavaScript|Rendition|Launch|SubmitForm|ImportData|RichMedia|XFA|GoToR|GoToE|Movie|Sound|Encrypt)"
    rb"(?![A-Za-z0-9])"
)
# A dictionary without texts, comments or dictionaries in it, and so nothing that could be taken for its end.
_DICTIONARY: Final = re.compile(rb"\bobj\s*<<([^<>()%]*)>>\s*$")
_OBJECTS: Final = re.compile(rb"/ObjStm(?![A-Za-z0-9])")
_FILTER: Final = re.compile(rb"/Filter\s*/FlateDecode(?![A-Za-z0-9])")
_OTHERWISE: Final = re.compile(rb"/(?:DecodeParms|DP|FFilter|FDecodeParms|F)(?![A-Za-z0-9])|\[")
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")


def may_act(data: bytes) -> bool:
    """Whether the file may do something, as far as that is not known to be impossible. Blocking: for long
    ones some tenths of a second."""
    if not data.startswith(b"%PDF-") or len(data) > LONGEST or data.count(b"#") > _MOST_ESCAPED:
        return True
    plain = _plain(data)
    if any(_found(_ACTIONS, plain)):
        return True
    left, seen = _INFLATED, 0
    for number, start in enumerate(_streams(data)):
        if number >= _MOST:
            return True
        head = _DICTIONARY.search(data[max(0, start - _HEAD) : start])
        if head is None or not _OBJECTS.search(members := _plain(head[1])):
            continue
        objects = _objects(members, data, start, left)
        if objects is None or any(_found(_ACTIONS, objects)) or any(_found(_OBJECTS, objects)):
            return True
        seen, left = seen + 1, left - len(objects)
    return seen != sum(1 for _ in _found(_OBJECTS, plain))


def _plain(data: bytes) -> bytes:
    """With names as they are meant: any of their characters may be written as `#` and two digits."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), data) if b"#" in data else data


def _found(pattern: re.Pattern[bytes], data: bytes) -> Iterator[bool]:
    """True for each place where something is."""
    for start in range(0, len(data), _PIECE):
        for found in pattern.finditer(data[start : start + _PIECE + _LONGEST_NAME]):
            if found.start() < _PIECE:
                yield True


def _streams(data: bytes) -> Iterator[int]:
    """Where the word stands that each stream begins behind."""
    at = data.find(b"stream")
    while at >= 0:
        if data[at - 3 : at] != b"end":
            yield at
        at = data.find(b"stream", at + 6)


def _objects(members: bytes, data: bytes, start: int, most: int) -> bytes | None:
    """What lies in a stream of objects; None where it is too much, or in another form than the usual one."""
    filters = members.count(b"/Filter")
    if _OTHERWISE.search(members) or filters > 1:
        return None
    if not filters:
        return b""  # it is plain, and has been looked through
    body = start + len(b"stream")
    body += 2 if data[body : body + 2] == b"\r\n" else 1
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(memoryview(data)[body:], most) if _FILTER.search(members) else b""
    except zlib.error:
        return None
    return _plain(found) if stream.eof and found.count(b"#") <= _MOST_ESCAPED else None
