"""The `format` of a field: which a type has, and whether a pattern of dates is one. Pure.

Patterns are those of `strptime`, in Python or C. What C alone knows of them are short forms, which are read
as what they stand for.

Source: https://datapackage.org/standard/table-schema/#field-types.
"""

import re
from collections.abc import Mapping
from typing import Any

from couchreg.package.report import shown

DEFAULT = "default"
_OF_TYPES: Mapping[str, tuple[str, ...]] = {
    "string": (DEFAULT, "email", "uri", "binary", "uuid"),
    "geopoint": (DEFAULT, "array", "object"),
    "geojson": (DEFAULT, "topojson"),
}
_OF_OTHERS = {"string": ("wkt",)}  # what programs write that the standard does not have: not read here
_TEXTUAL = frozenset(("pattern", "minLength", "maxLength"))
_MOMENTS = {"date": "2024-12-31", "time": "23:59:59", "datetime": "2024-12-31T23:59:59Z"}
_EXAMPLES = {"date": "%d/%m/%Y", "time": "%H:%M", "datetime": "%d/%m/%Y %H:%M"}
_WORDS = (DEFAULT, "any")
_OLD = "fmt:"  # what stood before patterns, before version 1
_DIRECTIVE = re.compile("%(.?)", re.DOTALL)
_KNOWN = frozenset("aAbBcdfGHIjmMpSuUVwWxXyYzZ%")
_OF_C = {
    "D": "%m/%d/%y",
    "e": "%d",
    "F": "%Y-%m-%d",
    "h": "%b",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "n": " ",
    "t": " ",
}
# Letters by which others write dates, the longest first; what “m” means depends on what stands before it.
_LETTERS = re.compile(r"Y{4}|y{4}|YY|yy|M{1,4}|m{1,2}|D{1,2}|d{1,2}|H{1,2}|h{1,2}|S{1,2}|s{1,2}|'T'|T")
_OF_LETTERS = {"y": "%Y", "yy": "%y", "d": "%d", "h": "%H", "s": "%S", "t": "T"}
_NAMED_MONTHS = {"MMM": "%b", "MMMM": "%B"}


def has_moments(kind: Any) -> bool:
    """Whether the formats of a type are patterns."""
    return kind in _MOMENTS


def format_fault(kind: Any, format: Any) -> str | None:
    """Why no value can be read by the format of a field of this type, as a sentence; None where one can, and
    where that is not known here."""
    if (
        not isinstance(kind, str)
        or not isinstance(format, str)
        or format in _WORDS[: 2 if kind in _MOMENTS else 1]
    ):
        return None
    if kind in _OF_TYPES:
        known = _OF_TYPES[kind]
        if format in known or is_unknown(kind, format):
            return None
        listed = ", ".join(known)
        return (
            f"The “format” is {shown(format)}, and a {kind} has one of {listed}: state one, or leave it out."
        )
    return _pattern_fault(kind, format) if kind in _MOMENTS else None


def is_unknown(kind: Any, format: Any) -> bool:
    """Whether the standard has no such format for a type, and values are read as though none were stated."""
    is_stated = isinstance(kind, str) and isinstance(format, str) and format != DEFAULT
    is_other = format in _OF_OTHERS.get(kind, ())
    return is_stated and (is_other or (kind not in _OF_TYPES and kind not in _MOMENTS))


def with_type(field: Any, version: str) -> Any:
    """A field, with the type it has where none is stated. That is `any` in version 2 of the standard and
    `string` in version 1: there cells may be of any type all the same, for a number in JSON harms nobody, but
    what only strings have makes it one."""
    if not isinstance(field, dict) or "type" in field:
        return field
    constraints, format = field.get("constraints"), field.get("format")
    is_textual = isinstance(constraints, dict) and not _TEXTUAL.isdisjoint(constraints)
    is_textual = is_textual or (isinstance(format, str) and format in _OF_TYPES["string"][1:])
    return {**field, "type": "string" if is_textual and version != "v2" else "any"}


def plain_pattern(format: str) -> str:
    """A pattern without C's short forms."""
    return _DIRECTIVE.sub(lambda found: _OF_C.get(found[1], found[0]), format)


def _pattern_fault(kind: str, format: str) -> str | None:
    pattern = plain_pattern(format.removeprefix(_OLD))
    used = [found[1] for found in _DIRECTIVE.finditer(pattern)]
    unknown = next((letter for letter in used if letter not in _KNOWN or not letter), None)
    remedy = f"write it as strptime does, as in {_EXAMPLES[kind]}, or leave it out for {_MOMENTS[kind]}"
    if unknown is not None:
        what = f"%{unknown}, which stands for nothing there" if unknown else "a % that nothing follows"
        return f"The “format” {shown(format)} has {what}: {remedy}."
    told = [letter for letter in used if letter != "%"]
    if not told:
        meant = _meant(format, kind)
        if meant:
            remedy = f"a letter stands for a part of it behind a % only. Write {meant}"
        return f"The “format” {shown(format)} says nothing of where the parts of a {kind} stand: {remedy}."
    twice = next((letter for letter in told if told.count(letter) > 1), None)
    return (
        twice
        and f"The “format” {shown(format)} has %{twice} twice, and no value can be read by it: {remedy}."
    )


def _meant(format: str, kind: str) -> str | None:
    """The pattern that somebody meant who wrote `YYYY-MM-DD`; None for what is not understood."""
    found, end, before = [], 0, ""
    for letters in _LETTERS.finditer(format):
        between = format[end : letters.start()]
        own = _of_letters(letters[0], is_minute=before == "%H" or (kind == "time" and before != ""))
        found += [between, own]
        before, end = own if own != "T" else before, letters.end()
    pattern = "".join([*found, format[end:]])
    bare = _DIRECTIVE.sub("", pattern).replace("T", "").removesuffix("Z")
    used = [item for item in found if item.startswith("%")]
    is_one = bool(used) and len(set(used)) == len(used) and not any(map(str.isalpha, bare))
    return pattern if is_one else None


def _of_letters(letters: str, *, is_minute: bool) -> str:
    if letters in _NAMED_MONTHS:
        return _NAMED_MONTHS[letters]
    plain = letters.lower().strip("'")
    if plain[0] == "m":
        return "%M" if is_minute else "%m"
    return _OF_LETTERS["yy"] if plain == "yy" else _OF_LETTERS[plain[0]]
