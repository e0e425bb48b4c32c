"""What of a field contradicts itself: no value could be one of it, or readers would read unlike values.

Child process only.

Source: https://datapackage.org/standard/table-schema/#field-constraints.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from frictionless import Field

from couchreg.package.report import shown
from couchreg.registry.checking.moments import TimeSpan, in_utc

_WHOLE = ("integer", "year")
_LOWER, _UPPER = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")


def contradictions(declared: Any, item: Mapping[str, Any]) -> Iterator[str]:
    """Constraints of a field, each of which is right for itself, that no value could keep together: a
    sentence each. `declared` is the field as frictionless has it."""
    constraints = item.get("constraints") or {}
    yield from _of_lengths(constraints.get("minLength"), constraints.get("maxLength"))
    read = declared.create_value_reader()
    for lower in _LOWER:
        for upper in _UPPER:
            low, high = (read(constraints[name]) if name in constraints else None for name in (lower, upper))
            if low is None or high is None or _leave_room(declared.type, lower, upper, low, high):
                continue
            stated = f"“{lower}” is {shown(constraints[lower])} and “{upper}” is {shown(constraints[upper])}"
            yield f"{stated}, so that no value could keep both: change one of them."
            return
    yield from _of_enum(item, constraints)


def _of_lengths(least: Any, most: Any) -> Iterator[str]:
    if most is not None and most < 0:
        yield f"“maxLength” is {shown(most)}, and no value is that short: write 0 or more, or leave it out."
    elif least is not None and most is not None and most < least:
        words = f"“minLength” is {shown(least)} and “maxLength” is {shown(most)}"
        yield f"{words}, so that no value could keep both: change one of them."


def _leave_room(kind: str, lower: str, upper: str, low: Any, high: Any) -> bool:
    """Whether there may be values between two bounds."""
    if kind == "duration":
        return not TimeSpan(low).keeps(operator.gt, TimeSpan(high))
    is_open = lower != _LOWER[0] or upper != _UPPER[0]
    if kind in _WHOLE:  # the bounds that are values themselves
        low = math.floor(low) + 1 if lower != _LOWER[0] else low
        high = math.ceil(high) - 1 if upper != _UPPER[0] else high
        is_open = False
    compare: Callable[[Any, Any], bool] = operator.lt if is_open else operator.le
    return compare(in_utc(low), in_utc(high))


def _of_enum(item: Mapping[str, Any], constraints: Mapping[str, Any]) -> Iterator[str]:
    others = {name: value for name, value in constraints.items() if name not in ("enum", "unique")}
    if not constraints.get("enum") or not others:
        return
    read = Field.from_descriptor(deepcopy({**item, "constraints": others})).create_cell_reader()
    if all(read(value)[1] for value in constraints["enum"]):
        what = ", ".join(f"“{name}”" for name in others)
        words = f"None of the values of “enum” keeps {what}, so that no value could keep all"
        yield f"{words}: change one of them."


def ambiguities(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What may be read in two ways or says nothing: members of a field, and why, as the end of a sentence."""
    constraints = item.get("constraints") or {}
    if constraints.get("minLength", 0) < 0:
        yield "minLength", f"it is {shown(constraints['minLength'])}, which every value has: write 0 or more"
    if item.get("type") == "number" and item.get("groupChar", "") == item.get("decimalChar", "."):
        mark, stated = shown(item["groupChar"]), "“decimalChar”" if "decimalChar" in item else "the usual one"
        yield (
            "groupChar",
            f"{mark} groups digits and is {stated} before decimals, too, so that it was left out of numbers "
            "here, and others read them otherwise: state another “groupChar” or “decimalChar”",
        )
    if item.get("type") == "boolean":
        declared = Field.from_descriptor(deepcopy(dict(item)))
        both = [value for value in declared.true_values if value in declared.false_values]  # type: ignore[attr-defined]
        if both:
            yield (
                "trueValues",
                f"{shown(both[0])} is one of “trueValues” and of “falseValues”, so that it was read as false "
                "here, and others read it otherwise: leave it out of one, and state both",
            )
