"""Small tables that are right beyond doubt: looked at by plain means, in a fraction of frictionless's time.

What is recognized here is common and simple: tables of comma-separated UTF-8 without quotes, fields of the
usual types, a primary key. Of such a package whose every cell is right nothing is left to be found, and the
report is the empty one. Whatever else there is, a member that is not known here or a cell that is not plain,
is not judged at all: then frictionless checks the package from the beginning.

A job of the sandbox, imported in child processes only: msgpack of a list of ``[descriptor as JSON, {path:
bytes}]``. The answer is a byte for each package: whether it is right, or nothing is known. A child does many
such jobs one after another, of packages that have nothing to do with one another, so nothing here keeps
anything or runs anything that a package brings.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from couchreg.model.json import decode
from couchreg.package.placeholders import is_unwritten
from couchreg.registry.checking.sniffing import sniffed
from couchreg.sandbox.inside.channel import Reply

RIGHT, UNKNOWN = b"1", b"0"
MOST_FIELDS, MOST_RESOURCES = 500, 50
SAMPLE = 100  # lines from which a delimiter is guessed, as `reading` does
DELIMITERS = ",\t;|"
_VERSION_2 = "https://datapackage.org/profiles/2.0/datapackage.json"
_NAME = re.compile(r"[-a-z0-9._]+")
_LICENSE = re.compile(r"[-a-zA-Z0-9._]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?")
_YEAR = re.compile(r"[1-9][0-9]{3}")
_BOOLEANS = frozenset(("true", "True", "TRUE", "1", "false", "False", "FALSE", "0"))

_decode = msgspec.msgpack.Decoder(list[tuple[bytes, dict[str, bytes]]]).decode


class Unknown(Exception):
    """Nothing is known of this package here."""


def answer(job: bytes, reply: Reply) -> bytes:
    found = (is_right(decode(text), files) for text, files in _decode(job))
    return b"".join(RIGHT if right else UNKNOWN for right in found)


def is_right(members: Mapping[str, Any], files: Mapping[str, bytes]) -> bool:
    """Whether the package is right beyond doubt; False where that is not known."""
    try:
        _package(members, files)
    except (Unknown, ValueError):
        return False
    return True


# -- the form of what is known here
def _text(value: Any) -> bool:
    return isinstance(value, str)


def _words(member: str) -> Callable[[Any], bool]:
    return lambda value: _text(value) and not is_unwritten(member, value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item for item in value)


def _licenses(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_license, value))


def _license(value: Any) -> bool:
    if not isinstance(value, dict) or not {"name"} <= value.keys() <= {"name", "title"}:
        return False
    return all(map(_text, value.values())) and _LICENSE.fullmatch(value["name"]) is not None


def _one_of(*known: str) -> Callable[[Any], bool]:
    return lambda value: value in known


_OF_PACKAGE: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: _text(value) and _NAME.fullmatch(value) is not None,
    "version": _text,
    "title": _words("title"),
    "description": _words("description"),
    "keywords": _texts,
    "licenses": _licenses,
    "$schema": _one_of(_VERSION_2),
    "resources": lambda value: isinstance(value, list) and 0 < len(value) <= MOST_RESOURCES,
}
_OF_RESOURCE: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: _text(value) and _NAME.fullmatch(value) is not None,
    "path": lambda value: _text(value) and value.endswith(".csv"),
    "title": _words("title"),
    "description": _words("description"),
    "format": _one_of("csv"),
    "mediatype": _one_of("text/csv"),
    "encoding": _one_of("utf-8"),
    "bytes": lambda value: type(value) is int and value >= 0,
    "hash": _text,
    "schema": lambda value: isinstance(value, dict),
}
_OF_SCHEMA: Mapping[str, Callable[[Any], bool]] = {
    "fields": lambda value: isinstance(value, list) and 0 < len(value) <= MOST_FIELDS,
    "primaryKey": lambda value: _texts([value] if isinstance(value, str) else value),
    "missingValues": lambda value: isinstance(value, list) and all(map(_text, value)),
}
_OF_FIELD: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: _text(value) and value == value.strip() != "",
    "type": lambda value: _text(value) and value in _READERS,
    "format": _one_of("default"),
    "title": _text,
    "description": _text,
    "constraints": lambda value: (
        isinstance(value, dict) and all(type(item) is bool for item in value.values())
    ),
}
_CONSTRAINTS = frozenset(("required", "unique"))


def _known(value: Any, members: Mapping[str, Callable[[Any], bool]], *needed: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not set(needed) <= value.keys() <= members.keys():
        raise Unknown
    if not all(members[key](item) for key, item in value.items()):
        raise Unknown
    return value


def _package(members: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    resources = _known(members, _OF_PACKAGE, "name", "resources")["resources"]
    known = [_known(item, _OF_RESOURCE, "name", "path", "schema") for item in resources]
    if len({item["name"] for item in known}) < len(known):
        raise Unknown
    for item in known:
        if item["path"] not in files:
            raise Unknown
        _table(files[item["path"]], _known(item["schema"], _OF_SCHEMA, "fields"))


# -- the rows
def _integers(cells: Sequence[str]) -> Sequence[Any]:
    return [int(cell) for cell in _matching(_INTEGER, cells)]


def _numbers(cells: Sequence[str]) -> Sequence[Any]:
    return [Decimal(cell) for cell in _matching(_NUMBER, cells)]


def _dates(cells: Sequence[str]) -> Sequence[Any]:
    return [date.fromisoformat(cell) for cell in _matching(_DATE, cells)]


def _moments(cells: Sequence[str]) -> Sequence[Any]:
    return [datetime.fromisoformat(cell.removesuffix("Z")) for cell in _matching(_MOMENT, cells)]


def _years(cells: Sequence[str]) -> Sequence[Any]:
    return _matching(_YEAR, cells)


def _booleans(cells: Sequence[str]) -> Sequence[Any]:
    if not _BOOLEANS.issuperset(cells):
        raise Unknown
    return cells


def _strings(cells: Sequence[str]) -> Sequence[Any]:
    return cells


# What a cell of a type may be. Each gives values of which equal ones are equal for frictionless too.
_READERS: Mapping[str, Callable[[Sequence[str]], Sequence[Any]]] = {
    "integer": _integers,
    "number": _numbers,
    "date": _dates,
    "datetime": _moments,
    "year": _years,
    "boolean": _booleans,
    "string": _strings,
}
_AS_WRITTEN = frozenset(("boolean", "datetime"))  # unlike texts may be one value: not for keys


def _matching(pattern: re.Pattern[str], cells: Sequence[str]) -> Sequence[str]:
    if not all(map(pattern.fullmatch, cells)):
        raise Unknown
    return cells


def _table(data: bytes, schema: Mapping[str, Any]) -> None:
    fields = [_known(item, _OF_FIELD, "name", "type") for item in schema["fields"]]
    names = [item["name"] for item in fields]
    rows = _rows(data)
    if len(set(names)) < len(names) or rows[0] != names or len(rows) < 2:
        raise Unknown
    if set(map(len, rows)) != {len(names)}:
        raise Unknown
    missing = frozenset(schema.get("missingValues", ("",)))
    if any(missing.issuperset(row) for row in rows[1:]):
        raise Unknown  # a row without a value
    columns = list(zip(*rows[1:], strict=True))
    key = schema.get("primaryKey", ())
    _keys([key] if isinstance(key, str) else key, fields, columns, missing)
    for item, cells in zip(fields, columns, strict=True):
        _column(item, cells, missing)


def _rows(data: bytes) -> list[list[str]]:
    text = data.decode("utf-8")  # UnicodeDecodeError is a ValueError
    plain = text.replace("\r\n", "\n")
    if not plain or any(character in plain for character in '"\r\0') or plain.startswith("\ufeff"):
        raise Unknown
    if plain[:4].lower() == "sep=":  # a word to Excel, of which the whole check tells
        raise Unknown
    lines = text.split("\n", SAMPLE)
    sample = "\n".join(lines[:SAMPLE]) + ("\n" if len(lines) > SAMPLE else "")
    if sniffed(sample, DELIMITERS) not in (None, ","):  # where nothing is found it is the comma
        raise Unknown
    return [line.split(",") for line in plain.removesuffix("\n").split("\n")]


def _keys(
    key: Sequence[str],
    fields: Sequence[Mapping[str, Any]],
    columns: Sequence[Sequence[str]],
    missing: frozenset[str],
) -> None:
    """The primary key, and fields whose values are unique."""
    places = {item["name"]: place for place, item in enumerate(fields)}
    if not set(key) <= places.keys():
        raise Unknown
    unique = [[place] for place, item in enumerate(fields) if item.get("constraints", {}).get("unique")]
    for together in [*unique, *([[places[name] for name in key]] if key else [])]:
        values = []
        for place in together:
            kind, cells = fields[place]["type"], columns[place]
            if kind in _AS_WRITTEN or not missing.isdisjoint(cells):
                raise Unknown
            values.append(_READERS[kind](cells))
        if len(set(zip(*values, strict=True))) < len(columns[0]):
            raise Unknown


def _column(item: Mapping[str, Any], cells: Sequence[str], missing: frozenset[str]) -> None:
    constraints = item.get("constraints", {})
    if not constraints.keys() <= _CONSTRAINTS:
        raise Unknown
    there = [cell for cell in cells if cell not in missing]
    if constraints.get("required") and len(there) < len(cells):
        raise Unknown
    _READERS[item["type"]](there)
