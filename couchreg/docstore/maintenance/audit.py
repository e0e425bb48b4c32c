"""Documents and blobs held against each other: what is missing, what is different, what nobody needs.

`check` only reads; `gc` removes what is derived of nothing, and what no document refers to.
Memory: a hundred bytes or two for each blob.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

from couchreg.blobstore.base import Damaged
from couchreg.blobstore.digests import digests_of
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import BEGINNING, Attachment, Change, Database, Store
from couchreg.docstore.maintenance import recorded
from couchreg.docstore.maintenance.described import built
from couchreg.docstore.maintenance.lacking import ADVICE, first_unknown
from couchreg.docstore.maintenance.ownership import is_ours
from couchreg.docstore.maintenance.sweeper import referred
from couchreg.errors import Conflict, Failure, NotFound, StorageFailure
from couchreg.model import json
from couchreg.package.layout import (
    DELETED,
    OWNER,
    RECORDS,
    descriptor_beside,
    descriptor_key,
    is_kept,
    package_key,
    record_key,
)
from couchreg.package.paths import DESCRIPTOR

_TOGETHER = 500  # blobs that documents are asked about at once


class Expected(NamedTuple):
    """A blob that a document needs. What is derived, records and descriptors, has no length and no hash, but
    the revision that it is derived of."""

    doc_id: str
    length: int | None
    sha256: str
    rev: str = ""


@dataclass
class Findings:
    """Keys; `derived` are those of `missing` and `different` that the documents can give again."""

    checked: int = 0
    missing: list[str] = field(default_factory=list)
    derived: dict[str, str] = field(default_factory=dict)  # key -> document
    different: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # databases: what they need is not known

    @property
    def sound(self) -> bool:
        return not (self.missing or self.different or self.unreadable)


class Audit:
    """The blobs of one server, its `registry` database among its stores'."""

    def __init__(self, store: Store, attachments: Attachments, registry: str) -> None:
        self._store = store
        self._attachments = attachments
        self._registry = registry

    async def check(
        self,
        *,
        deep: bool = False,
        is_foreign: bool = False,
        progress: Callable[[Findings], None] = lambda done: None,
    ) -> Findings:
        """With `deep`, every needed blob is read, and hashed or compared with what the document gives. A blob
        store that `is_foreign` need not say that it is this server's."""
        found = Findings()
        there = {blob.key: blob.length async for blob in self._attachments.blobs.keys("")}
        wanted, found.unreadable = await self._wanted()
        for key, expected in wanted.items():
            found.checked += 1
            await self._compare(found, key, expected, there.get(key), deep=deep)
            progress(found)
        if deep and not is_foreign and OWNER in there:
            found.checked += 1
            if not await is_ours(self._store, self._attachments):
                found.different.append(OWNER)
        found.orphans = await self._orphans([key for key in there if not _is_wanted(key, wanted)], found)
        return found

    async def gc(self, grace: float) -> int:
        """Remove what nobody needs and is older than `grace` seconds; how many blobs. While a database cannot
        be read, what it may need stays. Raises Conflict beside databases that lack what was recorded."""
        unknown = await first_unknown(self._store, self._registry, self._attachments.blobs)
        if unknown is not None:
            raise Conflict(ADVICE.format(unknown))
        limit = time.time() - grace
        wanted, unreadable = await self._wanted()
        removed = 0
        async for blob in self._attachments.blobs.keys():
            if _is_wanted(blob.key, wanted) or blob.modified > limit:
                continue
            if not is_kept(blob.key):
                removed += await self._attachments.remove(blob.key, lambda keys: referred(self._store, keys))
            elif self._registry not in unreadable:
                await self._attachments.blobs.delete(blob.key)
                removed += 1
        return removed

    async def _compare(
        self, found: Findings, key: str, expected: Expected, length: int | None, *, deep: bool
    ) -> None:
        if length is None:
            found.missing.append(key)
        elif await self._differs(key, expected, length, deep=deep):
            found.different.append(key)
        else:
            return
        if expected.length is None:
            found.derived[key] = expected.doc_id

    async def _differs(self, key: str, expected: Expected, length: int, *, deep: bool) -> bool:
        if expected.length is None:
            return deep and not await self._gives(key, expected)
        return length != expected.length or (deep and not await self._is(key, expected.sha256))

    async def _is(self, key: str, sha256: str) -> bool:
        try:
            return (await digests_of(self._attachments.blobs, key)).sha256 == sha256
        except (NotFound, Damaged):
            return False

    async def _gives(self, key: str, expected: Expected) -> bool:
        """Whether a record, or a descriptor, is that of the revision; also of one that has gone meanwhile."""
        database = await self._store.open(self._registry)
        [[opened, *_]] = await database.open_revs([(expected.doc_id, [expected.rev])], histories=True)
        revision, blobs = opened.revision, self._attachments.blobs
        if revision is None:
            return True
        files = {file.name: file for file in revision.attachments}
        if not key.startswith(RECORDS) and DESCRIPTOR in files:
            return await self._is(key, files[DESCRIPTOR].sha256)
        try:
            async with aclosing(blobs.open(key)) as chunks:
                data = b"".join([chunk async for chunk in chunks])
            if not key.startswith(RECORDS):
                return data == json.encode(built(revision.body, files))
            recorded.is_sealed(data)
            return recorded.are_same(data, recorded.encode(revision, opened.history))
        except (NotFound, Damaged, Failure):
            return False

    async def _orphans(self, keys: list[str], found: Findings) -> list[str]:
        """Those that no revision refers to either that is no leaf any more."""
        orphans = [key for key in keys if is_kept(key)] if self._registry not in found.unreadable else []
        keys = [key for key in keys if not is_kept(key)]
        for start in range(0, len(keys), _TOGETHER):
            part = keys[start : start + _TOGETHER]
            needed = await referred(self._store, part)
            orphans += [key for key in part if key not in needed]
        return orphans

    async def _wanted(self) -> tuple[dict[str, Expected], list[str]]:
        """What the documents need, and the databases that cannot be read."""
        wanted: dict[str, Expected] = {}
        unreadable: list[str] = []
        for name in await self._store.names():
            try:
                database = await self._store.open(name)
                wanted |= {key: expected async for key, expected in self._of_database(database)}
            except NotFound:
                continue  # deleted since it was listed
            except StorageFailure:
                unreadable.append(name)
        return wanted, unreadable

    async def _of_database(self, database: Database) -> AsyncIterator[tuple[str, Expected]]:
        async for changes in database.changes(BEGINNING, all_leafs=True, bodies=True):
            for change in changes.results:
                for att in await _attachments_of(database, change):
                    yield att.key, Expected(change.id, att.stored_length, att.sha256)
                if database.name == self._registry:
                    for key, rev in _derived(change):
                        yield key, Expected(change.id, None, "", rev)


def _is_wanted(key: str, wanted: Mapping[str, Expected]) -> bool:
    """Tables are wanted as long as their version is, which has a descriptor then; what is kept of deleted
    versions has a time of its own."""
    return key in wanted or key == OWNER or key.startswith(DELETED) or descriptor_beside(key) in wanted


async def _attachments_of(database: Database, change: Change) -> list[Attachment]:
    if len(change.revs) == 1:
        return list(change.attachments)
    [leafs] = await database.open_revs([(change.id, None)])
    return [att for leaf in leafs if leaf.revision is not None for att in leaf.revision.attachments]


def _derived(change: Change) -> Iterator[tuple[str, str]]:
    """The keys that the `datastore` follower writes for a document, and of which revision each is."""
    for rev in change.revs:
        yield record_key(change.id, rev), rev
    if not change.deleted and package_key(change.id, "data") is not None:
        name, _, version = change.id.partition("@")
        yield descriptor_key(name, version), change.revs[0]
