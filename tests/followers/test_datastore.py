"""The datastore: `<name>/<version>/datapackage.json` lies beside the files of each settled version."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.base import Attachment, Database
from couchreg.docstore.named import NamedNotes
from couchreg.docstore.sqlite.store import SqliteStore
from couchreg.errors import Unavailable
from couchreg.followers.datastore import DatastoreFollower
from couchreg.followers.loop import FollowerLoop
from tests.followers.conftest import REGISTRY, package, put

Databases = Callable[[], Database]
CSV = b"year,gdp\n2026,1\n"


@pytest.fixture
async def loop(
    store: SqliteStore, attachments: Attachments, database: Databases
) -> AsyncIterator[FollowerLoop]:
    follower = DatastoreFollower(attachments, database(), NamedNotes(store, REGISTRY))
    made = FollowerLoop(follower, store, REGISTRY, first_wait=0.001)
    made.start()
    yield made
    await made.stop()


async def received(attachments: Attachments, doc_id: str, name: str, data: bytes) -> Attachment:
    async def chunks() -> AsyncIterator[bytes]:
        yield data

    async with attachments.upload(REGISTRY) as upload:
        return await upload.receive(doc_id, name, "text/csv", chunks())


async def stored(attachments: Attachments, key: str) -> bytes | None:
    path = attachments.blobs.local_path(key)
    return path.read_bytes() if path else None


async def test_the_descriptor_of_the_document_with_sizes_and_hashes(
    loop: FollowerLoop, database: Databases, attachments: Attachments
) -> None:
    file = await received(attachments, "gdp@2026", "data/gdp.csv", CSV)
    resources: list[Any] = [
        {"name": "gdp", "path": "data/gdp.csv"},
        {"name": "told", "path": "data/gdp.csv", "hash": "sha1:0"},
        {"name": "inline", "data": [1]},
        {"name": "elsewhere", "path": "http://example.org/x.csv"},
        "odd",
    ]
    body = {**package("GDP"), "resources": resources, "couchreg": {"publisher": "ann"}, "name": "gdp"}
    await put(database(), "gdp@2026", body, (file,))
    await loop.caught_up(await database().update_seq())
    written = json.loads(await stored(attachments, "gdp/2026/datapackage.json") or b"")
    told = {"bytes": len(CSV), "hash": "sha256:" + hashlib.sha256(CSV).hexdigest()}
    assert written == {
        "title": "GDP",
        "name": "gdp",
        "resources": [{**resources[0], **told}, {**resources[1], "bytes": len(CSV)}, *resources[2:]],
    }
    assert await stored(attachments, "gdp/2026/data/gdp.csv") == CSV


async def test_the_published_bytes_where_there_are_some(
    loop: FollowerLoop, database: Databases, attachments: Attachments
) -> None:
    published = b'{ "title": "as I wrote it" }\n'
    file = await received(attachments, "gdp@2026", "datapackage.json", published)
    await put(database(), "gdp@2026", package("as I wrote it"), (file,))
    await loop.caught_up(await database().update_seq())
    assert await stored(attachments, "gdp/2026/datapackage.json") == published


async def test_only_versions_get_a_descriptor(
    loop: FollowerLoop, database: Databases, attachments: Attachments
) -> None:
    for doc_id in ("gdp", "_design/x", "GDP@1", "gdp@", "../gdp@1"):
        await put(database(), doc_id, package())
    await loop.caught_up(await database().update_seq())
    keys = [blob.key async for blob in attachments.blobs.keys()]  # noqa: SIM118
    assert all(key.startswith("_registry/") for key in keys)


async def test_a_deleted_version_loses_its_descriptor(
    loop: FollowerLoop, database: Databases, attachments: Attachments
) -> None:
    rev = await put(database(), "gdp@1", package())
    await loop.caught_up(await database().update_seq())
    assert await stored(attachments, "gdp/1/datapackage.json")
    await put(database(), "gdp@1", {}, rev=rev, deleted=True)
    await loop.caught_up(await database().update_seq())
    assert await stored(attachments, "gdp/1/datapackage.json") is None


async def test_a_purged_version_leaves_neither_descriptor_nor_record(
    loop: FollowerLoop, database: Databases, attachments: Attachments
) -> None:
    rev = await put(database(), "gdp@1", package())
    await loop.caught_up(await database().update_seq())
    await database().purge({"gdp@1": [rev]})
    while [blob.key async for blob in attachments.blobs.keys()]:  # noqa: SIM118
        await asyncio.sleep(0.01)


async def test_other_content_for_the_same_version_is_reported_and_does_not_replace(
    loop: FollowerLoop, database: Databases, attachments: Attachments
) -> None:
    rev = await put(database(), "gdp@1", package("one"))
    await loop.caught_up(await database().update_seq())
    before = await stored(attachments, "gdp/1/datapackage.json")
    await put(database(), "gdp@1", package("two"), rev=rev)
    await loop.caught_up(await database().update_seq())
    assert await stored(attachments, "gdp/1/datapackage.json") == before
    assert [problem.doc_id for problem in (await loop.status()).problems] == ["gdp@1"]


async def test_everything_is_written_again_after_a_lost_checkpoint(
    loop: FollowerLoop, database: Databases, attachments: Attachments, store: SqliteStore
) -> None:
    await put(database(), "gdp@1", package("one"))
    await loop.caught_up(await database().update_seq())
    await loop.stop()
    await (await store.notes(REGISTRY)).write("follower-datastore", None)
    await attachments.blobs.delete("gdp/1/datapackage.json")
    again = FollowerLoop(
        DatastoreFollower(attachments, database(), NamedNotes(store, REGISTRY)), store, REGISTRY
    )
    again.start()
    await again.caught_up(await database().update_seq())
    await again.stop()
    assert await stored(attachments, "gdp/1/datapackage.json")
    assert (await again.status()).problems == ()


async def test_a_blob_store_that_fails_delays_but_loses_nothing(
    loop: FollowerLoop, database: Databases, attachments: Attachments, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, failures = attachments.blobs.put, [Unavailable("down"), Unavailable("down")]

    async def failing(*args: Any, **more: Any) -> bool:
        if failures:
            raise failures.pop()
        return await original(*args, **more)

    monkeypatch.setattr(attachments.blobs, "put", failing)
    await put(database(), "gdp@1", package("one"))
    await loop.caught_up(await database().update_seq())
    assert await stored(attachments, "gdp/1/datapackage.json")
    assert list(attachments.spool.directory.iterdir()) == []
