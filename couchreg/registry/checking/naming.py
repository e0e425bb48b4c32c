"""Names of fields as frictionless can tell them apart, and the ones that the publisher gave.

The standard allows fields of equal names, without a name, and with blanks around it; frictionless does
not. So it is given other names where that is needed, and what it then says of labels that are right is
left out. Columns without a label of their own have a name nevertheless, which is made of the labels. Pure.

Source: https://specs.frictionlessdata.io/table-schema/#name and
https://datapackage.org/standard/table-schema/#name.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

ABOUT_LABELS = ("incorrect-label", "blank-label", "duplicate-label")


class FieldNames:
    """The names of one schema's fields: `own` as frictionless gets them, in order."""

    def __init__(self, stated: Sequence[str]) -> None:
        self._stated = list(stated)
        self.own: list[str] = []
        taken: set[str] = set()
        for number, name in enumerate(stated, 1):
            wanted = name.strip() or f"field{number}"
            unique, count = wanted, 2
            while unique in taken:
                unique, count = f"{wanted} ({count})", count + 1
            taken.add(unique)
            self.own.append(unique)
        self._of = dict(reversed(list(zip(self.own, self._stated, strict=True))))
        stripped = zip([name.strip() for name in self._stated], self.own, strict=True)
        self._own_of = dict(reversed(list(stripped)))
        self._own_of |= dict(reversed(list(zip(self._stated, self.own, strict=True))))

    @property
    def are_plain(self) -> bool:
        return self.own == self._stated

    def own_of(self, stated: str) -> str:
        """The name that frictionless knows for one that is stated, as in a key; itself for an unknown one."""
        return self._own_of.get(stated, stated)

    def stated_of(self, own: str) -> str:
        return self._of.get(own, own)

    def allows(self, error: Any) -> bool:
        """Whether what frictionless says of a label is nothing by the names that are stated."""
        number = getattr(error, "field_number", None)
        if error.type not in ABOUT_LABELS or not isinstance(number, int) or number > len(self._stated):
            return False
        label = str(getattr(error, "label", "") or "")
        stated = self._stated[number - 1]
        return label.strip() == stated.strip() and (stated != self.own[number - 1])


def made_name(error: Any) -> str | None:
    """The name of a column whose label is none of its own, where frictionless says that; None of others.

    Names have to be unlike each other, so that such a column can only be called otherwise than its label:
    by its number, or by the label and a number. Schemas that are inferred have these names.
    """
    number, labels = getattr(error, "field_number", None), getattr(error, "labels", None)
    if error.type not in ABOUT_LABELS or not isinstance(number, int) or not labels:
        return None
    place = min(number, len(labels)) - 1
    made = _made_names(tuple(map(str, labels)))[place]
    return made if made != str(labels[place]) else None


@lru_cache(maxsize=2)  # thousands of errors may be of the same labels
def _made_names(labels: tuple[str, ...]) -> list[str]:
    made: list[str] = []
    taken: set[str] = set()
    counts: dict[str, int] = {}  # how often a name was wanted, so that no number is tried twice
    for place, label in enumerate(labels, 1):
        wanted = unique = label or f"field{place}"
        count = counts.get(wanted, 1)
        while unique in taken:
            count += 1
            unique = f"{wanted}{count}"
        counts[wanted] = count
        taken.add(unique)
        made.append(unique)
    return made


def renamed(keys: Any, names: FieldNames) -> Any:
    """A name, or a list of them (or of such lists), as frictionless knows it."""
    if isinstance(keys, list):
        return [renamed(key, names) for key in keys]
    return names.own_of(keys) if isinstance(keys, str) else keys
