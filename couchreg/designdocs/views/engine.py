"""Indexes: opened when asked for, brought up to date by one task each, removed when nothing needs them."""

import asyncio
import logging
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import apsw

from couchreg.access.seen import as_indexed, is_narrowed
from couchreg.designdocs.emitted import Maps
from couchreg.designdocs.functions import Design, Functions, check_language
from couchreg.designdocs.views.answers import Answers
from couchreg.designdocs.views.blocks import Block, WantedBlocks
from couchreg.designdocs.views.definition import DESIGN, QUERY, Definition, definition_of
from couchreg.designdocs.views.filling import NO_ROWS, Mapped
from couchreg.designdocs.views.folders import Folder, folder_of, folders_of
from couchreg.designdocs.views.index import CLOSED, DAMAGED, IndexFile, make_folder, opened
from couchreg.designdocs.views.json_map import map_documents
from couchreg.designdocs.views.pipeline import Pipeline, nothing
from couchreg.designdocs.views.reading import FoundRows, IndexRow, Read
from couchreg.designdocs.views.shown import shown, shown_alone
from couchreg.designdocs.views.stretches import Piece, Rows
from couchreg.designdocs.views.tasks import Task, Tasks, forgiven
from couchreg.docstore.base import BEGINNING, Change, Database, Range, Revision, Seq
from couchreg.docstore.optional import last_purge, purging
from couchreg.errors import Unavailable

log = logging.getLogger(__name__)

OPEN = 64  # index files at the same time
TOGETHER = 500  # documents mapped and stored together
PAGE = 500  # rows read together
KNOWN = 200  # definitions that are remembered, of design documents with so many bytes
REMEMBERED = 32 << 10
FEW = 100  # rows that are read on the event loop

# Documents as text; their rows as `emitted.rows_text`, in parts, and of how many documents each part is.
Mapper = Callable[[Sequence[bytes]], Awaitable[Sequence[tuple[int, bytes]]]]


class Index:
    """The index of one definition over one life of a database."""

    def __init__(self, path: Path, definition: Definition, mapper: Mapper, is_public: bool = False) -> None:
        self.path = path
        self._is_public = is_public
        self.definition = definition
        self._mapper = mapper
        self._known_seq: str | None = None  # what the file says, once it has been read
        self._file: IndexFile | None = None
        self._is_closed = False
        self._is_anew = False  # since it was damaged, and not up to date again
        self._opening = asyncio.Lock()
        self._updating: asyncio.Task[None] | None = None
        self._compacting: asyncio.Task[None] | None = None
        self.tasks = Tasks()  # what goes on just now
        self.waiting = 0  # for news
        self._reading = 0

    @property
    def is_used(self) -> bool:
        return self.waiting > 0 or self._reading > 0

    @property
    def is_updating(self) -> bool:
        return self._updating is not None and not self._updating.done()

    @property
    def is_compacting(self) -> bool:
        return self._compacting is not None and not self._compacting.done()

    def compact(self) -> None:
        """Begin to give back what the file does not use, if that is not under way."""
        if not self.is_compacting:
            self._compacting = asyncio.create_task(self._compact())
            self._compacting.add_done_callback(forgiven)

    async def _compact(self) -> None:
        with self.tasks.begun("view_compaction"):
            await asyncio.to_thread((await self._held()).compact)

    async def file(self) -> IndexFile:
        """For those who read. Raises Unavailable for one that was damaged and is not made again yet."""
        found = await self._held()
        if self._is_anew:
            raise Unavailable(DAMAGED, retry_after=1)
        return found

    async def _held(self) -> IndexFile:
        async with self._opening:
            if self._is_closed:
                raise Unavailable(CLOSED, retry_after=1)
            if self._file is None or self._file.is_broken:
                self._is_anew, self._known_seq = self._file is not None, None
                self._file = await asyncio.to_thread(opened, self.path, anew=self._is_anew)
            return self._file

    async def close(self) -> None:
        self._is_closed = True
        if self._updating is not None:
            self._updating.cancel()
            await asyncio.gather(self._updating, return_exceptions=True)
        if self._compacting is not None:
            await asyncio.gather(self._compacting, return_exceptions=True)
        if self._file is not None:
            await asyncio.to_thread(self._file.close)

    def refresh(self, database: Database) -> "asyncio.Task[None]":
        """The task that brings it up to date. It goes on when nobody waits for it any more."""
        if self._updating is None or self._updating.done():
            self._updating = asyncio.create_task(self._update(database))
            self._updating.add_done_callback(forgiven)
        return self._updating

    async def fresh(self, database: Database) -> None:
        """Return when all that was written before the call is in the index. Raises Unavailable for one that
        is closed meanwhile, and what its update comes to."""
        database = as_indexed(database, is_public=self._is_public)
        wanted = await database.update_seq()
        self.waiting += 1
        try:
            while (await self._seq(database)) < wanted:
                task = self.refresh(database)
                await asyncio.wait([task])  # which goes on when we are cancelled
                if task.cancelled():
                    raise Unavailable(CLOSED, retry_after=1)
                task.result()
            self._is_anew = False
        finally:
            self.waiting -= 1

    @property
    def known_seq(self) -> str | None:
        """`seq`, as far as it is known without a look."""
        return self._known_seq

    async def seq(self) -> str:
        """Up to where the database has been read."""
        file = await self._held()
        if self._known_seq is None:
            self._known_seq = await asyncio.to_thread(file.meta, "seq") or "0"
        return self._known_seq

    async def _seq(self, database: Database) -> Seq:
        text = await self.seq()
        return BEGINNING if text == "0" else await database.parse_since(text)

    async def _update(self, database: Database) -> None:
        database = as_indexed(database, is_public=self._is_public)
        file = await self._held()
        since = await self._seq(database)
        since = await self._follow_purges(database, since)
        with self.tasks.begun("indexer", await database.pending(since)) as task:

            async def store(mapped: Sequence[Mapped], some: Sequence[Change], seq: Seq) -> None:
                await self._store(file, mapped, seq)
                task.advance(len(some))

            async with Pipeline(store) as pipeline:
                async for stretch in database.changes(since, bodies=True, all_leafs=True):
                    for place in range(0, len(stretch.results), TOGETHER):
                        some = stretch.results[place : place + TOGETHER]
                        await pipeline.put(self._map(database, some), some, some[-1].seq)
                    await pipeline.put(nothing(), (), stretch.last_seq)
            file.filled()

    async def _follow_purges(self, database: Database, since: Seq) -> Seq:
        """Map again what was purged since; where from to read the changes."""
        file = await self._held()
        text = await asyncio.to_thread(file.meta, "purge_seq")
        before = await database.parse_since(text or "0")
        if await last_purge(database) == before:
            return since
        purged = await purging(database).purged_since(before)
        meta = {"purge_seq": purged.seq.text}
        if since != BEGINNING and purged.is_all:
            rows = await database.winners(purged.ids, bodies=True)
            is_mapped = self.definition.is_mapped
            found = [row for row in rows if row is not None and is_mapped(row.id, row.deleted)]
            ids = [row.id for row in found]
            gone = list(set(purged.ids).difference(ids))
            mapped = await self._mapped(gone, ids, [shown_alone(row) for row in found])
            await asyncio.to_thread(file.apply, mapped, meta)
            return since
        self._known_seq = None
        await asyncio.to_thread(file.clear, meta)
        return BEGINNING

    async def _map(self, database: Database, changes: Sequence[Change]) -> list[Mapped]:
        is_mapped, living, gone = self.definition.is_mapped, changes, list[str]()
        if any(change.deleted or change.id.startswith(DESIGN) for change in changes):
            living = [change for change in changes if is_mapped(change.id, change.deleted)]
            gone = [change.id for change in changes if not is_mapped(change.id, change.deleted)]
        texts = await shown(database, living, self.definition)
        return await self._mapped(gone, [change.id for change in living], texts)

    async def _mapped(self, gone: Sequence[str], ids: Sequence[str], texts: Sequence[bytes]) -> list[Mapped]:
        """What the maps make of these documents; those that are `gone` have no rows."""
        found = [Mapped(gone, NO_ROWS)]
        for count, rows in await self._mapper(texts):
            found.append(Mapped(ids[:count], rows, self.definition.before(ids[:count])))
            ids = ids[count:]
        return found

    async def _store(self, file: IndexFile, mapped: Sequence[Mapped], seq: Seq) -> None:
        """Into the file that has what came before: one that is made anew meanwhile has not."""
        if file.is_broken:
            raise Unavailable(DAMAGED, retry_after=1)
        await asyncio.to_thread(file.apply, mapped, {"seq": seq.text})
        if file is self._file:
            self._known_seq = seq.text

    async def rows(
        self, read: Read, *, skip: int = 0, limit: int | None = None
    ) -> AsyncIterator[list[IndexRow]]:
        """The rows of a range, some at a time."""
        self._reading += 1
        try:
            file = await self.file()
            left = limit
            while left is None or left > 0:
                page = PAGE if left is None else min(PAGE, left)
                found, is_last = await asyncio.to_thread(file.rows, read, skip=skip, limit=page)
                if found:
                    yield found
                if is_last:
                    return
                skip, read = 0, read._replace(after=found[-1])
                left = None if left is None else left - len(found)
        finally:
            self._reading -= 1

    async def pieces(self, read: Read, wanted: WantedBlocks | None) -> AsyncIterator[tuple[Piece, int]]:
        """A range in blocks and rows, each with a number for `keep`; without `wanted` in rows alone."""
        if wanted is None:
            async for rows in self.rows(read):
                yield Rows(rows, is_free=False), 0
            return
        self._reading += 1
        try:
            rest: Read | None = read
            while rest is not None:
                found, changes = await asyncio.to_thread((await self.file()).stretch, rest, wanted, PAGE)
                for piece in found.pieces:
                    yield piece, changes
                rest = found.rest
        finally:
            self._reading -= 1

    async def first_counts(self, read: Read, *, by_key: bool) -> list[tuple[bytes, int]] | None:
        """`IndexFile.first_counts`."""
        self._reading += 1
        try:
            return await asyncio.to_thread((await self.file()).first_counts, read, by_key=by_key)
        finally:
            self._reading -= 1

    async def keep(self, place: int, reduce: bytes, made: Sequence[tuple[Block, int]]) -> None:
        """Keep blocks of a map, if their rows have not changed meanwhile. To answer it is not needed."""
        try:
            await asyncio.to_thread((await self.file()).keep, place, reduce, made)
        except apsw.Error as error:
            log.warning("reductions of an index could not be kept: %s", error)

    async def peek(self, read: Read, limit: int) -> FoundRows:
        """The first rows of a range. Few are read at once, for a thread costs more than they do."""
        file = await self.file()
        if limit <= FEW:
            return file.peek(read, limit)
        return await asyncio.to_thread(file.rows, read, skip=0, limit=limit)


class ViewEngine:
    """The indexes of a server. `close` when it ends."""

    def __init__(self, functions: Functions, directory: Path) -> None:
        self.functions = functions
        self.answers = Answers()
        self._directory = directory
        self._open: OrderedDict[Path, Index] = OrderedDict()
        self._folders: dict[str, Folder] = {}  # that are there
        self._definitions: OrderedDict[tuple[bytes, bool], Definition] = OrderedDict()
        self._opening = asyncio.Lock()  # while folders come and go

    async def index(self, database: Database, design: Revision) -> tuple[Index, Definition]:
        """The index of a design document's views, which others may share, and what this one says of them.

        Who does not see all has an index of what is public, up to date in any case. Raises Failure for
        languages that are not understood.
        """
        is_public = await is_narrowed(database)
        database = as_indexed(database, is_public=is_public)
        async with self._opening:
            folder = await self._folder(database)
            definition = self._definition(design, folder.partitions)
            if definition.language != QUERY:
                check_language(definition.language)
            path = folder.path / f"{definition.signature}.view"
            index = self._open.get(path)
            if index is None:
                await self._make_room()
                mapper = self._mapper(path, definition)
                index = self._open[path] = Index(path, definition, mapper, is_public)
            self._open.move_to_end(path)
            index.tasks.asked_by = (database.name, design.id)
        if is_public:
            await index.fresh(database)
        return index, definition

    def _definition(self, design: Revision, partitions: bool) -> Definition:
        """Design documents are asked for much more often than they change."""
        known = self._definitions.get((design.members, partitions))
        if known is None:
            known = definition_of(design.body, partitions=partitions)
            if len(design.members) <= REMEMBERED:
                if len(self._definitions) >= KNOWN:
                    self._definitions.popitem(last=False)
                self._definitions[design.members, partitions] = known
        return known

    def _mapper(self, path: Path, definition: Definition) -> Mapper:
        maps = Maps(definition.maps, definition.raw)

        async def by_fields(docs: Sequence[bytes]) -> Sequence[tuple[int, bytes]]:
            return [(len(docs), await asyncio.to_thread(map_documents, maps, docs))]

        async def by_functions(docs: Sequence[bytes]) -> Sequence[tuple[int, bytes]]:
            design = Design("", "", "", definition.text)
            return await self.functions.map(path.parent.name, design, maps, docs)

        return by_fields if definition.language == QUERY else by_functions

    def tasks(self) -> list[Task]:
        """What the indexes are busy with."""
        return [task for index in self._open.values() for task in index.tasks.running]

    async def cleanup(self, database: Database) -> None:
        """Remove the indexes that no design document of the database needs."""
        needed = set()
        wanted = Range(start=DESIGN, end="_design0", inclusive_end=False)
        partitions = bool(await database.setting("partitioned"))
        async for rows in database.all_docs(wanted, bodies=True):
            definitions = [definition_of(row.body, partitions=partitions) for row in rows]
            needed |= {f"{definition.signature}.view" for definition in definitions}
        async with self._opening:
            found = list[Path]()
            for folder in folders_of(self._directory, database.name):  # of this life, and those before
                found += await asyncio.to_thread(list, folder.glob("*/*.view"))
            for path in found:
                if path.name not in needed:
                    await self._remove(path)

    async def close(self) -> None:
        while self._open:
            _, index = self._open.popitem()
            await index.close()

    async def _folder(self, database: Database) -> Folder:
        """Where the indexes of this life of a database are; those of its lives before are removed."""
        incarnation = (await database.update_seq()).incarnation
        known = self._folders.get(database.name)
        if known is not None and known.path.name == incarnation:
            return known
        partitions = bool(await database.setting("partitioned"))
        folder = Folder(await self._made_folder(database, incarnation), partitions)
        if len(self._folders) >= KNOWN:
            self._folders.clear()
        self._folders[database.name] = folder
        return folder

    async def _made_folder(self, database: Database, incarnation: str) -> Path:
        folder = folder_of(self._directory, database.name) / incarnation
        if not folder.exists():
            for path in [path for path in self._open if path.parent.parent == folder.parent]:
                await self._open.pop(path).close()
            await asyncio.to_thread(shutil.rmtree, folder.parent, ignore_errors=True)
            await asyncio.to_thread(make_folder, folder)
        return folder

    async def _remove(self, path: Path) -> None:
        index = self._open.pop(path, None)
        if index is not None:
            await index.close()
        for suffix in ("", "-wal", "-shm"):
            await asyncio.to_thread(Path(f"{path}{suffix}").unlink, missing_ok=True)

    async def _make_room(self) -> None:
        while len(self._open) >= OPEN:
            idle = next((path for path, index in self._open.items() if not index.is_used), None)
            if idle is None:
                return
            await self._open.pop(idle).close()
