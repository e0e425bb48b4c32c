"""Whether a PDF may do something beside being read: run a script, start a program, send a form, print.

Browsers run scripts of a PDF in their viewers, where they reach no page, but may open windows of their own.
So a page has those papers in it of which it is known that they have none. That is known only of files whose
objects all stand there as text. An object can be compressed in a stream of objects alone, so a file that may
have one counts as if it did something: viewers disagree about which bytes such a stream has, and whoever
decides here with other bytes than a viewer decides nothing.

Source: ISO 32000-1, 7.3.5 (names), 7.5.7 (object streams), 12.3.3 (outlines), 12.6 (actions).
"""

import re
from typing import Final

LONGEST: Final = 16 << 20  # bytes of a file that is looked through
_PIECE: Final = 256 << 10  # bytes that are searched at once: other threads wait meanwhile
_AHEAD: Final = 64  # bytes behind a piece that belong to what begins in it
_MOST_ESCAPED: Final = 200_000  # signs of names that are written otherwise
_MOST_NAMES: Final = 4_000_000
_ACTS: Final = re.compile(
    rb"/(?:(?:JavaScript|Rendition|Launch|SubmitForm|ResetForm|ImportData|RichMedia|AcroForm|XFA|Widget|GoToR"
    rb"|GoToE|GoTo3DView|Movie|Sound|Named|Hide|Thread|SetOCGState|Trans|Encrypt|ObjStm)(?![A-Za-z0-9])"
    # In names this short the bytes of pictures would be found often, so what comes next has to fit, too.
    rb"|AA(?=[\0\t\n\f\r <%\x80\xff])|JS(?=[\0\t\n\f\r (<%\x80\xff])"
    # What is opened first may be a place in the paper: that alone is an array.
    rb"|OpenAction(?![\t\n\f\r ]{0,20}\[))"
)
# A stream of objects has a number here, an outline a reference.
_NUMBERED: Final = re.compile(
    rb"/First(?![\t\n\f\r ]{1,9}[0-9]{1,10}[\t\n\f\r ]{1,9}[0-9]{1,5}[\t\n\f\r ]{1,9}R[\t\n\f\r />])"
)
# A reference leads to a number where an object is one: all others begin with a sign.
_MAY_BE_NUMBER: Final = re.compile(rb"(?<!end)obj(?![\t\n\f\r ]{0,20}[<\[(/])")
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")


def may_act(data: bytes) -> bool:
    """Whether the file may do something, as far as that is not known to be impossible. Blocking: for the
    longest ones up to a second."""
    if not data.startswith(b"%PDF-") or len(data) > LONGEST:
        return True
    if data.count(b"#") > _MOST_ESCAPED or data.count(b"/") > _MOST_NAMES:
        return True
    plain = _plain(data)
    if _has(_ACTS, data) or (plain is not data and _has(_ACTS, plain)):
        return True
    firsts = plain.count(b"/First")
    if not firsts:
        return False
    # What is no name has no escapes, so the places behind these are looked at as they are written.
    return firsts != data.count(b"/First") or _has(_NUMBERED, data) or _has(_MAY_BE_NUMBER, data)


def _plain(data: bytes) -> bytes:
    """With names as they are meant: any of their characters may be written as `#` and two digits."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), data) if b"#" in data else data


def _has(pattern: re.Pattern[bytes], data: bytes) -> bool:
    """Each piece ends with what the next one begins with: what is cut there is looked at again."""
    for start in range(0, len(data), _PIECE):
        end = start + _PIECE + _AHEAD
        found = pattern.search(data, start, end)
        if found is not None and (found.start() < start + _PIECE or end >= len(data)):
            return True
    return False
