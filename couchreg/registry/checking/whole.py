"""Lists and objects as values of cells: of plain JSON, written as JSON, and fit to be part of a key. Pure.

Readers of tables give the numbers in them as they please: as decimals out of a file of JSON or of Parquet, as
floats out of lines of JSON. JSON has one kind, in which `0.1` is `0.1` wherever it stands.
"""

import json
from decimal import Decimal
from typing import Any

from couchreg.registry.checking.equality import comparable


class WholeList(list[Any]):
    """One that can be part of a key."""

    def __repr__(self) -> str:
        return _written(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and _compared(self) == _compared(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(_compared(self))


class WholeObject(dict[str, Any]):
    """One that can be part of a key, in which the order of members says nothing."""

    def __repr__(self) -> str:
        return _written(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and _compared(self) == _compared(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(_compared(self))


def whole(value: Any) -> Any:
    """A list or an object as one of the above, with plain numbers all the way down; what else there is as it
    is."""
    if isinstance(value, WholeList | WholeObject):
        return value
    if isinstance(value, list):
        return WholeList(map(plain, value))
    return WholeObject(_members(value)) if isinstance(value, dict) else value


def plain(value: Any) -> Any:
    """A value as JSON has it, numbers in it too, whatever they were read as."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return list(map(plain, value))
    return _members(value) if isinstance(value, dict) else value


def _members(value: dict[str, Any]) -> dict[str, Any]:
    return {key: plain(item) for key, item in value.items()}


def _written(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=_told)
    return text.encode("utf-8", "backslashreplace").decode()  # half a pair of surrogates is no text


def _compared(value: Any) -> Any:
    """A value as JSON compares it: numbers by their values, and none with true or false."""
    if isinstance(value, list):
        return (list, *map(_compared, value))
    if isinstance(value, dict):
        return (dict, frozenset((key, _compared(item)) for key, item in value.items()))
    return comparable(value)


def _told(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
