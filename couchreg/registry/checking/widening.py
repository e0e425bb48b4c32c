"""Types that were guessed from some values of a column, made as wide as all values need them.

Marks of missing values are told instead: a program that writes `NA` writes it into columns of any type.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from frictionless import Field

_MARKS = frozenset(("NA", "N/A", "n/a", "#N/A", "NULL", "null"))
_WIDER = {"integer": ("number",), "year": ("integer", "number")}  # and text, in the end


def widen(schema: dict[str, Any], columns: Sequence[Collection[str]]) -> None:
    """Give the fields of a schema types that all these values have, which are not blank."""
    marks: set[str] = set()
    for field, values in zip(schema["fields"], columns, strict=True):
        wrong = _misread(field, values)
        if wrong <= _MARKS:
            marks |= wrong
            continue
        widened = (
            {"name": field["name"], "type": kind} for kind in (*_WIDER.get(field["type"], ()), "string")
        )
        found = next(one for one in widened if one["type"] == "string" or _misread(one, values) <= _MARKS)
        marks |= _misread(found, values)
        field.clear()
        field.update(found)
    if marks:
        schema["missingValues"] = ["", *sorted(marks)]


def _misread(field: dict[str, Any], values: Iterable[str]) -> set[str]:
    """The values that are none of the field's type."""
    read = Field.from_descriptor(dict(field)).create_cell_reader()
    return {value for value in values if read(value)[1]}
