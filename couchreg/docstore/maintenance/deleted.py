"""Removes what is kept of deleted versions once its time is over.

What lies there is `registry/changing/trash.py`'s to say; here it is folders of the blob store, each of which
has a record, whose age is that of the deletion.
"""

import time
from collections.abc import Awaitable, Callable, Iterable

from couchreg.blobstore.base import BlobStore
from couchreg.package.layout import DELETED, DELETED_RECORD

Refused = Callable[[], Awaitable[bool]]


async def expire(blobs: BlobStore, seconds: float, refused: Refused | None = None) -> int:
    """Remove what was deleted at least `seconds` ago, unless that is `refused`, which is asked where there is
    something; how many blobs. Raises Unavailable."""
    limit = time.time() - seconds
    records: dict[str, float] = {}
    folders: set[str] = set()
    async for blob in blobs.keys(DELETED):
        folder, _, file = blob.key.rpartition("/")
        folders.add(folder)
        if file == DELETED_RECORD:
            records[folder] = blob.modified
    removed = 0
    for folder in folders:
        if records.get(folder, 0.0) > limit:
            continue
        if folder not in records and await blobs.info(f"{folder}/{DELETED_RECORD}") is not None:
            continue  # it has been put since the list began
        if refused is not None and await refused():
            return removed
        removed += await remove(blobs, folder + "/")
    return removed


async def remove(blobs: BlobStore, folder: str) -> int:
    """Remove one version that is kept, its record last; how many blobs."""
    keys = [blob.key async for blob in blobs.keys(folder)]
    for key in _record_last(keys):
        await blobs.delete(key)
    return len(keys)


def _record_last(keys: Iterable[str]) -> list[str]:
    return sorted(keys, key=lambda key: key.endswith("/" + DELETED_RECORD))
