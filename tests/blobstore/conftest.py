"""The stores that the conformance suite runs over: add a parameter for each implementation."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from couchreg.blobstore.base import BlobStore
from couchreg.blobstore.directory import DirectoryBlobStore
from couchreg.blobstore.spool import Spool


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "spool")
    yield spool
    await spool.close()


@pytest.fixture(params=["directory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    store: BlobStore = {"directory": DirectoryBlobStore}[request.param](tmp_path / "datastore")
    yield store
    await store.close()
