"""The cells of one field, some thousand at a time: which of them are clean beyond doubt. See `sifting`."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from couchreg.registry.checking.equality import comparable, needs_comparing

CHUNK = 8192  # rows looked at together
_SEPARATOR = "\x1f"
_DIGITS = "[0-9]{1,300}"
# What the readers of these types take without a doubt. Whatever else they take, they are asked about.
_PLAIN = {
    "integer": f"[+-]?{_DIGITS}",
    "number": rf"[+-]?{_DIGITS}(?:\.{_DIGITS})?(?:[eE][+-]?[0-9]{{1,3}})?",
}
_DEFINED = frozenset(("group_char", "decimal_char", "bare_number", "float_number"))

_VALUES = {str, int, float, bool, Decimal, date, datetime, time}

Cells = Sequence[Any]


class CheckedColumn:
    """One field of a table: what is known of its cells."""

    def __init__(self, declared: Any, allowed: frozenset[Any] | None, room: int) -> None:
        self.read: Callable[[Any], tuple[Any, Any]] = declared.create_cell_reader()
        missing = declared.missing_values
        if not declared.has_defined("missing_values") and declared.schema:
            missing = declared.schema.missing_values
        self.missing = frozenset(missing)
        self._allowed = allowed
        self._room = room
        self._comparable = comparable if needs_comparing(declared.type) else None
        self._clean: set[Any] = set()
        self._kind: type = str  # of the cells in `_clean`, so that 1 is not taken for True
        constraints = {key for key, value in declared.constraints.items() if value is not None} - {"unique"}
        self._required = bool(declared.constraints.get("required"))
        free = allowed is None and not constraints - {"required"}
        is_text = declared.type == "string" and declared.format == "default"
        self._any_text = free and (is_text or declared.type == "any")
        self._plain = self._pattern(declared) if free else None
        self._is_integer = self._plain is not None and declared.type == "integer"
        self._varied = False  # whether most values are new: then matching is cheaper than remembering

    def _pattern(self, declared: Any) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
        """Expressions for one plain cell and for a column of them; None where there is no such thing."""
        one = _PLAIN.get(declared.type)
        if one is None or _DEFINED & set(declared.list_defined()) or not self.missing <= {""}:
            return None
        if self.missing and not self._required:
            one = f"(?:{one})?"
        return re.compile(one), re.compile(f"(?:{one}{_SEPARATOR})*+")

    def faults(self, cells: Cells) -> list[int]:
        """The places of cells that are wrong, or may be."""
        kinds = set(map(type, cells))
        if kinds <= {str}:
            if self._any_text:
                absent = self.missing.intersection(cells) if self._required else ()
                return [place for place, cell in enumerate(cells) if cell in absent] if absent else []
            if self._varied and self._are_plain(cells):
                return []
        kind = _only(kinds)
        if kind is None:
            return [place for place, cell in enumerate(cells) if not self._is_right(cell)]
        if kind is not self._kind:
            self._clean.clear()
            self._kind = kind
        wrong = self._wrong(set(cells))
        return [place for place, cell in enumerate(cells) if cell in wrong] if wrong else []

    def _are_plain(self, cells: Cells) -> bool:
        if self._plain is None:
            return False
        joined = _SEPARATOR.join(cells) + _SEPARATOR
        return joined.count(_SEPARATOR) == len(cells) and bool(self._plain[1].fullmatch(joined))

    def _wrong(self, distinct: set[Any]) -> set[Any]:
        new = distinct - self._clean
        is_plain = self._plain is not None and self._kind is str and None not in new
        self._varied = is_plain and len(new) * 2 > len(distinct) > CHUNK // 8
        if self._plain is not None and is_plain:
            matches = self._plain[0].fullmatch
            wrong = {cell for cell in new if not matches(cell) and not self._is_right(cell)}
        else:
            wrong = {cell for cell in new if not self._is_right(cell)}
        if len(self._clean) + len(new) > self._room:
            self._clean.clear()
        if len(new) <= self._room:
            self._clean |= new - wrong
        return wrong

    def _is_right(self, cell: Any) -> bool:
        value, notes = self.read(cell)
        return not notes and (self._allowed is None or value is None or comparable(value) in self._allowed)

    def values(self, cells: Cells) -> list[Any]:
        """The cells as frictionless reads them and as they are compared: None for what is missing or not of
        the type."""
        if self._is_integer and "" not in cells and _are_texts(cells) and self._are_plain(cells):
            return list(map(int, cells))
        if self._any_text and _are_texts(cells):
            if not self.missing.intersection(cells):
                return list(cells)
            return [None if cell in self.missing else cell for cell in cells]
        values = [self.read(cell)[0] for cell in cells]
        return list(map(self._comparable, values)) if self._comparable else values


def _only(kinds: set[type]) -> type | None:
    """The type of all cells beside None, where it is one whose values can be remembered."""
    known = kinds - {type(None)}
    return next(iter(known)) if len(known) == 1 and known <= _VALUES else None


def _are_texts(cells: Iterable[Any]) -> bool:
    return set(map(type, cells)) <= {str}
