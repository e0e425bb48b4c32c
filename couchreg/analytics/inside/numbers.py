"""Numbers of a table as Parquet keeps them: exact where 38 digits are enough, else the nearest double.

Which of these it is follows from all values of the column, so it is measured before it is written.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

Values = Sequence[Any]
_PLAIN = re.compile(r"(?:[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?\x1f)*+")
_WHOLE = re.compile(r"(?:[+-]?[0-9]{1,30}\x1f)*+")
_SEPARATOR = "\x1f"
_LEAST, _MOST = 18, 38  # digits of decimals that take 8 and 16 bytes
_INT64 = range(-(1 << 63), 1 << 63)


def plain_numbers(cells: Values) -> bool:
    """Whether all of these texts are digits with at most a sign and a point: then they need not be read."""
    return _all(_PLAIN, cells)


def plain_integers(cells: Values) -> bool:
    """The same without a point."""
    return _all(_WHOLE, cells)


def _all(pattern: re.Pattern[str], cells: Values) -> bool:
    joined = _SEPARATOR.join(cells) + _SEPARATOR if cells else ""
    return joined.count(_SEPARATOR) == len(cells) and bool(pattern.fullmatch(joined))


class Numbers:
    """What the numbers of a column need, and its Arrow type for as much as has been seen."""

    def __init__(self) -> None:
        self._whole = self._scale = 0  # digits before and after the point, of all values
        self._is_double = False

    def measure(self, values: Iterable[Any]) -> None:
        """Take notice of texts of plain numbers, decimals, integers or floats, and None."""
        whole, scale = self._whole, self._scale
        for value in set(values):
            if value is None:
                continue
            if type(value) is str:
                before, _, after = value.lstrip("+-").partition(".")
                digits, places = len(before.lstrip("0")), len(after)
            elif isinstance(value, float):
                self._is_double = True  # it was one in the source, which says more than its digits
                continue
            else:
                found = value if isinstance(value, Decimal) else Decimal(value)
                if not found.is_finite():
                    self._is_double = True
                    continue
                places = max(0, -int(found.as_tuple().exponent))
                digits = max(0, found.adjusted() + 1) if found else 0
            whole, scale = max(whole, digits), max(scale, places)
        self._whole, self._scale = whole, scale

    @property
    def type(self) -> pa.DataType:
        digits = self._whole + self._scale
        if self._is_double or digits > _MOST:
            return pa.float64()
        return pa.decimal128(_LEAST if digits <= _LEAST else _MOST, self._scale)

    @staticmethod
    def array(values: Values, type: pa.DataType) -> pa.Array:
        """Raises ArrowInvalid, OverflowError for what the type cannot hold."""
        if pa.types.is_decimal(type):
            texts = [value if value is None or is_text(value) else f"{value:f}" for value in values]
            return pa.array(texts, pa.string()).cast(type)
        return pa.array([None if value is None else as_double(value) for value in values], type)


class Integers:
    """The same for integers, which are 64 bits wide where that is enough."""

    def __init__(self) -> None:
        self._is_long = False
        self._digits = 0

    def measure(self, values: Iterable[Any]) -> None:
        for value in set(values):
            if value is not None and (self._is_long or value not in _INT64):
                self._is_long = True
                self._digits = max(self._digits, Decimal(value).adjusted() + 1)

    @property
    def type(self) -> pa.DataType:
        if not self._is_long:
            return pa.int64()
        return pa.decimal128(_MOST, 0) if self._digits <= _MOST else pa.float64()

    @staticmethod
    def array(values: Values, type: pa.DataType) -> pa.Array:
        """Raises as that of `Numbers`."""
        if pa.types.is_integer(type):
            return pa.array(values, type)
        if pa.types.is_decimal(type):
            return Numbers.array([None if value is None else Decimal(value) for value in values], type)
        return Numbers.array(values, type)


def is_text(value: Any) -> bool:
    return type(value) is str


def as_double(value: Any) -> float:
    """The nearest double. Raises OverflowError for a number that none is near to."""
    found = float(value)
    if found in (float("inf"), float("-inf")) and Decimal(value).is_finite():
        raise OverflowError("it is larger than any number that a table can hold")
    return found
