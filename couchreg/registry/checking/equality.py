"""Which values of fields are one, for keys, references and lists of what is allowed. Child process only.

The standard compares what a cell means, not how it is written: `1.10` and `1.1` are one number, `P1Y` and
`P12M` one duration, two moments one where they are the same instant. Python has it so but for three: true is
no number, durations of equal length have unlike hashes, and NaN equals nothing. A moment with a zone and one
without are never one, as XML Schema has it.

Source: https://datapackage.org/standard/table-schema/#uniqueKeys and https://www.w3.org/TR/xmlschema11-2/#equality.
"""

from decimal import Decimal
from typing import Any

from isodate import Duration

NAN = Decimal("NaN")  # the only one that readers give, so that containers find it
_OWN_TYPES = frozenset(("boolean", "any", "duration"))  # of fields whose values are not their own keys


class Truth:
    """True or false, and no number."""

    __slots__ = ("_value",)

    def __init__(self, value: bool) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Truth) and self._value is other._value

    def __hash__(self) -> int:
        return hash((Truth, self._value))

    def __str__(self) -> str:
        return "true" if self._value else "false"


def comparable(value: Any) -> Any:
    """A value of a cell as it is compared: equal, and with an equal hash, where the values are one."""
    if isinstance(value, bool):
        return Truth(value)
    if isinstance(value, Duration):
        months = Duration(months=value.years * 12 + value.months)
        months.tdelta = value.tdelta
        return months
    return value


def needs_comparing(kind: str) -> bool:
    """Whether values of fields of this type have to be made comparable."""
    return kind in _OWN_TYPES


def one_nan(value: Any) -> Any:
    """A number, which is the one above where it is none."""
    return NAN if value is not None and value != value else value
