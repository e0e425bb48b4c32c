"""What a server was asked to write and what it acknowledged, so that what may be there later is known.

A key is one thing that one writer changes, one change after the other: a document, a database with
what it holds, a version of a package, a setting. Moments are positions in the record of `faults.Faults`.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

Key = tuple[str, ...]
ABSENT = None


@dataclass(slots=True)
class Change:
    """`acknowledged` is None while nobody knows: no answer, or one that leaves it open."""

    value: Hashable
    begun: int
    acknowledged: int | None = None


class Ledger:
    """`moment` tells the position now."""

    def __init__(self, moment: Callable[[], int]) -> None:
        self._moment = moment
        self.changes: dict[Key, list[Change]] = {}
        self.acknowledged = 0  # how many

    def begin(self, key: Key, value: Hashable) -> Change:
        """`value` is about to be asked for; ABSENT for a deletion."""
        change = Change(value, self._moment())
        self.changes.setdefault(key, []).append(change)
        return change

    def done(self, change: Change) -> None:
        change.acknowledged = self._moment()
        self.acknowledged += 1

    def refused(self, key: Key, change: Change) -> None:
        """It was certainly not done."""
        self.changes[key].remove(change)

    def acknowledgements(self) -> list[int]:
        """The moments at which something was acknowledged."""
        found = [change.acknowledged for changes in self.changes.values() for change in changes]
        return sorted(moment for moment in found if moment is not None)

    def begun(self, kind: str, at: int) -> list[Key]:
        """The keys of a kind that somebody had begun to write."""
        return [
            key
            for key, changes in self.changes.items()
            if key[0] == kind and changes and changes[0].begun <= at
        ]

    def allowed(self, key: Key, at: int) -> set[Any]:
        """What may be there after a crash at a moment: what was acknowledged last, or a later wish."""
        values: set[Any] = {ABSENT}
        for change in self.changes.get(key, []):
            if change.acknowledged is not None and change.acknowledged <= at:
                values = {change.value}
            elif change.begun <= at:
                values.add(change.value)
        return values

    def settle(self, at: int) -> None:
        """Forget what lies behind a moment: the server goes on from there."""
        for changes in self.changes.values():
            changes[:] = [change for change in changes if change.begun <= at]
