"""The values of JavaScript as those of Python: what JSON is read as, and `undefined`. Pure.

Numbers are int or float. There is no NaN and no infinity: what would make one gives up, and so does whatever
meets an integer that no double holds. Strings hold no halves of surrogate pairs, and what counts their
characters gives up where one is beyond U+FFFF.
"""

from typing import Any, Final

SAFE: Final = (1 << 53) - 1
DEEP: Final = 100  # levels of nesting that are written
_OFTEN: Final = 64  # characters that cost nothing


class GivesUp(Exception):
    """The engine has to be asked: this value, or this amount of work, is beyond what is done here."""


class Thrown(Exception):
    """What a function throws."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Undefined(tuple[()]):
    """False, as JavaScript's is; an empty tuple says so without a call."""

    __slots__ = ()


UNDEFINED: Final = _Undefined()


class _Fuel:
    """Steps that are left. There is one: functions run in one thread of a process."""

    left = 0


FUEL: Final = _Fuel()


def spend(steps: int) -> None:
    """Raises GivesUp when nothing is left."""
    FUEL.left -= steps
    if FUEL.left < 0:
        raise GivesUp


def plain(value: Any, depth: int = 0) -> Any:
    """What is read from the JSON that JavaScript writes of a value. Raises GivesUp."""
    kind = type(value)
    if kind is str:
        if len(value) > _OFTEN:
            spend(len(value) >> 6)
        return value
    if kind is int:
        if -SAFE <= value <= SAFE:
            return value
        raise GivesUp
    if kind is bool or value is None:
        return value
    if kind is float:
        return _number(value)
    if value is UNDEFINED:
        return None
    spend(1 + len(value))
    if depth > DEEP:
        raise GivesUp
    if kind is list:
        depth += 1
        return [item if type(item) is str and len(item) <= _OFTEN else plain(item, depth) for item in value]
    return _object(value, depth)


def plain_pairs(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """`plain` of keys and values: most are small integers and short texts, for which nothing is called."""
    found = []
    for key, value in pairs:
        if type(key) is not str or len(key) > _OFTEN:
            key = plain(key)
        if type(value) is not int or not -SAFE <= value <= SAFE:
            value = plain(value)
        found.append((key, value))
    return found


def _object(value: dict[str, Any], depth: int) -> dict[str, Any]:
    check_order(value)
    for name in value:
        if len(name) > _OFTEN:
            spend(len(name) >> 6)
    return {name: plain(item, depth + 1) for name, item in value.items() if item is not UNDEFINED}


def check_order(value: dict[str, Any]) -> None:
    """JavaScript has names that are integers before all others, by their size: then it has to say how."""
    if len(value) > 1 and (first := min(value)) < ":" and (first[:1] >= "0" or any(map(_begins, value))):
        raise GivesUp


def _begins(name: str) -> bool:
    return "0" <= name[:1] <= "9"


def _number(value: float) -> float:
    """1.0 is written as 1, -0.0 as 0. Beyond these sizes the digits are not those of Python."""
    if 1e-5 <= value < SAFE or 1e-5 <= -value < SAFE or not value:
        whole = int(value)
        return whole if whole == value else value
    raise GivesUp
