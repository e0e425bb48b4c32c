"""From what maps emit to rows of an index, as text that SQLite can read. Pure.

Made where the maps run: that may be a child, and sort keys are the dearest part of an index.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from couchreg.model import json
from couchreg.model.collation import KNOWN, SHORT, sort_key
from couchreg.model.raw_order import raw_sort_key

Pairs = Sequence[tuple[Any, Any]]  # of key and value
_LARGE = 1 << 63
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
    orders = [raw_sort_key if is_raw else sort_key for is_raw in raw]
    rows: list[tuple[int, int, str, int, str, str]] = []
    for place, of_maps in enumerate(made):
        number = 0
        for at, (order, pairs) in enumerate(zip(orders, of_maps, strict=False)):
            for sort, key, value in _ordered(pairs, order):
                rows.append((place, at, sort.hex(), number, _text(key), _text(value)))
                number += 1
    return _encode(rows)


def _ordered(pairs: Pairs, order: Any) -> Sequence[tuple[bytes, Any, Any]]:
    if len(pairs) == 1:
        [(key, value)] = pairs
        return ((order(key), key, value),)
    found = [(order(key), key, value) for key, value in pairs]
    found.sort(key=_first)
    if any(one[0] == other[0] for one, other in pairwise(found)):
        found.sort(key=lambda row: (row[0], raw_sort_key(row[2])))
    return found


def _first(row: tuple[bytes, Any, Any]) -> bytes:
    return row[0]


def _text(value: Any) -> str:
    kind = type(value)
    if kind is int:
        return str(value) if -_LARGE < value < _LARGE else json.encode(value).decode()
    if kind is str and len(value) <= SHORT:
        return _quoted(value)
    return json.encode(value).decode()


@lru_cache(KNOWN)
def _quoted(text: str) -> str:
    return json.quote(text).decode()
