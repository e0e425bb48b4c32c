"""The conformance suite's engines, and attachments over a directory."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.base import Database, Store
from couchreg.docstore.optional import checking
from couchreg.package.layout import registry_layout
from tests.docstore import couchdbs
from tests.docstore.stores import STORES

OpenStore = Callable[[], Store]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a store in a CouchDB has not is not asked of it."""
    items[:] = [item for item in items if not _is_lacking(item)]


def _is_lacking(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return False
    kind = str(item.callspec.params.get("open_store"))
    return couchdbs.is_lacking(kind, item.path.stem, item.originalname)


@pytest.fixture(scope="session")
def couch_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with couchdbs.couch_door(tmp_path_factory.mktemp("door")) as url:
        yield url


@pytest.fixture(params=[*STORES, *couchdbs.KINDS])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """`open_store()` opens the store of this test; call it again, after `close`, for a restart."""
    opened: list[Store] = []
    prefix = couchdbs.new_prefix()
    url = request.getfixturevalue("couch_door") if request.param == "remote" else couchdbs.REAL
    is_remote = request.param in couchdbs.KINDS
    make = (
        partial(couchdbs.opened, url, prefix, tmp_path)
        if is_remote
        else partial(STORES[request.param], tmp_path)
    )

    def start() -> Store:
        opened.append(make())
        return opened[-1]

    yield start
    for store in opened:
        await store.close()
    if is_remote:
        await couchdbs.remove(url, prefix)


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()


@pytest.fixture
async def db(store: Store) -> AsyncIterator[Database]:
    """A new database; afterwards none of its invariants may be broken."""
    database = await store.create("db")
    yield database
    if "db" in await store.names():
        if isinstance(store, couchdbs.PreparedStore):
            return  # which has no such check
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
