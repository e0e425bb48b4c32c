"""Numbers of a table as Parquet keeps them: exact where 38 digits are enough, else the nearest double.

Which of these it is follows from all values of the column, so it is measured before it is written.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

# Of cells or their values. An array is of plain numbers: of their texts, or of 64-bit integers.
Values: TypeAlias = Sequence[Any] | pa.Array
_PLAIN = re.compile(r"(?:[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?\x1f)*+")
_WHOLE = re.compile(r"(?:[+-]?[0-9]{1,30}\x1f)*+")
_SHORT = re.compile(r"(?:-?[0-9]{1,18}\x1f)*+")
_SEPARATOR = "\x1f"
_LEAST, _MOST = 18, 38  # digits of decimals that take 8 and 16 bytes
_INT64 = range(-(1 << 63), 1 << 63)


def plain_numbers(cells: Values) -> bool:
    """Whether all of these texts are digits with at most a sign and a point: then they need not be read."""
    return _all(_PLAIN, cells)


def plain_integers(cells: Values) -> bool:
    """The same without a point."""
    return _all(_WHOLE, cells)


def short_integers(cells: Values) -> bool:
    """The same of those that surely have 64 bits, and as Arrow reads them."""
    return _all(_SHORT, cells)


def _all(pattern: re.Pattern[str], cells: Values) -> bool:
    joined = _SEPARATOR.join(cells) + _SEPARATOR if cells else ""
    return joined.count(_SEPARATOR) == len(cells) and bool(pattern.fullmatch(joined))


class Numbers:
    """What the numbers of a column need, and its Arrow type for as much as has been seen."""

    def __init__(self) -> None:
        self._whole = self._scale = 0  # digits before and after the point, of all values
        self._is_double = False

    def measure(self, values: Values) -> None:
        """Take notice of texts of plain numbers, decimals, integers or floats, and None."""
        whole, scale = self._whole, self._scale
        if isinstance(values, pa.Array):
            digits, places = _widest(values)
            self._whole, self._scale = max(whole, digits), max(scale, places)
            return
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
        if isinstance(values, pa.Array):
            if pa.types.is_decimal(type):
                return values.cast(type)
            values = values.to_pylist()
        if pa.types.is_decimal(type):
            texts = [value if value is None or is_text(value) else f"{value:f}" for value in values]
            return pa.array(texts, pa.string()).cast(type)
        return pa.array([None if value is None else as_double(value) for value in values], type)


class Integers:
    """The same for integers, which are 64 bits wide where that is enough."""

    def __init__(self) -> None:
        self._is_long = False
        self._digits = 0

    def measure(self, values: Values) -> None:
        if isinstance(values, pa.Array) and not self._is_long:
            return
        for value in set(plain_list(values)):
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
            return values if isinstance(values, pa.Array) else pa.array(values, type)
        values = plain_list(values)
        if pa.types.is_decimal(type):
            return Numbers.array([None if value is None else Decimal(value) for value in values], type)
        return Numbers.array(values, type)


def _widest(texts: pa.Array) -> tuple[int, int]:
    """How many digits plain numbers have before and after the point, at most."""
    texts = pc.utf8_ltrim(texts.drop_null(), "+-0")
    if not len(texts):
        return 0, 0
    point, length = pc.find_substring(texts, "."), pc.binary_length(texts)
    has_none = pc.less(point, 0)
    places = pc.if_else(has_none, 0, pc.subtract(pc.subtract(length, point), 1))
    return pc.max(pc.if_else(has_none, length, point)).as_py(), pc.max(places).as_py()


def plain_list(values: Values) -> Sequence[Any]:
    found: Sequence[Any] = values.to_pylist() if isinstance(values, pa.Array) else values
    return found


def is_text(value: Any) -> bool:
    return type(value) is str


def as_double(value: Any) -> float:
    """The nearest double. Raises OverflowError for a number that none is near to."""
    found = float(value)
    if found in (float("inf"), float("-inf")) and Decimal(value).is_finite():
        raise OverflowError("it is larger than any number that a table can hold")
    return found
