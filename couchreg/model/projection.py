"""`fields` as Mango has them: the parts of a document that dotted paths name, in their places."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from couchreg.errors import BadRequest
from couchreg.model.work import STEPS

DEEPEST: Final = 200  # names of a path
_SEPARATOR: Final = re.compile(r"(?<!\\)\.")


class Projection:
    """`Projection(["_id", "a.b"])({"_id": "x", "a": {"b": 1, "c": 2}})` is `{"_id": "x", "a": {"b": 1}}`.

    A backslash before a dot makes it part of a name. Raises BadRequest for fields that are no text.
    """

    def __init__(self, fields: Sequence[Any]) -> None:
        if not all(isinstance(field, str) for field in fields):
            raise BadRequest("Invalid fields: expected a list of strings")
        self._paths = list(dict.fromkeys(tuple(split_path(field)) for field in fields))
        if sum(map(len, self._paths)) > STEPS or any(len(path) > DEEPEST for path in self._paths):
            raise BadRequest("Invalid fields: they are too many, or lead too deep")

    def __call__(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        chosen: dict[str, Any] = {}
        for path in self._paths:
            _copy(doc, chosen, path)
        return chosen


def split_path(field: str) -> list[str]:
    r"""`"a.b\.c"` -> `["a", "b.c"]`."""
    return [part.replace("\\.", ".") for part in _SEPARATOR.split(field)]


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: Sequence[str]) -> None:
    name = path[0]
    if name not in source:
        return
    if len(path) == 1:
        target[name] = source[name]
    elif isinstance(source[name], dict):
        inside: dict[str, Any] = {}
        _copy(source[name], inside, path[1:])
        if inside:
            _merge(target, name, inside)


def _merge(target: dict[str, Any], name: str, inside: dict[str, Any]) -> None:
    """Put parts of an object beside those that other paths have put there."""
    there = target.setdefault(name, {})
    for key, value in inside.items():
        if isinstance(value, dict) and isinstance(there.get(key), dict):
            _merge(there, key, value)
        else:
            there[key] = value
