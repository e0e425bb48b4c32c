"""Keys of a table, for a quick check: which rows may break them. See `sifting`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from couchreg.registry.checking.hashes import Hashes

Values = Mapping[int, Sequence[Any]]  # of some columns by their places, as frictionless reads them


@dataclass
class Key:
    """Fields, by their places, whose values are not to repeat.

    Rows that lack all values are not compared; rows that lack one are wrong where `blank_is_wrong`, and not
    compared where the key has to be `whole`.
    """

    places: tuple[int, ...]
    whole: bool
    blank_is_wrong: bool = False
    _hashes: Hashes = field(default_factory=Hashes)
    _repeats: frozenset[int] = frozenset()

    def look(self, values: Values) -> list[int]:
        """Remember these rows; the places of those that are wrong by themselves."""
        if all(None not in values[place] for place in self.places):
            self._hashes.add(map(hash, self._rows(values)))
            return []
        rows = list(self._rows(values))
        self._hashes.add(hash(row) for row in rows if self._is_compared(row))
        return [place for place, row in enumerate(rows) if self.blank_is_wrong and None in row]

    def has_repeats(self, most: int) -> bool:
        """Whether rows may have equal keys, once all have been looked at; some `most` keys are noted."""
        self._repeats = self._hashes.repeats(most)
        self._hashes.close()
        return bool(self._repeats)

    def repeating(self, values: Values) -> list[int]:
        """The places of rows whose key was found to repeat."""
        rows = enumerate(self._rows(values))
        return [place for place, row in rows if hash(row) in self._repeats and self._is_compared(row)]

    def _rows(self, values: Values) -> Iterator[tuple[Any, ...]]:
        return zip(*(values[place] for place in self.places), strict=True)

    def _is_compared(self, row: tuple[Any, ...]) -> bool:
        return None not in row or not (self.whole or set(row) == {None})


class Targets(set[tuple[Any, ...]]):
    """What a foreign key may refer to, as frictionless asks for it: a key that lacks a value is not compared,
    as in SQL (MATCH SIMPLE)."""

    def __contains__(self, key: Any) -> bool:
        return None in key or super().__contains__(key)


@dataclass
class ForeignKey:
    """A foreign key: the values of these fields, by their places, are in `targets`, or one is missing."""

    places: tuple[int, ...]
    targets: set[tuple[Any, ...]]

    def look(self, values: Values) -> list[int]:
        """The places of rows that refer to nothing."""
        rows = list(zip(*(values[place] for place in self.places), strict=True))
        lost = {row for row in set(rows) - self.targets if None not in row}
        return [place for place, row in enumerate(rows) if row in lost] if lost else []
