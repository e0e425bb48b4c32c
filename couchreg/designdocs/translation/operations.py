"""What JavaScript's operations give for the values here. Each raises GivesUp for what is left to the engine.

`OPERATIONS` are those that translated functions call, by their names. Pure but for the fuel.
Source: https://tc39.es/ecma262/multipage/abstract-operations.html
"""

from collections.abc import Callable
from typing import Any, Final

from couchreg.designdocs.translation.values import (
    SAFE,
    UNDEFINED,
    GivesUp,
    check_order,
    spend,
)

# What every object has without being told: a name among these leads to what is no JSON.
INHERITED: Final = frozenset(
    (
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    )
)
CONTAINERS: Final = frozenset({list, dict})
NUMBERS: Final = frozenset({int, float})
LONGEST: Final = 1 << 20  # characters that are put together
_INDEX: Final = 10  # digits
_LONG: Final = 256  # characters that cost something to compare


# -- members


def get(value: Any, name: str) -> Any:
    """`value.name`, of a name that nothing inherits."""
    if type(value) is dict:
        return value.get(name, UNDEFINED)
    raise GivesUp


def length(value: Any) -> Any:
    if type(value) is list:
        return len(value)
    if type(value) is str:
        return len(counted(value))
    return get(value, "length")


def index(value: Any, at: Any) -> Any:
    """`value[at]`."""
    kind, key = type(value), type(at)
    if kind is list and key is int:
        return value[at] if 0 <= at < len(value) else UNDEFINED
    if key is str:
        if kind is dict and at not in INHERITED:
            return value.get(at, UNDEFINED)
        if kind is list and _is_index(at):
            return index(value, int(at))
    if kind is str and key is int:
        return counted(value)[at] if 0 <= at < len(value) else UNDEFINED
    raise GivesUp


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _INDEX and (text[0] != "0" or text == "0")


def counted(text: str) -> str:
    """A text whose characters are counted as JavaScript does."""
    if text.isascii():
        return text
    spend(len(text) >> 4)
    if max(text) > "\uffff":
        raise GivesUp
    return text


def put(value: Any, at: Any, item: Any) -> None:
    """`value[at] = item`, of an object or array that the function has made itself."""
    spend(1)
    kind, key = type(value), type(at)
    if kind is list and key is int and at == len(value):
        value.append(item)
    elif (kind is dict and key is str and at != "__proto__") or (
        kind is list and key is int and 0 <= at < len(value)
    ):
        value[at] = item
    else:
        raise GivesUp


def push(value: Any, item: Any) -> int:
    spend(1)
    if type(value) is not list:
        raise GivesUp
    value.append(item)
    return len(value)


def has(name: Any, value: Any) -> bool:
    """`name in value`."""
    if type(value) is dict and type(name) is str and name not in INHERITED:
        return name in value
    raise GivesUp


def own(value: Any, name: Any) -> bool:
    """`value.hasOwnProperty(name)`."""
    if type(value) is dict and type(name) is str and "hasOwnProperty" not in value:
        return name in value
    raise GivesUp


def items(value: Any) -> list[Any]:
    """What `for (… of value)` goes through."""
    if type(value) is not list:
        raise GivesUp
    spend(len(value))
    return value


def have(value: Any) -> list[str]:
    """What `for (… in value)` goes through."""
    if value is None or value is UNDEFINED:
        return []
    if type(value) is list:
        spend(len(value))
        return [str(at) for at in range(len(value))]
    return keys(value)


def keys(value: Any) -> list[str]:
    """`Object.keys(value)`."""
    if type(value) is not dict:
        raise GivesUp
    spend(len(value))
    check_order(value)
    return list(value)


def loop(value: Any) -> int:
    """The length of an array through which a loop goes."""
    return len(items(value))


# -- comparing


def truth(value: Any) -> bool:
    return bool(value) or type(value) in CONTAINERS


def identical(left: Any, right: Any) -> bool:
    """`left === right`."""
    kind, other = type(left), type(right)
    if kind is str:
        return other is str and _same(left, right)
    if kind in NUMBERS and other in NUMBERS:
        return bool(_number(left) == _number(right))
    return left is right


def _same(left: str, right: str) -> bool:
    if len(left) != len(right):
        return False
    spend(len(left) >> 8)
    return left == right


def equal(left: Any, right: Any) -> bool:
    """`left == right`, where nothing is converted."""
    kind, other = type(left), type(right)
    if left is None or left is UNDEFINED or right is None or right is UNDEFINED:
        return (left is None or left is UNDEFINED) and (right is None or right is UNDEFINED)
    if (
        kind is other
        or (kind in NUMBERS and other in NUMBERS)
        or (kind in CONTAINERS and other in CONTAINERS)
    ):
        return identical(left, right)
    raise GivesUp


def _number(value: Any) -> Any:
    if type(value) is int and not -SAFE <= value <= SAFE:
        raise GivesUp
    return value


def _ordered(left: Any, right: Any) -> bool:
    """Whether they have an order; with `undefined` nothing has."""
    kind, other = type(left), type(right)
    if kind in NUMBERS and other in NUMBERS:
        return _number(left) is left and _number(right) is right
    if kind is str and other is str:
        if len(left) > _LONG < len(right):
            spend(min(len(left), len(right)) >> 8)
        return counted(left) is left and counted(right) is right
    if (left is UNDEFINED and other in NUMBERS) or (right is UNDEFINED and kind in NUMBERS):
        return False
    raise GivesUp


def less(left: Any, right: Any) -> bool:
    return _ordered(left, right) and bool(left < right)


def greater(left: Any, right: Any) -> bool:
    return _ordered(left, right) and bool(left > right)


def most(left: Any, right: Any) -> bool:
    """`left <= right`."""
    return _ordered(left, right) and bool(left <= right)


def least(left: Any, right: Any) -> bool:
    """`left >= right`."""
    return _ordered(left, right) and bool(left >= right)


def typeof(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return "string"
    if kind in NUMBERS:
        return "number"
    if kind is bool:
        return "boolean"
    return "undefined" if value is UNDEFINED else "object"


def is_array(value: Any) -> bool:
    return type(value) is list


def nothing(*_: Any) -> bool:
    """False, whatever was looked at for it."""
    return False


# -- counting and joining


def text(value: Any) -> str:
    """`String(value)`."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int:
        return str(_number(value))
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "undefined"
    raise GivesUp


def add(left: Any, right: Any) -> Any:
    kind, other = type(left), type(right)
    if kind is str or other is str:
        left, right = text(left), text(right)
        size = len(left) + len(right)
        if size > LONGEST:
            raise GivesUp
        spend(size >> 6)
        return left + right
    return _made(_counting(left) + _counting(right))


def add_number(left: Any, right: Any) -> Any:
    """`left++`, which makes a number of whatever it was."""
    return _made(_counting(left) + right)


def subtract(left: Any, right: Any) -> Any:
    return _made(_counting(left) - _counting(right))


def times(left: Any, right: Any) -> Any:
    return _made(_counting(left) * _counting(right))


def divide(left: Any, right: Any) -> Any:
    if not _counting(right):
        raise GivesUp
    return _made(_counting(left) / right)


def modulo(left: Any, right: Any) -> int:
    """Of integers that are not negative: for others the languages differ."""
    if type(left) is int and type(right) is int and 0 <= left <= SAFE and 0 < right <= SAFE:
        return left % right
    raise GivesUp


def negated(value: Any) -> Any:
    return -_counting(value)


def _counting(value: Any) -> Any:
    """A number. Zero has no sign here: nothing that is done with one shows it."""
    if type(value) is int and -SAFE <= value <= SAFE:
        return value
    if type(value) is float:
        return value
    raise GivesUp


def _made(value: Any) -> Any:
    """The result: an integer where it is one, nothing that has lost digits or is without bounds."""
    if type(value) is float:
        if not -SAFE <= value <= SAFE:
            raise GivesUp
        return int(value) if value.is_integer() else value
    return _number(value)


OPERATIONS: Final[tuple[Callable[..., Any], ...]] = (
    add, add_number, divide, equal, get, greater, has, have, identical, index, is_array, items, keys,
    least, length, less, loop, modulo, most, negated, nothing, own, push, put, spend, subtract, text,
    times, truth, typeof,
)  # fmt: skip
