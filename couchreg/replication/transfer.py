"""The work itself: of a stretch of changes, what the target lacks is found, read and written.

A few readers share what is missing. Each holds one stretch of documents, whose size the source bounds, so
memory does not depend on what the documents are. Documents with new files go one by one, streamed.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from couchreg.errors import MissingStub
from couchreg.replication.aside import AsideEntry, SetAside
from couchreg.replication.checkpoints import RunCounts
from couchreg.replication.peers import (
    ChangedDocument,
    Document,
    RefusedDocument,
    Source,
    Target,
    Unreadable,
    WantedRevision,
)

log = logging.getLogger(__name__)

ATTEMPTS = 2  # to read the files of one document
SHARE = 250  # revisions that one reader takes at a time


class Transfer:
    """From one source to one target."""

    def __init__(
        self, source: Source, target: Target, counts: RunCounts, aside: SetAside, *, workers: int = 4
    ) -> None:
        self._source = source
        self._target = target
        self._counts = counts
        self._aside = aside
        self._workers = workers

    async def changes(self, rows: Sequence[ChangedDocument]) -> bool:
        """Bring what these changes are about. Whether all of it is written or in the list of what waits."""
        revs: dict[str, list[str]] = {}
        seqs: dict[str, Any] = {}
        for row in rows:
            if row.id:  # CouchDB 1 let documents have no id, and nobody can write them
                revs.setdefault(row.id, []).extend(row.revs)
                seqs[row.id] = row.seq
        self._counts.missing_checked += sum(map(len, revs.values()))
        missing = await self._target.missing(revs) if revs else {}
        wanted = [
            WantedRevision(doc_id, rev, tuple(ancestors), seqs[doc_id])
            for doc_id, (lacking, ancestors) in missing.items()
            for rev in lacking
        ]
        self._counts.missing_found += len(wanted)
        return await self._bring(wanted)

    async def again(self, entries: Sequence[AsideEntry]) -> None:
        """Try what was set aside once more."""
        revs: dict[str, list[str]] = {}
        for entry in entries:
            revs.setdefault(entry.id, []).append(entry.rev)
        missing = await self._target.missing(revs) if revs else {}
        wanted = []
        for entry in entries:
            lacking, ancestors = missing.get(entry.id, ((), ()))
            if entry.rev in lacking:
                wanted.append(WantedRevision(entry.id, entry.rev, tuple(ancestors), entry.seq))
            else:
                self._aside.discard(entry.id, entry.rev)
        await self._bring(wanted)

    async def _bring(self, wanted: Sequence[WantedRevision]) -> bool:
        shares = iter([wanted[start : start + SHARE] for start in range(0, len(wanted), SHARE)])

        async def work() -> bool:
            return all([await self._share(share) for share in shares])

        async with asyncio.TaskGroup() as group:
            workers = min(self._workers, -(-len(wanted) // SHARE))
            tasks = [group.create_task(work()) for _ in range(workers)]
        return all(task.result() for task in tasks)

    async def _share(self, wanted: Sequence[WantedRevision]) -> bool:
        seqs = {one.id: one.seq for one in wanted}
        kept = True
        async for found in self._source.documents(wanted):
            documents = [one for one in found if isinstance(one, Document)]
            refused = [one for one in found if isinstance(one, RefusedDocument)]
            self._counts.docs_read += len(documents)
            plain = [document for document in documents if not document.new_files]
            refused += await self._plain(plain) if plain else []
            for document in documents:
                if document.new_files:
                    problem = await self._with_files(document)
                    refused += [problem] if problem is not None else []
            kept &= self._settle(documents, refused, seqs)
        return kept

    async def _plain(self, documents: Sequence[Document]) -> list[RefusedDocument]:
        """Where stubs refer to what the target has not after all, the files are sent with the document."""
        refused = []
        by_rev = {(document.id, document.rev): document for document in documents}
        for one in await self._target.write(documents):
            document = by_rev.get((one.id, one.rev))
            if one.status == 412 and document is not None and document.files:
                problem = await self._with_files(document.with_all_files())
                refused += [problem] if problem is not None else []
            else:
                refused.append(one)
        return refused

    async def _with_files(self, document: Document) -> RefusedDocument | None:
        """Bytes that came spoilt are asked for once more; a document whose files cannot be had is refused,
        where it is not the source that is ill."""
        last = Unreadable("")
        for _ in range(ATTEMPTS):
            try:
                return await self._written(document)
            except Unreadable as error:
                last = error
        await self._source.info()
        return RefusedDocument(document.id, document.rev, 502, last.reason)

    async def _written(self, document: Document) -> RefusedDocument | None:
        try:
            return await self._target.write_with_files(document, self._source)
        except MissingStub:
            return await self._target.write_with_files(document.with_all_files(), self._source)

    def _settle(
        self, documents: Sequence[Document], refused: Sequence[RefusedDocument], seqs: dict[str, Any]
    ) -> bool:
        """Count, and remember what was refused. Whether all of that found a place."""
        problems = {(one.id, one.rev) for one in refused}
        written = [one for one in documents if (one.id, one.rev) not in problems]
        self._counts.docs_written += len(written)
        for document in written:
            self._aside.discard(document.id, document.rev)
        self._counts.doc_write_failures += len(refused)
        kept = True
        for one in refused:
            log.warning("Not replicated: %r %r (%d %r)", one.id, one.rev, one.status, one.reason)
            kept &= self._aside.add(one, seqs.get(one.id))
        return kept
