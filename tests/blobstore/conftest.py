"""The stores that the conformance suite runs over: add a maker for each implementation."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from couchreg.blobstore.base import BlobStore, Spooled
from couchreg.blobstore.directory import DirectoryBlobStore
from couchreg.blobstore.spool import Spool

Put = Callable[[str, bytes], Awaitable[bool]]


def directory(tmp_path: Path) -> BlobStore:
    return DirectoryBlobStore(tmp_path / "datastore")


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "spool")
    yield spool
    await spool.close()


@pytest.fixture(params=[directory])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    store: BlobStore = request.param(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def put(store: BlobStore, spool: Spool) -> Put:
    """Spool some bytes and put them."""

    async def put(key: str, data: bytes) -> bool:
        spooled = await spooled_bytes(spool, data)
        try:
            return await store.put(key, spooled)
        finally:
            assert spooled.path.exists(), "the spooled file is left to its owner"
            spool.remove(spooled)

    return put


async def spooled_bytes(spool: Spool, data: bytes) -> Spooled:
    async with spool.writer() as writer:
        await writer.write(data)
        return await writer.finish()
