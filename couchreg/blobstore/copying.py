"""All blobs from one store into another, verified on the way, and resumable because keys never change."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from couchreg.blobstore.base import BlobInfo, BlobStore
from couchreg.blobstore.digests import digests_of
from couchreg.blobstore.spool import Spool


@dataclass
class Copied:
    """What has been done so far. `refused`: keys under which the target holds other bytes."""

    copied: int = 0
    present: int = 0  # there already
    bytes: int = 0  # of those copied
    refused: list[str] = field(default_factory=list)


async def copy(
    source: BlobStore,
    target: BlobStore,
    spool: Spool,
    *,
    type_of: Callable[[str], str],
    verify: bool = False,
    progress: Callable[[Copied], None] = lambda done: None,
) -> Copied:
    """Copy what the target lacks. What it has in the same length counts as the same, for each blob was
    verified when it was put; with `verify` it is read and compared.

    Raises Unavailable when a store does not answer; call it again then.
    """
    done = Copied()
    async for blob in source.keys():
        there = await target.info(blob.key)
        if there is not None and not await _same(source, target, blob, there, verify=verify):
            done.refused.append(blob.key)
        elif there is not None:
            done.present += 1
        elif await _copied(source, target, spool, blob, type_of(blob.key)):
            done.copied += 1
            done.bytes += blob.length
        else:
            done.refused.append(blob.key)
        progress(done)
    return done


async def _copied(
    source: BlobStore, target: BlobStore, spool: Spool, blob: BlobInfo, content_type: str
) -> bool:
    async with aclosing(source.open(blob.key)) as chunks, spool.received(chunks) as spooled:
        return spooled.length == blob.length and await target.put(
            blob.key, spooled, content_type=content_type
        )


async def _same(
    source: BlobStore, target: BlobStore, blob: BlobInfo, there: BlobInfo, *, verify: bool
) -> bool:
    if blob.length != there.length:
        return False
    if not verify:
        return True
    digests = [await digests_of(store, blob.key) for store in (source, target)]
    return digests[0].sha256 == digests[1].sha256
