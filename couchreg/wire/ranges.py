"""The Range header as CouchDB reads it.

CouchDB serves a range that reaches beyond the end up to the end, takes `bytes=-N` from the end, and
ignores a header it cannot read. This module knows numbers only, no files and no answers.
"""

from couchreg.errors import RangeNotSatisfiable

LONGEST = 1000  # digits of a number
MOST_RANGES = 9  # of ten and more CouchDB sends the whole


def parse_ranges(header: str | None, length: int) -> list[tuple[int, int]] | None:
    """The wanted (first, last) bytes of `length`, both included; None stands for the whole.

    An empty list is what `bytes=` asks for. Raises RangeNotSatisfiable.
    """
    if header is None or not header.startswith("bytes="):
        return None
    try:
        wanted = [_spec(text) for text in header.removeprefix("bytes=").split(",") if text.strip()]
    except ValueError:
        return None
    found = []
    for first, last in wanted:
        if (first, last) == (0, None):
            return None
        found.append(_satisfied(first, last, length))
    return found if len(found) <= MOST_RANGES else None


def _spec(text: str) -> tuple[int | None, int | None]:
    """`"-5"` -> `(None, 5)`. One dash or several divide two numbers, of which each may have a sign."""
    text = text.strip(" ")
    if text.startswith("-"):
        return None, _number(text[1:])
    numbers = [_number(part) for part in text.split("-") if part]
    if not 1 <= len(numbers) <= 2:
        raise ValueError
    return numbers[0], numbers[1] if len(numbers) == 2 else None


def _number(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > LONGEST:
        raise ValueError
    return int(text)


def _satisfied(first: int | None, last: int | None, length: int) -> tuple[int, int]:
    if first is None:
        # CouchDB clips the number of bytes before it counts from the end: of 256 bytes the last 300
        # are bytes 1 to 255.
        count = min(last or 0, length - 1)
        first, last = length - count, length - 1
    elif last is None or last >= length:
        if last is not None and last < first:
            raise RangeNotSatisfiable
        last = length - 1
    if last < first:
        raise RangeNotSatisfiable
    return first, last


def content_range(first: int, last: int, length: int) -> str:
    return f"bytes {first}-{last}/{length}"
