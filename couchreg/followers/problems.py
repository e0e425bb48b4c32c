"""What a follower could not process: kept in a note beside the database until it can be.

A document is written down here before the follower moves past it, so that none is skipped in silence,
not even by a crash. The list is bounded: beyond it documents are only counted (and logged).
"""

import time
from typing import Any, NamedTuple

from couchreg.docstore.base import Change
from couchreg.docstore.notes import Notes

MOST = 1000


class Problem(NamedTuple):
    """A document that a follower failed on: `error` in a sentence, `when` as Unix time."""

    doc_id: str
    seq: int
    rev: str
    error: str
    when: float


class Problems:
    """The problems of one follower in one database."""

    def __init__(self, follower: str) -> None:
        self._note = f"problems-{follower}"
        self._notes: Notes | None = None  # until `load`
        self._found: dict[str, Problem] = {}
        self.uncounted = 0  # those that no longer fitted into the list

    def all(self) -> list[Problem]:
        return list(self._found.values())

    async def load(self, notes: Notes) -> None:
        """Read what earlier runs wrote down; everything here speaks of that database from now on."""
        self._found, self.uncounted = {}, 0
        self._notes = notes
        stored = await notes.read(self._note)
        if stored:
            self.uncounted = stored["uncounted"]
            self._found = {item[0]: Problem(*item) for item in stored["problems"]}

    async def add(self, change: Change, error: BaseException) -> None:
        sentence = f"{type(error).__name__}: {error}"
        problem = Problem(change.id, change.seq.number, next(iter(change.revs), ""), sentence, time.time())
        if change.id in self._found or len(self._found) < MOST:
            self._found[change.id] = problem
        else:
            self.uncounted += 1
        await self._save()

    async def solved(self, doc_ids: list[str]) -> None:
        """These documents were processed (again): they are no problem any more."""
        gone = [doc_id for doc_id in doc_ids if self._found.pop(doc_id, None)]
        if gone:
            await self._save()

    async def clear(self) -> None:
        self.uncounted = 0
        await self.solved(list(self._found))

    async def _save(self) -> None:
        assert self._notes is not None
        body: dict[str, Any] = {"uncounted": self.uncounted, "problems": [list(item) for item in self.all()]}
        await self._notes.write(self._note, body if self._found or self.uncounted else None)
