"""What was read of documents lately, for as long as it is true: while nothing was written to the database, or
while the document has the same winner. Bounded in memory.

A package that is hidden from the one who asks is remembered for itself: as one that is not there.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from couchreg.access.seen import is_hidden
from couchreg.docstore.base import Database, Seq

MOST = 32 << 20  # bytes, as their readers weigh them

Value = TypeVar("Value")
Read = Callable[[], Awaitable[Value]]


@dataclass(slots=True)
class _Kept:
    seq: Seq  # nothing had been written after this when it was last known to be true
    rev: str | None
    value: Any
    weight: int


class Remembered:
    """For one database. Values are shared by everybody who asks: nobody changes them."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        self._database = database
        self._most = most
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._weight = 0

    async def of_document(
        self,
        key: tuple[str, ...],
        doc_id: str,
        read: Read[tuple[str | None, Value, int]],
    ) -> Value:
        """What `read` gives for a document: the revision of its winner (None where it has none), a value, and
        what it weighs. Raises what `read` raises."""
        key = await self._seen(key, doc_id)
        seq = await self._database.update_seq()
        kept = self._kept.get(key)
        if kept is not None and (kept.seq == seq or await self._winner(doc_id) == kept.rev):
            kept.seq = seq
            self._touch(key)
            return kept.value  # type: ignore[no-any-return]
        rev, value, weight = await read()
        self._keep(key, _Kept(seq, rev, value, weight))
        return value

    async def until_written(self, key: tuple[str, ...], package: str, read: Read[tuple[Value, int]]) -> Value:
        """What `read` gives of a package, a value and its weight, until the database is written to."""
        key = await self._seen(key, package)
        seq = await self._database.update_seq()
        kept = self._kept.get(key)
        if kept is not None and kept.seq == seq:
            self._touch(key)
            return kept.value  # type: ignore[no-any-return]
        value, weight = await read()
        self._keep(key, _Kept(seq, None, value, weight))
        return value

    async def _seen(self, key: tuple[str, ...], doc_id: str) -> tuple[str, ...]:
        return ("hidden", *key) if await is_hidden(self._database, doc_id) else key

    async def _winner(self, doc_id: str) -> str | None:
        [row] = await self._database.winners([doc_id], bodies=False)
        return None if row is None or row.deleted else row.rev

    def _touch(self, key: tuple[str, ...]) -> None:
        if key in self._kept:  # others have been here while the store was asked
            self._kept.move_to_end(key)

    def _keep(self, key: tuple[str, ...], kept: _Kept) -> None:
        before = self._kept.pop(key, None)
        self._weight -= before.weight if before else 0
        if kept.weight > self._most // 8:
            return
        self._kept[key] = kept
        self._weight += kept.weight
        while self._weight > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._weight -= oldest.weight
