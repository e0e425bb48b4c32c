"""A store of its own in a couchreg's couch door, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.docstore.base import Database
from couchreg.docstore.remote import CouchAddress, RemoteStore
from couchreg.docstore.remote.asking import DatabaseCalls
from tests.docstore import couchdbs
from tests.docstore.two_processes import Place, two_processes


@pytest.fixture
async def remote(couch_door: str) -> AsyncIterator[RemoteStore]:
    prefix = couchdbs.new_prefix()
    store = RemoteStore(CouchAddress.parse(f"{couch_door}/{prefix}"))
    await store.prepare()
    yield store
    await store.close()
    await couchdbs.remove(couch_door, prefix)


@pytest.fixture
async def database(remote: RemoteStore) -> Database:
    return await remote.create("db")


@pytest.fixture
def direct(remote: RemoteStore) -> DatabaseCalls:
    """That database, as one sees it who goes straight to the CouchDB."""
    return DatabaseCalls(remote.calls, remote.address.physical("db"))


@pytest.fixture
async def place(couch_door: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with two_processes(couch_door, tmp_path) as found:
        yield found
