"""From what maps emit to rows of an index, as text that SQLite can read. Pure.

Made where the maps run: that may be a child, and sort keys are the dearest part of an index.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from couchreg.model import json
from couchreg.model.collation import KNOWN, SHORT, sort_key
from couchreg.model.raw_order import raw_sort_key

Pairs = Sequence[tuple[Any, Any]]  # of key and value
_LARGE, _OFTEN = 1 << 63, 1 << 20
_TEXTS: Final = frozenset({str})
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_BEGUN, _ENDED = sort_key([])[:1].hex(), sort_key([])[1:].hex()  # of arrays
_SHAPE = list[list[list[tuple[Any, Any]]]]
_encode = msgspec.json.Encoder().encode


class Maps(NamedTuple):
    """The maps of an index: the text of each, and whether its keys are ordered as Erlang's terms."""

    sources: Sequence[str]
    raw: Sequence[bool]


class Misshapen(Exception):
    """It is nothing that maps emit."""


def checked(made: Any) -> list[list[Pairs]]:
    """For each document, for each map, its pairs. Raises Misshapen."""
    try:
        found: list[list[Pairs]] = msgspec.convert(made, _SHAPE)
    except msgspec.ValidationError as error:
        raise Misshapen(str(error)) from None
    return found


def rows_text(made: Iterable[Sequence[Pairs]], raw: Sequence[bool]) -> bytes:
    """The rows of some documents as JSON: ``[[document, map, sort key, number, key, value], …]``.

    Documents are named by their place. `raw` says of each map whether its keys are ordered as Erlang's terms.
    Sort keys are hexadecimal, keys and values JSON. The rows that a document has in one map for one key are
    in the order of their values' terms, whatever the collation; `number` is a row's place among all of its
    document.
    """
    rows: list[tuple[int, int, str, int, str, str]] = []
    forms = [_raw_form if is_raw else _form for is_raw in raw]
    for place, of_maps in enumerate(made):
        number = 0
        for at, (form, pairs) in enumerate(zip(forms, of_maps, strict=False)):
            if not pairs:
                continue
            found = [(form(key), value) for key, value in pairs]
            if len(found) > 1:
                _order(found)
            for (sort, key), value in found:
                rows.append((place, at, sort, number, key, _text(value)))
                number += 1
    return _encode(rows)


def _order(found: list[tuple[tuple[str, str], Any]]) -> None:
    """By sort keys: the order of their hexadecimal digits is that of the bytes."""
    found.sort(key=_first)
    before = ""
    for (sort, _), _ in found:
        if sort == before:
            found.sort(key=lambda row: (row[0][0], raw_sort_key(row[1])))
            return
        before = sort


def _form(key: Any) -> tuple[str, str]:
    """The sort key of a key and its text. Those of short texts and of integers are remembered, and put
    together where they are the items of an array."""
    kind = type(key)
    if kind is str and len(key) <= SHORT:
        return _form_of_text(key)
    if kind is int and -_OFTEN <= key <= _OFTEN:
        return _form_of_integer(key)
    if kind is list and len(key) <= SHORT and _TEXTS.issuperset(map(type, key)) and _is_short(key):
        return _form_of_texts(tuple(key))
    if kind is list and _PLAIN.issuperset(map(type, key)):
        return _form_of_plain(key)
    return sort_key(key).hex(), _text(key)


def _is_short(texts: Sequence[str]) -> bool:
    return sum(map(len, texts)) <= SHORT


def _raw_form(key: Any) -> tuple[str, str]:
    return raw_sort_key(key).hex(), _text(key)


@lru_cache(KNOWN)
def _form_of_text(key: str) -> tuple[str, str]:
    return sort_key(key).hex(), json.quote(key).decode()


@lru_cache(KNOWN)
def _form_of_integer(key: int) -> tuple[str, str]:
    return sort_key(key).hex(), str(key)


@lru_cache(KNOWN)
def _form_of_texts(key: tuple[str, ...]) -> tuple[str, str]:
    return _form_of_plain(key)


def _form_of_plain(key: Sequence[Any]) -> tuple[str, str]:
    inner = [_form(item) for item in key]
    sorts, texts = [one[0] for one in inner], [one[1] for one in inner]
    return f"{_BEGUN}{''.join(sorts)}{_ENDED}", f"[{','.join(texts)}]"


def _first(row: tuple[tuple[str, str], Any]) -> str:
    return row[0][0]


def _text(value: Any) -> str:
    kind = type(value)
    if kind is int:
        return str(value) if -_LARGE < value < _LARGE else json.encode(value).decode()
    if kind is str and len(value) <= SHORT:
        return _form_of_text(value)[1]
    if value is None:
        return "null"
    if kind is float and 1e-5 <= abs(value) < 1e16:
        return _encode(value).decode()  # as JavaScript spells it: see `exactjson.odd`
    return json.encode(value).decode()
