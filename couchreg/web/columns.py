"""What a schema says of columns, in words.

Source: https://datapackage.org/standard/table-schema/#constraints.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from couchreg.web.showing import cell, plain

_MOST: Final = 200  # columns
_MOST_VALUES: Final = 10  # of those that are allowed
_LONGEST: Final = 300  # characters of a text
_WORDS: Final = {
    "minimum": "{} or more",
    "maximum": "{} or less",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "of {} characters or more",
    "maxLength": "of {} characters or less",
    "pattern": "written as {}",
}


class DescribedColumn(NamedTuple):
    """A column as its publisher describes it; `rules` are what its values have to be."""

    name: str
    description: str
    rules: str


def described(schema: Any) -> list[DescribedColumn]:
    """Those of whom there is something to say; of anything at all, since publishers write all kinds of
    things."""
    if not isinstance(schema, Mapping):
        return []
    fields, key = schema.get("fields"), schema.get("primaryKey")
    keys = [key] if isinstance(key, str) else key if isinstance(key, list) else []
    found = [
        DescribedColumn(
            plain(one.get("name"), _LONGEST),
            plain(one.get("description") or one.get("title"), _LONGEST),
            ", ".join(_rules(one, is_key=one.get("name") in keys[:_MOST])),
        )
        for one in (fields[:_MOST] if isinstance(fields, list) else [])
        if isinstance(one, Mapping)
    ]
    return [one for one in found if one.name and (one.description or one.rules)]


def _rules(field: Mapping[str, Any], *, is_key: bool) -> list[str]:
    stated = field.get("constraints")
    stated = stated if isinstance(stated, Mapping) else {}
    unit = plain(field.get("unit"), _LONGEST)
    rules = [f"in {unit}"] if unit else []
    rules += ["the key"] if is_key else []
    rules += ["never empty"] if stated.get("required") is True else []
    rules += ["each value once"] if stated.get("unique") is True else []
    told = {name: stated.get(name) for name in _WORDS}
    rules += [_WORDS[name].format(cell(value)) for name, value in told.items() if _is_told(value)]
    allowed = stated.get("enum") or field.get("categories")
    if isinstance(allowed, list) and allowed:
        listed = [cell(_value(one)) for one in allowed[:_MOST_VALUES]]
        rules.append("one of " + ", ".join([*listed, "…"] if len(allowed) > _MOST_VALUES else listed))
    return [rule if len(rule) <= _LONGEST else rule[: _LONGEST - 1] + "…" for rule in rules]


def _is_told(value: Any) -> bool:
    return isinstance(value, int | float | str) and value != ""


def _value(category: Any) -> Any:
    """A category may be a value, or an object with one."""
    return category.get("value") if isinstance(category, Mapping) else category
