"""What stands before a database or a store: every method written out, so that the type checker sees them all.

Guards and views are made of it. It has the optional parts too, and raises NotImplementedHere where what
stands behind it has none. What they do not say themselves goes through one of two gates, `reading`
and `writing`: a view that closes a gate has closed it for methods that are yet to come as well.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from couchreg.docstore.base import (
    Changes,
    Config,
    Database,
    DatabaseEvents,
    DatabaseInfo,
    Edit,
    LocalDocument,
    Opened,
    Range,
    Revision,
    Row,
    Seq,
    Setting,
    Store,
    Updated,
)
from couchreg.docstore.notes import Notes
from couchreg.docstore.optional import (
    PartitionInfo,
    Purged,
    checking,
    compacting,
    counting,
    listing_locals,
    partitions,
    purging,
    referring,
)
from couchreg.model.revtree import RevTree
from couchreg.model.user import User


class DatabaseProxy:
    """A `Database` before another one; by itself it lets everything through."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.name = inner.name

    async def reading(self) -> Database:
        """What answers a read. May raise what the asker is told instead."""
        return self.inner

    async def writing(self) -> Database:
        """What takes a write, of documents, of settings, and whatever else changes something. May raise."""
        return self.inner

    # -- sequences
    async def update_seq(self) -> Seq:
        return await (await self.reading()).update_seq()

    async def parse_since(self, since: str) -> Seq:
        return await (await self.reading()).parse_since(since)

    async def wait(self, since: Seq) -> None:
        await (await self.reading()).wait(since)

    # -- reads
    async def info(self) -> DatabaseInfo:
        return await (await self.reading()).info()

    async def tree(self, doc_id: str) -> RevTree | None:
        return await (await self.reading()).tree(doc_id)

    async def revision(self, doc_id: str, rev: str | None = None) -> Revision:
        return await (await self.reading()).revision(doc_id, rev)

    async def revisions(self, doc_id: str, revs: Sequence[str]) -> list[Revision | None]:
        return await (await self.reading()).revisions(doc_id, revs)

    async def open_revs(
        self,
        wanted: Sequence[tuple[str, Sequence[str] | None]],
        *,
        latest: bool = False,
        histories: bool = False,
    ) -> list[list[Opened]]:
        return await (await self.reading()).open_revs(wanted, latest=latest, histories=histories)

    async def winners(self, ids: Sequence[str], *, bodies: bool) -> list[Row | None]:
        return await (await self.reading()).winners(ids, bodies=bodies)

    async def all_docs(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[Row]]:
        async for rows in (await self.reading()).all_docs(wanted, bodies=bodies):
            yield rows

    async def count_before(self, wanted: Range) -> int:
        return await counting(await self.reading()).count_before(wanted)

    async def changes(
        self,
        since: Seq,
        *,
        until: Seq | None = None,
        limit: int | None = None,
        descending: bool = False,
        bodies: bool = False,
        all_leafs: bool = False,
        ids: Collection[str] | None = None,
    ) -> AsyncIterator[Changes]:
        async for changes in (await self.reading()).changes(
            since,
            until=until,
            limit=limit,
            descending=descending,
            bodies=bodies,
            all_leafs=all_leafs,
            ids=ids,
        ):
            yield changes

    async def pending(self, since: Seq) -> int:
        return await (await self.reading()).pending(since)

    async def missing_revs(
        self, wanted: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[list[str], list[str]]]:
        return await (await self.reading()).missing_revs(wanted)

    async def purge_seq(self) -> Seq:
        return await purging(await self.reading()).purge_seq()

    async def purged_infos(self) -> list[tuple[str, list[str]]]:
        return await purging(await self.reading()).purged_infos()

    async def purged_since(self, since: Seq) -> Purged:
        return await purging(await self.reading()).purged_since(since)

    async def local(self, doc_id: str) -> LocalDocument:
        return await (await self.reading()).local(doc_id)

    async def partition_info(self, name: str) -> PartitionInfo:
        return await partitions(await self.reading()).partition_info(name)

    async def locals(self, wanted: Range, *, bodies: bool) -> AsyncIterator[list[LocalDocument]]:
        async for found in listing_locals(await self.reading()).locals(wanted, bodies=bodies):
            yield found

    async def setting(self, name: Setting) -> Any:
        return await (await self.reading()).setting(name)

    async def referred(self, keys: Collection[str]) -> set[str]:
        return await referring(await self.reading()).referred(keys)

    async def check(self) -> list[str]:
        return await checking(await self.reading()).check()

    # -- writes
    async def update(
        self, edits: Sequence[Edit], *, new_edits: bool, user: User, together: bool = False
    ) -> Updated:
        return await (await self.writing()).update(edits, new_edits=new_edits, user=user, together=together)

    async def update_local(self, doc_id: str, body: dict[str, Any] | None, rev: str | None = None) -> str:
        return await (await self.writing()).update_local(doc_id, body, rev)

    async def purge(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        return await purging(await self.writing()).purge(wanted)

    async def set_setting(self, name: Setting, value: Any) -> None:
        await (await self.writing()).set_setting(name, value)

    async def compact(self, ids: Sequence[str] | None = None) -> None:
        await compacting(await self.writing()).compact(ids)


class StoreProxy:
    """A `Store` before another one; by itself it lets everything through."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.uuid = inner.uuid

    async def create(self, name: str, settings: Mapping[Setting, Any] | None = None) -> Database:
        return await self.inner.create(name, settings)

    async def delete(self, name: str) -> None:
        await self.inner.delete(name)

    async def open(self, name: str) -> Database:
        return await self.inner.open(name)

    async def names(self) -> list[str]:
        return await self.inner.names()

    async def missing(self) -> Sequence[str]:
        return await self.inner.missing()

    async def notes(self, name: str) -> Notes:
        return await self.inner.notes(name)

    async def read_config(self) -> Config:
        return await self.inner.read_config()

    async def set_config(self, section: str, key: str, value: str | None) -> None:
        await self.inner.set_config(section, key, value)

    def heed(self, config: Config) -> None:
        self.inner.heed(config)

    async def parse_events_since(self, since: str) -> Seq:
        return await self.inner.parse_events_since(since)

    async def events(self, since: Seq) -> DatabaseEvents:
        return await self.inner.events(since)

    async def wait_event(self, since: Seq) -> None:
        await self.inner.wait_event(since)

    async def close(self) -> None:
        await self.inner.close()
