"""The indexes of a database: read from its design documents, and again when one of them is another."""

import asyncio
from collections import OrderedDict
from typing import Final, NamedTuple

from couchreg.designdocs.mango.definition import ALL_DOCS, JsonIndex, indexes_of
from couchreg.docstore.base import Database, Range, Revision, Seq

DESIGN_DOCUMENTS: Final = Range(start="_design/", end="_design0", inclusive_end=False)
KNOWN: Final = 100  # databases whose indexes are remembered
REMEMBERED: Final = 1 << 20  # bytes of the design documents of such a database
ON_THE_LOOP: Final = 64 << 10  # bytes of a design document that is read there
_MARK: Final = b'"language":"query"'


class _Known(NamedTuple):
    seq: Seq  # of the database when this was so
    revs: tuple[tuple[str, str], ...]  # of its design documents
    indexes: tuple[JsonIndex, ...]


class IndexCatalog:
    """Of the databases of a server. Nothing has to tell it of changes: it looks at the sequence."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def indexes(self, database: Database) -> tuple[JsonIndex, ...]:
        """In their order, the documents themselves first. Raises what a view of the database refuses."""
        seq = await database.update_seq()
        known = self._known.get(database.name)
        if known is not None and known.seq == seq:
            return known.indexes
        revs = tuple(
            [
                (row.id, row.rev)
                async for rows in database.all_docs(DESIGN_DOCUMENTS, bodies=False)
                for row in rows
            ]
        )
        if known is None or known.revs != revs or known.seq.incarnation != seq.incarnation:
            partitions = bool(await database.setting("partitioned"))
            known = _Known(seq, revs, await self._read(database, partitions))
        self._remember(database.name, known._replace(seq=seq))
        return known.indexes

    async def _read(self, database: Database, partitions: bool) -> tuple[JsonIndex, ...]:
        found = []
        async for rows in database.all_docs(DESIGN_DOCUMENTS, bodies=True):
            for row in rows:
                if row.members is None or _MARK not in row.members:
                    continue
                revision = Revision(row.id, row.rev, row.deleted, row.members, row.attachments)
                large = len(row.members) > ON_THE_LOOP
                if large:
                    found += await asyncio.to_thread(_listed, revision, partitions)
                else:
                    found += _listed(revision, partitions)
        return (ALL_DOCS, *sorted(found, key=lambda index: index.order))

    def _remember(self, name: str, known: _Known) -> None:
        if sum(len(index.design.members) for index in known.indexes if index.design) > REMEMBERED:
            self._known.pop(name, None)
            return
        self._known[name] = known
        self._known.move_to_end(name)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)


def _listed(revision: Revision, partitions: bool) -> list[JsonIndex]:
    return list(indexes_of(revision, partitions=partitions))
