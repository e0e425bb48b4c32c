"""The tables follower: which tables there are. Their files are made later, by `making`, and nobody waits
for that.

It is caught up when it knows of every table; what it knows stands in the ledger, with its checkpoint.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from couchreg.analytics.known import Known
from couchreg.analytics.ledger import PENDING, Table
from couchreg.blobstore.base import BlobStore
from couchreg.docstore.base import Attachment, Change
from couchreg.followers.base import BATCH, Checkpoint
from couchreg.model import json
from couchreg.package.descriptor import Resource, resources_of
from couchreg.package.layout import parquet_folder, parquet_name
from couchreg.package.names import split_version_id
from couchreg.package.tables import is_table
from couchreg.registry.reading.outline import outline


class TablesFollower:
    """Remembers the tables of published versions as pending, and removes those of deleted ones."""

    name = "tables"
    bodies = True
    batch = BATCH
    linger = 0.0

    def __init__(self, known: Known, blobs: BlobStore) -> None:
        self._known = known
        self._blobs = blobs

    async def checkpoint(self) -> Checkpoint | None:
        return await self._known.checkpoint()

    async def apply(self, changes: Sequence[Change], checkpoint: Checkpoint) -> None:
        """Files go before what is known of them, so that a crash in between is mended by doing it again."""
        gone: list[tuple[str, str]] = []
        came: list[list[Table]] = []
        for change in changes:
            version = split_version_id(change.id)
            if version is None:
                continue
            tables = [] if change.deleted else await _tables(version, change)
            if tables:
                came.append(tables)
            else:
                await self._remove(version)
                gone.append(version)
        await self._known.follow(gone, came, checkpoint)

    async def _remove(self, version: tuple[str, str]) -> None:
        keys = [blob.key async for blob in self._blobs.keys(parquet_folder(*version))]
        for key in keys:
            await self._blobs.delete(key, durably=True)

    async def reset(self) -> None:
        """The files stay: those of versions that are still there are made again, and are the same."""
        await self._known.reset()

    async def close(self) -> None:
        """What it knows is others', too."""


async def _tables(version: tuple[str, str], change: Change) -> list[Table]:
    members = await outline(change.members or b"")
    files = {file.name: file for file in change.attachments}
    rev = next(iter(change.revs), "")
    return planned(version, rev, resources_of(members), files)


def planned(
    version: tuple[str, str], rev: str, resources: Iterable[Resource], files: Mapping[str, Attachment]
) -> list[Table]:
    """The tables of a version, none of them made yet."""
    folder = parquet_folder(*version)
    return [
        Table(
            *(*version, resource.name, place, rev),
            *(PENDING, 0, _size(resource, files), folder + parquet_name(resource.name)),
        )
        for place, resource in enumerate(resources)
        if is_table(resource)
    ]


def _size(resource: Resource, files: Mapping[str, Attachment]) -> int:
    if resource.inline:
        data: Any = resource.members.get("data")
        return len(data) if isinstance(data, json.Raw) else len(json.encode(data))
    return sum(files[path].length for path in resource.paths if path in files)
