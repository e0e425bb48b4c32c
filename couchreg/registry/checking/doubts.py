"""Whether a short text might be of another encoding than was guessed: then the guess is said to be one.

`Gdañsk` and `Gdańsk` are the same bytes, and a table of a few names does not tell which of the two it has.
Pure.
"""

import re
from typing import NamedTuple

from couchreg.registry.checking.alphabets import (
    has_symbols_alone,
    is_of_one_script,
    is_strange,
    is_written_in,
)

_MANY = 200  # bytes beyond ASCII, from which on a text tells its encoding by itself
_STRANGE = 0.1  # of the characters beyond ASCII: more than words of a language have where they do not belong
_SHOWN = 60  # characters of a line
# The encodings that tables still come in: of Windows, of Unix, of old Macs, of DOS.
_LATIN = (
    *("windows-1252", "cp1250", "cp1254", "cp1257", "iso8859-2", "iso8859-15", "mac_roman"),
    *("cp850", "cp852"),
)
_CYRILLIC = ("cp1251", "cp866")
_CHINESE = ("gb18030", "gbk", "gb2312")
# Of each, the first bytes of the characters that are common: kana and frequent kanji, syllables. Their
# second bytes have the highest bit, too.
_COMMON = {
    "euc_jp": frozenset((*range(0xA1, 0xA6), *range(0xB0, 0xD0))),
    "euc_kr": frozenset((*range(0xA1, 0xA4), *range(0xB0, 0xC9))),
}
_AMID = re.compile(r"[^\W\d_][²³°¼½¾µ£§©®][^\W\d_]")  # words that are none


class Doubt(NamedTuple):
    """The first line that two encodings read otherwise, from 1, and as either reads it."""

    other: str
    line: int
    as_guessed: str
    as_other: str


def doubt_of(sample: bytes, guess: str) -> Doubt | None:
    """What else a text may be whose encoding was guessed, where that makes sense, too; None where the guess
    can be relied on."""
    if sum(byte > 127 for byte in sample) > _MANY:
        return None
    guessed = sample.decode(guess, "replace")
    if has_symbols_alone(guessed):
        return None
    is_chinese = guess in _CHINESE
    for other in _COMMON if is_chinese else (*_LATIN, *_CYRILLIC):
        reading = sample.decode(other, "replace")
        makes_sense = _is_common(sample, other) if is_chinese else _makes_sense(reading, other)
        if reading != guessed and makes_sense:
            pairs = zip(guessed.splitlines(), reading.splitlines(), strict=False)
            for line, (one, two) in enumerate(pairs, 1):
                if one != two:
                    return Doubt(other, line, _around(one), _around(two))
    return None


def _makes_sense(text: str, encoding: str) -> bool:
    if "\ufffd" in text:
        return False
    if is_strange(text, _STRANGE) or not is_written_in(text, encoding):
        return False
    return is_of_one_script(text) if encoding in _CYRILLIC else not _AMID.search(text)


def _is_common(sample: bytes, encoding: str) -> bool:
    """Whether a text has only common characters of an encoding of Japanese or Korean: these come first in it,
    while those of a Chinese text are spread."""
    high = bytes(byte for byte in sample if byte > 127)
    return len(high) % 2 == 0 and all(byte in _COMMON[encoding] for byte in high[::2])


def _around(line: str) -> str:
    """A part of a line with its first character beyond ASCII."""
    first = next((at for at, char in enumerate(line) if char > "\x7f"), 0)
    start = max(0, first - _SHOWN // 2)
    return line[start : start + _SHOWN]
