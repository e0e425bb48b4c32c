"""The properties of a descriptor as paths and values, its IRIs, and what may be filtered by. Pure.

A path has the members' names with dots between; lists are passed through, and of a name that stands for an
IRI (`schema:name`) the last word counts. Of an object with a name, a value or an `@id` the path of the object
leads to that too. Sizes are bounded: what is beyond is not found by its property.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from couchreg.model.jsonld import Context, context_of, expand

MOST_PAIRS: Final = 2_000  # of one package or resource
LONGEST_VALUE: Final = 300  # characters of a value
LONGEST_PATH: Final = 150
_DEPTH = 10
_LEFT_OUT = frozenset({"@context", "data", "couchreg", "views", "README", "readme", "_attachments"})
_STANDS = frozenset({"name", "title", "@value", "@id", "id"})  # members that say what an object is
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_WEB = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)


class Pair(NamedTuple):
    path: str
    value: str


def pairs(members: Mapping[str, Any], *, without: Iterable[str] = ()) -> list[Pair]:
    """The paths and values of a descriptor, each once, in order."""
    left_out = _LEFT_OUT | set(without)
    found: list[Pair] = []
    for key, value in members.items():
        if key not in left_out:
            _walk(value, _last(key), 0, found)
    return list(dict.fromkeys(found[:MOST_PAIRS]))


def _walk(value: Any, path: str, depth: int, found: list[Pair]) -> None:
    """A list is filled: this is called for each value of each descriptor, and generators would cost most."""
    if depth > _DEPTH or len(path) > LONGEST_PATH:
        return
    kind = type(value)
    if kind is list:
        for item in value:
            if len(found) >= MOST_PAIRS:
                return
            _walk(item, path, depth + 1, found)
    elif kind is dict:
        _walk_members(value, path, depth + 1, found)
    else:
        _value(value, path, found)


def _walk_members(members: Mapping[str, Any], path: str, depth: int, found: list[Pair]) -> None:
    """Most members are short texts, which are taken here: a call for each costs as much as all else."""
    for key, item in members.items():
        if len(found) >= MOST_PAIRS:
            return
        if key in _LEFT_OUT:
            continue
        below = f"{path}.{_last(key) if ':' in key else key}"
        if type(item) is not str:
            if key in _STANDS:
                _value(item, path, found)
            _walk(item, below, depth, found)
        elif 0 < len(item) <= LONGEST_VALUE:
            if key in _STANDS:
                found.append(Pair(path, item))
            if depth <= _DEPTH and len(below) <= LONGEST_PATH:
                found.append(Pair(below, item))


def _value(value: Any, path: str, found: list[Pair]) -> None:
    kind = type(value)
    if kind is str:
        if 0 < len(value) <= LONGEST_VALUE:
            found.append(Pair(path, value))
    elif kind is bool:
        found.append(Pair(path, "true" if value else "false"))
    elif kind is int or kind is float:
        found.append(Pair(path, str(value)[:LONGEST_VALUE]))


def _last(key: str) -> str:
    """`name` of `schema:name` and of `http://schema.org/name`."""
    return re.split(r"[/#:]", key.rstrip("/#:"))[-1] if ":" in key else key


def iris(found: Iterable[Pair], members: Mapping[str, Any], above: Context | None = None) -> set[str]:
    """The IRIs among the values, those written with a prefix of the inline context too."""
    context = context_of(members, above)
    whole = (expand(pair.value, context) if ":" in pair.value else None for pair in found)
    return {iri for iri in whole if iri and len(iri) <= LONGEST_VALUE and _IRI.fullmatch(iri)}


def iri_key(iri: str) -> str:
    """What two spellings of one web address have in common."""
    return _WEB.sub("", iri.strip()).rstrip("/#")


def texts(value: Any, *members: str) -> list[str]:
    """A text, or the first of these members of an object, for each item of a list."""
    found = []
    for item in value[:MOST_PAIRS] if type(value) is list else (value,):
        if type(item) is dict:
            item = next((item[name] for name in members if type(item.get(name)) is str), None)
        if type(item) is str and 0 < len(item) <= LONGEST_VALUE:
            found.append(item)
    return found
