"""`fields` as Mango has them: the parts of a document that dotted paths name, in their places."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from couchreg.errors import BadRequest
from couchreg.model import selector_operators as operators
from couchreg.model.selector_operators import ABSENT
from couchreg.model.work import STEPS

DEEPEST: Final = 200  # names of a path
_INDEX: Final = re.compile("0|[1-9][0-9]{0,17}", re.ASCII)


class Projection:
    """`Projection(["_id", "a.b"])({"_id": "x", "a": {"b": 1, "c": 2}})` is `{"_id": "x", "a": {"b": 1}}`.

    A backslash before a dot makes it part of a name, an item of a list becomes a member of its index. Raises
    BadRequest for fields that are no text or no path.
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
            value = _found(doc, path)
            if value is not ABSENT:
                put(chosen, path, value)
        return chosen


def split_path(field: str) -> list[str]:
    r"""`"a.b\.c"` -> `["a", "b.c"]`. Raises BadRequest for a part without a name."""
    path = operators.split(field)
    if "" in path:
        raise BadRequest(f"Invalid field name: {field}", error="invalid_field_name")
    return path


def _found(value: Any, path: Sequence[str]) -> Any:
    """What stands at a path. An item of a list has one name only, so that nothing is shown twice."""
    for name in path:
        if type(value) is list and not _INDEX.fullmatch(name):
            return ABSENT
        value = operators.value_at(value, (name,))
        if value is ABSENT:
            return ABSENT
    return value


def put(target: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Make `value` stand at a path, with an object for each name on the way; what is there and no object
    stays as it is."""
    for name in path[:-1]:
        target = target.setdefault(name, {})
        if type(target) is not dict:
            return
    target[path[-1]] = value
