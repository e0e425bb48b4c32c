"""What JavaScript's methods give for the values here. Each raises GivesUp for what is left to the engine.

Source: https://tc39.es/ecma262/multipage/indexed-collections.html
"""

from collections.abc import Callable
from typing import Any, Final

from couchreg.designdocs.translation.operations import (
    CONTAINERS,
    LONGEST,
    NUMBERS,
    counted,
    identical,
    items,
    truth,
)
from couchreg.designdocs.translation.values import SAFE, UNDEFINED, GivesUp, Thrown, spend

_SPACE: Final = "\t\n\v\f\r "


def _string(value: Any) -> str:
    if type(value) is not str:
        raise GivesUp
    spend(1 + (len(value) >> 4))
    return value


def find(value: Any, wanted: Any) -> int:
    """`value.indexOf(wanted)`."""
    if type(value) is str:
        return counted(_string(value)).find(_string(wanted))
    kind = type(wanted)
    for place, item in enumerate(items(value)):
        if item is wanted or (type(item) is kind and kind not in CONTAINERS and identical(item, wanted)):
            return place
        if kind in NUMBERS and identical(item, wanted):
            return place
    return -1


def includes(value: Any, wanted: Any) -> bool:
    return _string(wanted) in _string(value) if type(value) is str else find(value, wanted) >= 0


def starts(value: Any, wanted: Any) -> bool:
    return _string(value).startswith(_string(wanted))


def ends(value: Any, wanted: Any) -> bool:
    return _string(value).endswith(_string(wanted))


def lower(value: Any) -> str:
    if not _string(value).isascii():
        raise GivesUp
    return str(value.lower())


def upper(value: Any) -> str:
    if not _string(value).isascii():
        raise GivesUp
    return str(value.upper())


def trim(value: Any) -> str:
    if not _string(value).isascii():
        raise GivesUp
    return str(value.strip(_SPACE))


def split(value: Any, by: Any) -> list[str]:
    if not _string(by):
        raise GivesUp
    found = _string(value).split(by)
    spend(len(found))
    return list(found)


def join(value: Any, by: Any) -> str:
    if not all(type(item) is str for item in items(value)):
        raise GivesUp
    size = sum(map(len, value)) + len(_string(by)) * len(value)
    if size > LONGEST:
        raise GivesUp
    spend(size >> 6)
    return str(by.join(value))


def _edge(value: Any) -> int:
    if type(value) is int and 0 <= value <= SAFE:
        return value
    raise GivesUp


def slice_(value: Any, start: Any, end: Any = UNDEFINED) -> Any:
    """`value.slice(start, end)`, neither counted from behind."""
    first = _edge(start)
    last = None if end is UNDEFINED else _edge(end)
    if type(value) is str:
        return counted(_string(value))[first:last]
    return items(value)[first:last]


def character(value: Any, at: Any) -> str:
    return counted(_string(value))[_edge(at) : at + 1]


def position(value: Any, start: Any, end: Any = UNDEFINED) -> str:
    """`value.substring(start, end)`, where the end is not before the start."""
    if type(value) is not str or (end is not UNDEFINED and _edge(end) < _edge(start)):
        raise GivesUp
    return str(slice_(value, start, end))


# -- arrays and what is done with each item: as many as there were in the beginning

_Call = Callable[[Any, Any, Any], Any]


def each(value: Any, call: _Call) -> Any:
    for place in range(len(items(value))):
        call(value[place], place, value)
    return UNDEFINED


def mapped(value: Any, call: _Call) -> list[Any]:
    return [call(value[place], place, value) for place in range(len(items(value)))]


def filtered(value: Any, call: _Call) -> list[Any]:
    found = []
    for place in range(len(items(value))):
        item = value[place]
        if truth(call(item, place, value)):
            found.append(item)
    return found


def some(value: Any, call: _Call) -> bool:
    return any(truth(call(value[place], place, value)) for place in range(len(items(value))))


def every(value: Any, call: _Call) -> bool:
    return all(truth(call(value[place], place, value)) for place in range(len(items(value))))


def throw(value: Any) -> None:
    raise Thrown(value)


METHODS: Final[tuple[Callable[..., Any], ...]] = (
    character, each, ends, every, filtered, find, includes, join, lower, mapped, position, slice_, some,
    split, starts, throw, trim, upper,
)  # fmt: skip
