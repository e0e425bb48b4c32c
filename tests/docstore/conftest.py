"""The conformance suite's engines, and attachments over a directory."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.base import Database, Store
from couchreg.docstore.optional import checking
from couchreg.package.layout import registry_layout
from tests.docstore.stores import STORES

OpenStore = Callable[[], Store]


@pytest.fixture(params=list(STORES))
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """`open_store()` opens the store of this test; call it again, after `close`, for a restart."""
    opened: list[Store] = []

    def start() -> Store:
        opened.append(STORES[request.param](tmp_path))
        return opened[-1]

    yield start
    for store in opened:
        await store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()


@pytest.fixture
async def db(store: Store) -> AsyncIterator[Database]:
    """A new database; afterwards none of its invariants may be broken."""
    database = await store.create("db")
    yield database
    if "db" in await store.names():
        assert await checking(await store.open("db")).check() == []


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobStore]:
    store = DirectoryBlobStore(tmp_path / "datastore")
    yield store
    await store.close()


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "spool")
    yield spool
    await spool.close()


@pytest.fixture
def attachments(blobs: DirectoryBlobStore, spool: Spool) -> Attachments:
    return Attachments(
        blobs, spool, registry_layout("registry"), lambda: Compression.of({}), uncompressed=["registry"]
    )
