"""Checks of what the Table Schema lets a publisher declare and frictionless does not read: `uniqueKeys` and
`categories` of version 2, and that no field of a primary key is without a value. Runs only in the child
process of a worker.

Source: https://datapackage.org/standard/table-schema/#uniqueKeys, #categories and #primaryKey.
"""

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs
from frictionless import Check, errors

from couchreg.registry.checking.blanks import is_blank
from couchreg.registry.checking.demands import are_looked_at
from couchreg.registry.checking.equality import comparable

Resources = Mapping[str, Mapping[str, Any]]


class UniqueKeyError(errors.RowError):
    type = "unique-key"
    title = "Unique Key Error"
    description = "Values in the fields of a unique key should be unique for every row"
    template = 'Row at position "{rowNumber}" violates a unique key: {note}'


@attrs.define(kw_only=True, repr=False)
class KeyWithoutValueError(errors.CellError):
    type = "primary-key"
    title = "Primary Key Error"
    description = "The fields of a primary key should have values in every row"
    template = (
        'Row at position "{rowNumber}" violates the primary key: the field "{fieldName}" is a part of it and '
        "has no value"
    )


@attrs.define(kw_only=True, repr=False)
class Declared(Check):
    """One of these checks all resources, one after the other."""

    type = "declared"
    Errors = [UniqueKeyError, KeyWithoutValueError, errors.ConstraintError]  # noqa: RUF012 — as the base class has it

    keys: dict[str, list[tuple[str, ...]]] = attrs.field(factory=dict)
    allowed: dict[str, dict[str, frozenset[Any]]] = attrs.field(factory=dict)
    primary: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    seen: list[dict[tuple[Any, ...], int]] = attrs.field(factory=list, init=False)
    current: str = attrs.field(default="", init=False)

    def connect(self, resource: Any) -> None:
        super().connect(resource)
        self.current = resource.name or ""
        self.seen = [{} for _ in self.keys.get(self.current, ())]

    def validate_row(self, row: Any) -> Iterator[Any]:
        yield from _without_value(row, self.primary.get(self.current, ()))
        for key, seen in zip(self.keys.get(self.current, ()), self.seen, strict=True):
            yield from _unique(row, key, seen)
        for name, values in self.allowed.get(self.current, {}).items():
            cell = row.get(name)
            if cell is not None and cell not in values:
                note = f"it is not one of the {len(values)} categories"
                yield errors.ConstraintError.from_row(row, note=note, field_name=name)


def _without_value(row: Any, key: tuple[str, ...]) -> Iterator[Any]:
    """Cells of a primary key in which nothing is; those that are wrong otherwise are told of already."""
    if not key or not set(key) <= set(row.field_names) or is_blank(row.cells):
        return
    told = {getattr(error, "field_name", None) for error in row.errors}
    for name in key:
        if row.get(name) is None and name not in told:
            yield KeyWithoutValueError.from_row(row, note="", field_name=name)


def _unique(row: Any, key: tuple[str, ...], seen: dict[tuple[Any, ...], int]) -> Iterator[Any]:
    """Rows that lack one of the key's values are equal to no other, as in SQL."""
    cells = tuple(row.get(name) for name in key)
    if any(cell is None for cell in cells):
        return
    first = seen.setdefault(tuple(map(_brief, cells)), row.row_number)
    if first != row.row_number:
        note = f"({', '.join(key)}) is the same as in row {first}"
        yield UniqueKeyError.from_row(row, note=note)


def _brief(value: Any) -> Any:
    """A value, or what stands for a long text, of which there may be many."""
    if isinstance(value, str) and len(value) > 32:
        return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return value


def declared(resources: Resources) -> tuple[Declared | None, list[tuple[str, str]]]:
    """The check of these resources, None when nothing is declared; and what is declared wrongly: pairs
    of a resource's name and a sentence."""
    check = Declared()
    faults: list[tuple[str, str]] = []
    for name, resource in resources.items():
        schema = resource.get("schema")
        if not isinstance(schema, dict):
            continue
        fields = _fields(schema)
        keys, wrong = _keys(schema.get("uniqueKeys"), fields)
        faults.extend((name, fault) for fault in wrong)
        allowed = {
            field: _values(members["categories"])
            for field, members in fields.items()
            if are_looked_at(members)
        }
        check.keys |= {name: keys} if keys else {}
        check.allowed |= {name: allowed} if allowed else {}
        key = schema.get("primaryKey")
        check.primary |= {name: (key,) if isinstance(key, str) else tuple(key)} if key else {}
    return (check if check.keys or check.allowed or check.primary else None), faults


def _fields(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    listed = schema.get("fields")
    members = [item for item in (listed if isinstance(listed, list) else ()) if isinstance(item, dict)]
    return {item["name"]: item for item in members if isinstance(item.get("name"), str)}


def _keys(stated: Any, fields: Mapping[str, Any]) -> tuple[list[tuple[str, ...]], list[str]]:
    if stated is None:
        return [], []
    if not isinstance(stated, list) or not all(isinstance(key, list) and key for key in stated):
        return [], ["“uniqueKeys” is a list of lists of field names"]
    keys: list[tuple[str, ...]] = []
    faults: list[str] = []
    for key in stated:
        unknown = [name for name in key if not isinstance(name, str) or name not in fields]
        if unknown:
            faults.append(f"“uniqueKeys” names {str(unknown[0])[:100]!r}, which is not a field")
        else:
            keys.append(tuple(key))
    return keys, faults


def _values(categories: list[Any]) -> frozenset[Any]:
    values = [item.get("value") if isinstance(item, dict) else item for item in categories]
    return frozenset(
        comparable(Decimal(repr(value)) if isinstance(value, float) else value)  # as cells are read
        for value in values
        if isinstance(value, str | int | float)
    )
