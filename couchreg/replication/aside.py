"""Revisions that could not be read or written: listed, set aside, and tried again, so that one spoilt
document stops nothing and is not forgotten.

The list is bounded. Where it is full, the replication's checkpoint stays before the first revision that
found no place: a later start comes upon it again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from couchreg.docstore.notes import Notes
from couchreg.errors import NotFound
from couchreg.replication.peers import RefusedDocument

MOST = 1000
FIRST_RETRY, LONGEST_RETRY = 60.0, 8 * 3600.0  # seconds


@dataclass
class AsideEntry:
    """A revision that waits. Times are Unix times."""

    id: str
    rev: str
    seq: Any
    status: int
    reason: str
    since: float
    tries: int = 1
    next: float = 0.0

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "rev": self.rev, "seq": self.seq, "status": self.status, "reason": self.reason}


class SetAside:
    """Those of one replication, kept as a note beside a database where there is one."""

    def __init__(
        self,
        notes: Notes | None,
        name: str,
        *,
        first_retry: float = FIRST_RETRY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._notes = notes
        self._name = name
        self._first = first_retry
        self._clock = clock
        self._entries: dict[tuple[str, str], AsideEntry] = {}
        self._changed = False
        self.overflowed = 0

    def keep_in(self, notes: Notes | None) -> None:
        """Where to write it down from now on; None: nowhere."""
        self._notes = notes

    async def read(self) -> None:
        kept = await self._kept()
        for row in kept if isinstance(kept, list) else []:
            entry = AsideEntry(**row)
            self._entries[entry.id, entry.rev] = entry

    async def _kept(self) -> Any:
        if self._notes is None:
            return None
        try:
            return await self._notes.read(self._name)
        except NotFound:
            return None

    async def save(self) -> None:
        if not self._changed or self._notes is None:
            return
        rows = [vars(entry) for entry in self._entries.values()]
        try:
            await self._notes.write(self._name, rows or None)
        except NotFound:
            return
        self._changed = False

    def add(self, refused: RefusedDocument, seq: Any) -> bool:
        """Whether it is in the list now; False where it found no place."""
        known = self._entries.get((refused.id, refused.rev))
        if known is None and len(self._entries) >= MOST:
            self.overflowed += 1
            return False
        now = self._clock()
        entry = known or AsideEntry(refused.id, refused.rev, seq, 0, "", now, 0)
        entry.tries += 1
        entry.status, entry.reason = refused.status, refused.reason
        entry.next = now + min(self._first * 2 ** min(entry.tries - 1, 20), LONGEST_RETRY)
        self._entries[entry.id, entry.rev] = entry
        self._changed = True
        return True

    def discard(self, doc_id: str, rev: str) -> None:
        if self._entries.pop((doc_id, rev), None) is not None:
            self._changed = True

    def due(self, *, all_of_them: bool = False) -> Sequence[AsideEntry]:
        now = self._clock()
        return [entry for entry in self._entries.values() if all_of_them or entry.next <= now]

    @property
    def next(self) -> float | None:
        """Seconds until one is to be tried again."""
        if not self._entries:
            return None
        return max(0.0, min(entry.next for entry in self._entries.values()) - self._clock())

    def shown(self) -> list[Mapping[str, Any]]:
        return [entry.shown() for entry in self._entries.values()]

    def __len__(self) -> int:
        return len(self._entries)
