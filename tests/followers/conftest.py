"""A real store with a `registry` database, and helpers to write packages into it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.base import Attachment, Database, Edit
from couchreg.docstore.named import NamedDatabase
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.model.user import SYSTEM
from couchreg.package.layout import registry_layout

REGISTRY = "registry"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path)
    await made.create(REGISTRY)
    yield made
    await made.close()


@pytest.fixture
def database(store: SqliteStore) -> Callable[[], Database]:
    named = NamedDatabase(store, REGISTRY)
    return lambda: named


@pytest.fixture
async def attachments(tmp_path: Path) -> AsyncIterator[Attachments]:
    blobs, spool = DirectoryBlobStore(tmp_path / "datastore"), Spool(tmp_path / "spool")
    yield Attachments(
        blobs, spool, registry_layout(REGISTRY), lambda: Compression.of({}), uncompressed={REGISTRY}
    )
    await spool.close()
    await blobs.close()


async def put(
    database: Database,
    doc_id: str,
    body: dict[str, Any],
    attachments: tuple[Attachment, ...] = (),
    rev: str | None = None,
    *,
    deleted: bool = False,
) -> str:
    """Write one document; its new revision."""
    edit = Edit(doc_id, rev, deleted, body, attachments)
    return (await database.update([edit], new_edits=True, user=SYSTEM)).rev


def package(title: str = "", **more: Any) -> dict[str, Any]:
    """A descriptor."""
    return {"title": title, "resources": [], **more}
