"""Dates and numbers as people of some countries write them: `31.12.2024`, `1.234,5`, `1,234.50`. Pure.

A column is taken for one only where every value of the sample is one, and where they cannot mean two things:
`03/04/2024` may be March or April, until a number above 12 tells, and `1,234` is 1.234 in Germany and 1234 in
America, until a value tells that can be read in one way only. Such columns are text. Digits that begin with
a zero are no number but a name, such as a postcode.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

_UNSURE = ("string", "any", "geopoint")  # `1,5` may be a place, and hardly ever is
_NUMBERS = ("integer", "number", "year")
_CODE = re.compile(r"[+-]?0[0-9][0-9,. ]*")  # a postcode, a telephone number: zeros before it belong to it
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SHORT, _LONG = "[A-Za-z]{3}", "(?:May|[A-Za-z]{4,9})"  # names of months
_ISO = r"\d{4}-\d\d-\d\d"
# How days are written, and what that may mean, for `datetime.strptime`.
_DAYS = (
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ("%d.%m.%Y",)),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
    *((rf"\d{{1,2}}{gap}{_SHORT}{gap}\d{{4}}", (f"%d{gap}%b{gap}%Y",)) for gap in " -"),
    *((rf"\d{{1,2}}{gap}{_LONG}{gap}\d{{4}}", (f"%d{gap}%B{gap}%Y",)) for gap in " -"),
    (rf"{_SHORT} \d{{1,2}}, \d{{4}}", ("%b %d, %Y",)),
    (rf"{_LONG} \d{{1,2}}, \d{{4}}", ("%B %d, %Y",)),
)
_CLOCKS = (
    (r"\d{1,2}:\d\d", "%H:%M"),
    (r"\d{1,2}:\d\d:\d\d", "%H:%M:%S"),
    (r"\d{1,2}:\d\d [AaPp][Mm]", "%I:%M %p"),
    (r"\d{1,2}:\d\d:\d\d [AaPp][Mm]", "%I:%M:%S %p"),
)


_SHORT_YEARS = ("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y")
_MOST_FORMATS = 2  # of one cell that are told


class _Form(NamedTuple):
    """One way to write a date or a moment: its shape, and what it may mean."""

    shape: re.Pattern[str]
    type: str
    formats: tuple[str, ...]


def _forms() -> Iterator[_Form]:
    for day, formats in _DAYS:
        yield _Form(re.compile(day, re.ASCII), "date", formats)
    # The standard's own way has a T and seconds; dates alone are known already.
    for day, formats, gap in [
        *((*form, " ") for form in _DAYS),
        *((_ISO, ("%Y-%m-%d",), gap) for gap in " T"),
    ]:
        for clock, format in _CLOCKS:
            meant = tuple(f"{one}{gap}{format}" for one in formats)
            yield _Form(re.compile(day + gap + clock, re.ASCII), "datetime", meant)


_FORMS = tuple(_forms())
_OF_CELLS = (  # further ones, in which a column is taken for no moment, or for one already
    *(_Form(re.compile(clock, re.ASCII), "time", (format,)) for clock, format in _CLOCKS),
    *(
        _Form(re.compile(rf"{_ISO}{gap}\d\d:\d\d:\d\d"), "datetime", (f"%Y-%m-%d{gap}%H:%M:%S",))
        for gap in "T "
    ),
    _Form(re.compile(r"\d{1,2}([./-])\d{1,2}\1\d\d", re.ASCII), "date", _SHORT_YEARS),
    _Form(re.compile(r"[12]\d{7}", re.ASCII), "date", ("%Y%m%d",)),
    _Form(re.compile(r"[12]\d{7}T\d{6}", re.ASCII), "datetime", ("%Y%m%dT%H%M%S",)),
)
_ZONE = re.compile(r"(?:Z|[+-]\d\d:?\d\d)\Z")  # as `%z` has it
_PARTS_OF_SECONDS = re.compile(r"(?<=:\d\d)\.\d{1,6}")  # as `%f` has them


def moment_formats(kind: str, text: str) -> list[str]:
    """The formats, as the standard writes them, that a cell has which should be a `date`, a `datetime` or a
    `time`: none where it has none that is known, several where it may mean either."""
    zone = _ZONE.search(text) if kind != "date" else None
    plain = _PARTS_OF_SECONDS.sub("", text[: zone.start()] if zone else text)
    more = "".join(("" if plain == (text[: zone.start()] if zone else text) else ".%f", "%z" if zone else ""))
    found = (
        format
        for form in (*_FORMS, *_OF_CELLS)
        if form.type == kind and form.shape.fullmatch(plain)
        for format in form.formats
    )
    return list(dict.fromkeys(format + more for format in found if _is(plain, format)))[:_MOST_FORMATS]


class _Reading(NamedTuple):
    """One way to read the marks in a number."""

    decimal: str
    group: str  # nothing where there is none
    shape: re.Pattern[str]

    def meant(self, values: Collection[str]) -> tuple[str, ...]:
        """The numbers as a program writes them."""
        texts = (text.replace(self.group, "") if self.group else text for text in values)
        return tuple(text.replace(self.decimal, ".") for text in texts)


def _readings() -> Iterator[_Reading]:
    for decimal, groups in ((",", ("", *". \u00a0\u202f'")), (".", ("", *", \u00a0\u202f'"))):
        for group in groups:
            grouped = rf"|[1-9]\d{{0,2}}(?:{re.escape(group)}\d{{3}})+" if group else ""
            shape = rf"[+-]?(?:\d+{grouped})(?:{re.escape(decimal)}\d+)?"
            yield _Reading(decimal, group, re.compile(shape, re.ASCII))


_READINGS = tuple(_readings())
_TELLING = ",'"  # between groups of digits: blanks are in telephone numbers, dots in versions, too


def values_of(count: int, rows: Iterable[Sequence[str]]) -> list[dict[str, None]]:
    """The values of so many columns, each once. `rows` come without a header."""
    columns: list[dict[str, None]] = [{} for _ in range(count)]
    for row in rows:
        for values, text in zip(columns, row, strict=False):
            if text:
                values[text] = None
    return columns


def recognise(fields: Sequence[Any], columns: Sequence[Collection[str]]) -> None:
    """Give fields of no certain type the one that all their values have."""
    for field, values in zip(fields, columns, strict=True):
        if not isinstance(field, dict) or not any(text.strip() for text in values):
            continue
        numbers = [text.strip() for text in values]  # blanks around a number are not minded
        if field.get("type") in _NUMBERS:
            if any(map(_CODE.fullmatch, numbers)):
                field["type"] = "string"
            elif not all(map(_PLAIN.fullmatch, numbers)):  # of hundreds of rows it was guessed from some
                field.update(_number(numbers) or {})
        elif field.get("type") in _UNSURE:
            field.update(_moment(values) or _number(numbers) or {})


def _moment(values: Collection[str]) -> Mapping[str, str] | None:
    """The date or the moment that all these are, by one format only."""
    for form in _FORMS:
        if all(map(form.shape.fullmatch, values)):
            fitting = [format for format in form.formats if all(_is(text, format) for text in values)]
            return {"type": form.type, "format": fitting[0]} if len(fitting) == 1 else None
    return None


def _is(text: str, format: str) -> bool:
    try:
        datetime.strptime(text, format)  # noqa: DTZ007 — whether it is one
    except ValueError:
        return False
    return True


def _number(values: Collection[str]) -> Mapping[str, str] | None:
    """Numbers with marks that programs do not write, text where these may mean two things; None of others."""
    meanings: dict[tuple[str, ...], _Reading] = {}
    for reading in _READINGS:
        used = not reading.group or any(reading.group in text for text in values)
        if used and all(map(reading.shape.fullmatch, values)):
            meanings.setdefault(reading.meant(values), reading)
    if len(meanings) > 1:
        return {"type": "string"}
    for meaning, found in meanings.items():
        told = found.group in _TELLING or any("." in text for text in meaning)
        if any(map(_CODE.fullmatch, values)) or not (told and meaning != tuple(values)):
            return None
        # A number though it may be whole: groups in integers came with version 2, and few read them.
        decimal = {"decimalChar": found.decimal} if any(found.decimal in text for text in values) else {}
        if decimal == {"decimalChar": "."}:
            decimal = {}
        return {"type": "number", **decimal, **({"groupChar": found.group} if found.group else {})}
    return None
