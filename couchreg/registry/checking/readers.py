"""Readers of values and of cells, made of frictionless's own. Child process only."""

from collections.abc import Callable
from typing import Any

Reader = Callable[[Any], Any]


def reader_of(base: Any, field: Any) -> Reader:
    """frictionless's own reader of a field's values."""
    found: Reader = base.create_value_reader(field)
    return found


def constrained(field: Any, base: Any, name: str, test: Callable[[Any], str | None]) -> Any:
    """A reader of cells in which `test` (why a value does not fit) stands for the constraint `name`."""
    kept = field.constraints
    field.constraints = {key: value for key, value in kept.items() if key != name}
    try:
        inner = base.create_cell_reader(field)
    finally:
        field.constraints = kept

    def read(cell: Any) -> Any:
        value, notes = inner(cell)
        why = test(value) if value is not None else None
        return value, (notes if why is None else {**(notes or {}), name: why})

    return read
