"""Reads of a cluster that are never older than what was acknowledged, nor than the feed.

Of one document a majority of the copies is asked, the followed one among them: an acknowledged edit is known
to one of them, and what the feed has shown to that one. So whoever remembers what was read at a place of the
feed has not missed what was before it. Lists come from the followed copy alone, as the feed does.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from couchreg.docstore.base import Revision, Row
from couchreg.docstore.remote import reading
from couchreg.docstore.remote.asking import DatabaseCalls
from couchreg.docstore.remote.copies import Copies
from couchreg.docstore.remote.records import ReadDocument
from couchreg.docstore.remote.replicas import Ask, Copy, Replicas
from couchreg.errors import NotFound, Unavailable
from couchreg.model.revtree import RevTree

T = TypeVar("T")

SIZE: Final = 1000  # documents of one request


class CertainReads:
    def __init__(self, asking: DatabaseCalls, replicas: Replicas, copies: Copies) -> None:
        self._asking = asking
        self._replicas = replicas
        self._copies = copies

    async def followed(self) -> Copy:
        """Raises Unavailable."""
        await self._copies.now()  # which goes on at another node, where that one is lost
        node = await self._node()
        for copy in await self._replicas.copies():
            if copy.node == node:
                return copy
        raise Unavailable("The node that is followed has this database no more.", retry_after=5)

    async def counts(self) -> tuple[int, int]:
        """Documents, and deleted ones."""
        answer = await (await self.followed()).asking.ask("GET", "")
        answer.check()
        told = await answer.json()
        return int(told["doc_count"]), int(told["doc_del_count"])

    async def _node(self) -> str:
        return self._copies.node or await self._copies.first_node()

    async def _asked(self, ask: Ask[T]) -> list[T]:
        node = await self._node()
        try:
            return await self._replicas.majority(ask, must=node)
        except Unavailable:
            await self._copies.now()  # as above
            if self._copies.node == node:
                raise
        return await self._replicas.majority(ask, must=await self._node())

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        found: list[Row | None] = []
        size = reading.TOGETHER if bodies else SIZE
        for start in range(0, len(ids), size):
            part = list(ids[start : start + size])
            found += await self._winners(part, bodies=bodies)
        return await self._with_bodies(found) if bodies else found

    async def _winners(self, ids: list[str], *, bodies: bool) -> list[Row | None]:
        """Where the copies differ, and of what is deleted, without bodies."""

        async def ask(copy: DatabaseCalls) -> list[Row | None]:
            return await reading.listed(copy, ids, bodies=bodies)

        copies = await self._asked(ask)
        found: list[Row | None] = []
        for doc_id, *rows in zip(ids, *copies, strict=True):
            is_same = len({row and (row.rev, row.deleted) for row in rows}) == 1
            found.append(rows[0] if is_same else await self._winner_of(doc_id))
        return found

    async def _winner_of(self, doc_id: str) -> Row | None:
        docs = await self._leafs(doc_id)
        if not docs:
            return None
        winner = reading.union(docs).winner()
        return Row(doc_id, winner.rev, winner.deleted, None, ())

    async def _leafs(self, doc_id: str) -> list[ReadDocument]:
        async def ask(copy: DatabaseCalls) -> list[ReadDocument]:
            return await reading.leafs_of(copy, doc_id, {"revs": "true"})

        copies = await self._asked(ask)
        return [doc for found in copies for doc in found]

    async def tree(self, doc_id: str) -> RevTree | None:
        docs = await self._leafs(doc_id)
        return await reading.tree_of(self._asking, doc_id, docs) if docs else None

    async def revision(self, doc_id: str) -> Revision:
        """The winner. Raises NotFound."""

        async def ask(copy: DatabaseCalls) -> ReadDocument | str:
            return await reading.winner_or_reason(copy, doc_id)

        first, *others = await self._asked(ask)
        if isinstance(first, ReadDocument):
            if all(isinstance(one, ReadDocument) and one.rev == first.rev for one in others):
                return first.revision()
        elif all(one == first == "missing" for one in others):
            raise NotFound(first)
        [row] = await self._winners([doc_id], bodies=False)
        if row is None or row.deleted:
            raise NotFound("missing" if row is None else "deleted")
        doc = (await self._documents([(doc_id, row.rev)])).get((doc_id, row.rev))
        if doc is None:  # edited in between
            raise Unavailable("The document is being changed: try again.")
        return doc.revision()

    async def _documents(self, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], ReadDocument]:
        docs = await reading.documents(self._asking, wanted)
        for doc_id, rev in wanted:
            if (doc_id, rev) not in docs:  # known to one copy alone, perhaps
                docs |= {(doc.id, doc.rev): doc for doc in await self._leafs(doc_id)}
        return docs

    async def _with_bodies(self, rows: Sequence[Row | None]) -> list[Row | None]:
        bare = [(row.id, row.rev) for row in rows if row is not None and row.members is None]
        docs = await self._documents(bare) if bare else {}
        return [
            row if row is None or row.members is not None else _filled(row, docs.get((row.id, row.rev)))
            for row in rows
        ]


def _filled(row: Row, doc: ReadDocument | None) -> Row:
    if doc is None:  # edited, or forgotten, in between
        return row._replace(members=b"")
    return row._replace(members=doc.members, attachments=doc.attachments or ())
