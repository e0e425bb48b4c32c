"""What a selector says of fields: which must be there, and between which values. Pure.

A normalized selector is walked once. What is found here are CouchDB's own terms of choosing an index: only
`$and` and plain comparisons are looked through. The finer ranges that are then read are `ranges`'.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from couchreg.model.collation import sort_key
from couchreg.model.selector import Selector, named_fields

COMPARISONS: Final = frozenset({"$lt", "$lte", "$eq", "$gt", "$gte", "$beginsWith"})
INDEXABLE: Final = COMPARISONS | {"$exists"}
LAST: Final = "\uffff"  # sorts behind every other character
EVERY_FIELD: Final = None  # what an empty `$or` requires


class SpanEnd(NamedTuple):
    """One end of a range of values; `key` is the sort key of `value`."""

    key: bytes
    value: Any
    inclusive: bool


class KeySpan(NamedTuple):
    """Values between two ends; None is no end."""

    low: SpanEnd | None = None
    high: SpanEnd | None = None

    @property
    def is_one(self) -> bool:
        return self.low is not None and self.high is not None and self.low.key == self.high.key


ANYTHING: Final = KeySpan()


@dataclass(frozen=True, slots=True)
class Analysis:
    """`spans` has the values of indexable fields, None where there can be none. `required` are fields that
    every match has, None for any field whatever. `constant` fields have one value."""

    indexable: tuple[str, ...]
    spans: dict[str, KeySpan | None]
    required: frozenset[str] | None
    constant: frozenset[str]
    fields: tuple[str, ...]
    is_text: bool

    def requires(self, fields: set[str]) -> bool:
        return self.required is EVERY_FIELD or fields <= self.required

    def ranges(self) -> dict[str, KeySpan | None]:
        """Those of all indexable fields; where one can have no value, that alone counts."""
        for name in self.indexable:
            if self.spans[name] is None:
                return {name: None}
        return {name: self.spans[name] for name in self.indexable}


def analyse(selector: Selector) -> Analysis:
    """Of a normalized selector."""
    spans: dict[str, KeySpan | None] = {}
    indexable, constant = set(), set()
    for name, condition in _conjuncts(selector):
        [(operator, argument)] = condition.items()
        if operator in INDEXABLE:
            indexable.add(name)
        if operator == "$eq":
            constant.add(name)
        span = spans.get(name, ANYTHING)
        spans[name] = span if span is None else narrowed(span, operator, argument)
    every = list(named_fields(selector))
    return Analysis(
        indexable=tuple(sorted(indexable, key=str.encode)),
        spans=spans,
        required=_required(selector),
        constant=frozenset(constant),
        fields=tuple(every),
        is_text="$default" in every,
    )


def _conjuncts(form: Selector) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields with their conditions that hold together."""
    for name, argument in form.items():
        if name == "$and":
            for inner in argument:
                yield from _conjuncts(inner)
        elif not name.startswith("$"):
            yield name, argument


def equalities(form: Selector) -> dict[str, Any] | None:
    """The values that fields must have, of a normalized selector that says nothing else; None of another."""
    found: dict[str, Any] = {}
    for name, argument in form.items():
        if name == "$and":
            several = [equalities(inner) for inner in argument]
        elif not name.startswith("$") and argument.keys() == {"$eq"}:
            several = [{name: argument["$eq"]}]
        else:
            return None
        for one in several:
            if one is None or not found.keys().isdisjoint(one):
                return None
            found |= one
    return found


def _required(form: Selector) -> frozenset[str] | None:
    for name, argument in form.items():
        if name == "$and":
            found: set[str] = set()
            for each in map(_required, argument):
                if each is EVERY_FIELD:
                    return EVERY_FIELD
                found |= each
            return frozenset(found)
        if name == "$or":
            common: frozenset[str] | None = EVERY_FIELD
            for each in map(_required, argument):
                common = each if common is None else common if each is None else common & each
            return common
        return frozenset() if argument == {"$exists": False} else frozenset({name})
    return frozenset()


def narrowed(span: KeySpan, operator: str, argument: Any) -> KeySpan | None:
    """A span with one more comparison; None when no value is left."""
    if operator == "$beginsWith":
        first = narrowed(span, "$gte", argument)
        return None if first is None else narrowed(first, "$lte", argument + LAST)
    if operator not in COMPARISONS:
        return span
    key = sort_key(argument)
    low = SpanEnd(key, argument, operator != "$gt") if operator in ("$eq", "$gt", "$gte") else None
    high = SpanEnd(key, argument, operator != "$lt") if operator in ("$eq", "$lt", "$lte") else None
    return _filled(KeySpan(_higher(span.low, low), _lower(span.high, high)))


def _higher(left: SpanEnd | None, right: SpanEnd | None) -> SpanEnd | None:
    """The stricter of two low ends."""
    if left is None or right is None:
        return right if left is None else left
    if left.key == right.key:
        return left if not left.inclusive else right
    return left if left.key > right.key else right


def _lower(left: SpanEnd | None, right: SpanEnd | None) -> SpanEnd | None:
    if left is None or right is None:
        return right if left is None else left
    if left.key == right.key:
        return left if not left.inclusive else right
    return left if left.key < right.key else right


def _filled(span: KeySpan) -> KeySpan | None:
    low, high = span
    if low is None or high is None or low.key < high.key:
        return span
    return span if low.key == high.key and low.inclusive and high.inclusive else None
