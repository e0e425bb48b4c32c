"""Types of fields whose values are lists, objects, places or anything. Child process only: see `fields`.

Source: https://datapackage.org/standard/table-schema/#field-types.
"""

import json
from decimal import Decimal
from typing import Any

import attrs
from frictionless import fields

from couchreg.registry.checking.equality import comparable, one_nan
from couchreg.registry.checking.profiles import validator
from couchreg.registry.checking.readers import Reader, constrained, reader_of
from couchreg.registry.checking.whole import WholeList, WholeObject, plain, whole

_PLACE = {"lon", "lat"}


@attrs.define(kw_only=True, repr=False)
class Geopoint(fields.GeopointField):
    """With JSON for both formats of JSON, be it in a text or the cell itself."""

    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.GeopointField, self)
        is_json, is_object = self.format != "default", self.format == "object"

        def read(cell: Any) -> Any:
            if isinstance(cell, str) and not is_json:
                is_foreign = any(char.isdecimal() and char > "9" for char in cell)
                return None if is_foreign else inner(cell)
            if isinstance(cell, str):
                cell = _of_json(cell)
            if is_object:
                is_one = isinstance(cell, dict) and cell.keys() == _PLACE
                cell = (cell["lon"], cell["lat"]) if is_one else None
            is_pair = isinstance(cell, list | tuple) and all(map(_is_number, cell))
            return inner(tuple(map(_exact, cell))) if is_pair else None

        return read


def _of_json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _exact(value: Any) -> Any:
    """A number as it is written, whatever a reader of JSON has made of it; what else there is as it is."""
    return one_nan(Decimal(repr(value))) if isinstance(value, float) else value


@attrs.define(kw_only=True, repr=False)
class Unspecified(fields.AnyField):
    """Of any type. Numbers are as they are written, so that they equal those of other fields."""

    def create_value_reader(self) -> Reader:
        return lambda cell: whole(_exact(cell))

    def create_cell_reader(self) -> Any:
        stated = self.constraints.get("enum")
        if stated is None:
            return fields.AnyField.create_cell_reader(self)
        allowed = {comparable(whole(_exact(value))) for value in stated}
        note = f'constraint "enum" is "{stated}"'
        return constrained(
            self, fields.AnyField, "enum", lambda value: None if comparable(value) in allowed else note
        )


@attrs.define(kw_only=True, repr=False)
class ListOfItems(fields.ListField):
    """Of which keys may be made. The standard has `enum` for all types."""

    supported_constraints = [*fields.ListField.supported_constraints, "enum"]  # noqa: RUF012 — as the base class has it

    def create_value_reader(self) -> Reader:
        inner = reader_of(fields.ListField, self)

        def read(cell: Any) -> Any:
            items = inner(cell)
            return None if items is None else WholeList(items)

        return read


def with_whole_values(base: Any) -> Any:
    """A type whose values are lists or objects, of which keys may be made, too."""

    @attrs.define(kw_only=True, repr=False)
    class Whole(base):  # type: ignore[misc]
        def create_value_reader(self) -> Reader:
            inner = reader_of(base, self)

            def read(cell: Any) -> Any:
                value = whole(inner(cell))
                # Readers of items put what they have read into the list, and the cell is read again.
                return type(value)(value) if isinstance(value, WholeList | WholeObject) else value

            return read

    return Whole


def with_json_schema(base: Any) -> Any:
    """A type whose values may have a `jsonSchema`, which came with version 2."""

    @attrs.define(kw_only=True, repr=False)
    class Shaped(base):  # type: ignore[misc]
        supported_constraints = [*base.supported_constraints, "jsonSchema"]  # noqa: RUF012 — as the base class has it

        def create_cell_reader(self) -> Any:
            schema = self.constraints.get("jsonSchema")
            if schema is None:
                return base.create_cell_reader(self)
            faults = validator(schema)

            def test(value: Any) -> str | None:
                fault = next(faults(plain(value)), None)
                return fault and f'constraint "jsonSchema" is not met: {fault}'

            return constrained(self, base, "jsonSchema", test)

    return Shaped
