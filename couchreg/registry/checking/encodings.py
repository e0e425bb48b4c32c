"""Encodings of tables of text: one that holds for all of a file, and where a file leaves it.

Only in the child process. What is not stated is UTF-8, as the standard has it; where that cannot be, it is
guessed, and the guess has to fit every byte.

Source: https://datapackage.org/standard/data-resource/#encoding.
"""

import codecs
import re
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from couchreg.registry.checking.alphabets import is_of_one_script, is_strange, latin
from couchreg.registry.checking.doubts import Doubt, doubt_of

UTF_8 = "utf-8"
_STEP = 1 << 20
_SAMPLE = 64 << 10  # bytes around the first that is no UTF-8, from which is guessed
_MARKS = (
    *((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
_FALLBACK = "windows-1252"
_BEGINNING = 4096  # bytes
_CONTROLS = bytes({*range(32)} - {*b"\t\n\f\r\x1b"})
# What files begin with that are no text.
_SIGNATURES = (
    (b"PK\x03\x04", "a zip file, as those of Excel and OpenOffice are"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xd0\xcf\x11\xe0", "a file of an old Excel or Word"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_SPARSE = 0.4  # letters beyond ASCII for one of ASCII, in languages of Latin letters
_SURE = 0.05
_MOSTLY = 0.5  # of the characters beyond ASCII
_TELLING = 20  # bytes beyond ASCII, from which on a text may say what all of a table is not
_LATIN = frozenset(("cp1250", "iso8859-2", "cp1254", "iso8859-9", "cp1257", "iso8859-13", "iso8859-4"))
_OTHERS = frozenset(
    (
        *("cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp1253", "iso8859-7", "cp1255", "iso8859-8", "cp1256"),
        *("iso8859-6", "cp874", "tis-620", "cp932", "shift_jis", "euc_jp", "iso2022_jp", "cp949", "euc_kr"),
        *("gb18030", "gbk", "gb2312", "big5", "cp950", "big5hkscs", "utf-16", "utf-16-le", "utf-16-be"),
    )
)
# Codecs for text that are no encoding of a file: names of hosts, source code, and Windows' own setting.
_NO_CHARSETS = frozenset(
    (
        *("charmap", "idna", "mbcs", "oem", "palmos", "punycode"),
        *("raw-unicode-escape", "undefined", "unicode-escape"),
    )
)
_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.:+()]{0,63}")
Open = Callable[[], BinaryIO]


class Fault(NamedTuple):
    """The first byte that is none of an encoding's: its value, its offset from 0 and its line from 1."""

    value: int
    offset: int
    line: int


def is_encoding(name: str) -> bool:
    """Whether a text names an encoding of text that is read here, as other readers know them."""
    if not _NAME.fullmatch(name):
        return False
    try:
        found = codecs.lookup(name)
    except LookupError:
        return False
    # Python has codecs that are none, such as zlib and rot13, and tells them by this mark alone.
    return found._is_text_encoding and found.name.replace("_", "-") not in _NO_CHARSETS


def first_fault(opened: Open, encoding: str) -> Fault | None:
    """Where a text stops to be of an encoding; None if it never does. Raises LookupError for no encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before = lines = 0
    with opened() as file:
        while True:
            data = file.read(_STEP)
            kept = decoder.getstate()[0]  # bytes of a character that is not whole yet
            try:
                decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                return _fault(kept + data, before - len(kept), lines, error.start)
            if not data:
                return None
            before += len(data)
            lines += data.count(b"\n")


def _fault(data: bytes, offset: int, lines: int, at: int) -> Fault:
    at = min(at, len(data) - 1)
    return Fault(data[at], offset + at, lines + data.count(b"\n", 0, at) + 1)


def detected(opened: Open, *, of_parts: bool = False, marks: str = "") -> str | None:
    """The encoding of a text that states none: UTF-8 where it fits, else a guess that does, else None. Of
    what is in several files, it is for others to say which of them is UTF-8. `marks` are what parts its
    cells and rows, which may be control characters."""
    with opened() as file:
        begin = file.read(_BEGINNING)
    for mark, name in _MARKS:
        if begin.startswith(mark):
            return name if first_fault(opened, name) is None else None
    wide = _without_mark(begin)
    if wide and first_fault(opened, wide) is None:
        return wide
    if binary(begin, marks):
        return None
    fault = first_fault(opened, UTF_8)
    if fault is None:
        return UTF_8
    sample = _around(opened, fault.offset)
    guess = _guess(sample)
    if guess in (None, _FALLBACK):
        text = sample.decode(_FALLBACK, "replace")
        # The letters of a few words may be those of a language, and stand where it has none.
        if is_strange(text, *((_MOSTLY,) if guess else ())) or (not of_parts and _is_pasted(sample)):
            return None
    for candidate in ([guess] if guess else []) + [_FALLBACK]:
        if _fits(opened, candidate):
            return candidate
    return None


def doubt(opened: Open, guess: str) -> Doubt | None:
    """What else a text may be whose encoding was guessed; its line counts in all of the text."""
    fault = first_fault(opened, UTF_8)
    if fault is None or guess.startswith("utf"):
        return None
    with opened() as file:
        sample = file.read(_SAMPLE)
    return doubt_of(sample, guess) if fault.offset < len(sample) else None


def surely(opened: Open) -> str | None:
    """The encoding of a text that tells it by itself; None for a short one, and where it is not sure."""
    fault = first_fault(opened, UTF_8)
    if fault is None:
        return UTF_8
    sample = _around(opened, fault.offset)
    guess = _guess(sample) if sum(byte > 127 for byte in sample) >= _TELLING else None
    return guess if guess and _fits(opened, guess) else None


def binary(begin: bytes, marks: str = "") -> str:
    """What a file is that is no text, by its first bytes; empty where it may be one, of which `marks` are
    known to be a part."""
    for signature, what in _SIGNATURES:
        if begin.startswith(signature):
            return what
    is_wide = any(begin.startswith(mark) for mark, _ in _MARKS) or _without_mark(begin) is not None
    foreign = _CONTROLS.translate(None, marks.encode("ascii", "ignore"))
    controls = len(begin) - len(begin.translate(None, foreign))
    return "binary" if controls * 10 > len(begin) and not is_wide else ""


def _without_mark(begin: bytes) -> str | None:
    """UTF-16 that does not say so, by the bytes that are zero in it: each second one, in most."""
    even, odd = begin[::2].count(0), begin[1::2].count(0)
    half = len(begin) // 2
    if not even + odd or min(even, odd) > half // 50 or max(even, odd) < half // 2:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def reads_alike(opened: Open, one: str, other: str) -> bool:
    """Whether a text is the same by two encodings, of which both fit it."""
    decoders = [codecs.getincrementaldecoder(name)() for name in (one, other)]
    texts = ["", ""]
    with opened() as file:
        while True:
            data = file.read(_STEP)
            texts = [
                text + decoder.decode(data, final=not data)
                for text, decoder in zip(texts, decoders, strict=True)
            ]
            length = min(map(len, texts))
            if texts[0][:length] != texts[1][:length]:
                return False
            texts = [text[length:] for text in texts]
            if not data:
                return texts[0] == texts[1]
            if max(map(len, texts)) > _STEP:
                return False


def _guess(sample: bytes) -> str | None:
    """The likeliest encoding of a text that is no UTF-8.

    A detector is not sure of the short texts that tables are. It is believed in two cases only: where hardly
    a letter is ASCII and the words that it makes are of one script, and where it is sure enough of another
    European language, and the letters do not tell a language themselves.
    """
    import chardet  # comes with the server alone, and the client's commands start without it

    found = chardet.detect(sample)
    name, confidence = found["encoding"], found["confidence"] or 0.0
    high = sum(byte > 127 for byte in sample)
    letters = sum(chr(byte).isalpha() for byte in sample if byte < 128)
    is_sparse = high < letters * _SPARSE
    found_name = codecs.lookup(name).name if name else ""
    if not is_sparse and found_name in _OTHERS and is_of_one_script(sample.decode(found_name, "replace")):
        return found_name
    told = latin(sample, found_name)
    if told is None and is_sparse and found_name in _LATIN and confidence >= _SURE:
        return found_name
    return told


def _is_pasted(sample: bytes) -> bool:
    """Whether some lines of a text that is no UTF-8 are. In Western Windows they would read `Ã©`."""
    return any(not line.isascii() and _is_utf_8(line) for line in sample.splitlines())


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _around(opened: Open, offset: int) -> bytes:
    with opened() as file:
        left = max(0, offset - _SAMPLE // 2)
        while left:
            left -= len(file.read(min(left, _STEP)))
        return file.read(_SAMPLE)


def _fits(opened: Open, name: str) -> bool:
    try:
        return first_fault(opened, name) is None
    except LookupError:
        return False
