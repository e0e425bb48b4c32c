"""The bucket is the point of truth: without it nothing is kept, with it everything comes back."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.cli.rebuild import run
from couchreg.config import CannotStart, load
from tests.conftest import ServerFactory
from tests.datastore.conftest import Connect, settings_of

CSV = b"a,b\n1,2\n"


async def test_everything_comes_back_from_the_bucket_alone(
    server: ServerFactory, connect: Connect, bucket: S3Options, lose: Callable[[], None], tmp_path: Path
) -> None:
    settings = settings_of(bucket)
    client = connect(await server(**settings))
    for name, version in (("gdp", "1"), ("gdp", "2"), ("pop", "1")):
        assert (await client.publish(name, version, CSV + version.encode() + b",3\n"))[0] == 201
    await edited(client)
    before = await client.everything()
    descriptor = await client.registry("GET", "/gdp/2")
    found = await searched(client)
    await client.app.stop()
    lose()
    done = await run(load({"data_dir": tmp_path / "data", **settings}, environ={}))
    assert (done.problems, done.differing, done.written) == ([], 1, len(before))  # "bbb" is made up
    client = connect(await server(**settings))
    assert await client.everything() == before
    assert same_but_port(await client.registry("GET", "/gdp/2")) == same_but_port(descriptor)
    assert await client.bytes("/gdp/1/data/table.csv") == CSV + b"1,3\n"
    assert await searched(client) == found


async def test_a_deletion_outlives_a_rebuild_and_can_be_undone_after_it(
    server: ServerFactory, connect: Connect, bucket: S3Options, lose: Callable[[], None], tmp_path: Path
) -> None:
    settings = settings_of(bucket)
    client = connect(await server(**settings))
    for version in ("1", "2"):
        await client.publish("gdp", version, CSV)
        assert "until" in (await client.registry("DELETE", f"/gdp/{version}"))[1]
    assert (await client.registry("POST", "/-/undelete/gdp/1"))[0] == 200
    before = await client.everything()
    await client.app.stop()
    lose()
    assert (await run(load({"data_dir": tmp_path / "data", **settings}, environ={}))).problems == []
    client = connect(await server(**settings))
    assert await client.everything() == before
    assert (await client.registry("GET", "/gdp/2"))[0] == 404
    assert (await client.registry("POST", "/-/undelete/gdp"))[1]["versions"] == ["2"]
    assert await client.bytes("/gdp/2/data/table.csv") == CSV
    store = await S3BlobStore.connect(bucket)
    assert [blob.key async for blob in store.keys("_deleted/")] == []
    await store.close()


async def edited(client: Any) -> None:
    """An owner more, a deleted version, a conflict."""
    _, document = await client.couch("GET", "/registry/gdp")
    await client.couch("PUT", "/registry/gdp", {**document, "owners": ["admin", "ann"], "n": 1.0})
    _, gone = await client.couch("GET", "/registry/pop@1")
    assert (await client.couch("DELETE", f"/registry/pop@1?rev={gone['_rev']}"))[0] == 200
    revisions = {"start": 2, "ids": ["b" * 32, "a" * 32]}
    edit = {"_id": "pop", "_rev": "2-" + "b" * 32, "_revisions": revisions, "owners": []}
    status, _ = await client.couch("POST", "/registry/_bulk_docs", {"docs": [edit], "new_edits": False})
    assert status == 201
    app = client.app
    await app.followers["datastore"].caught_up(await app.registry.database.update_seq())


async def searched(client: Any) -> Any:
    await client.app.followers["search"].caught_up(await client.app.registry.database.update_seq())
    _, answer = await client.registry("GET", '/search?keys=["gdp"]')
    return [(hit["name"], hit["version"], hit["title"]) for hit in answer["hits"]]


def same_but_port(value: Any) -> Any:
    return json.loads(re.sub(r"127\.0\.0\.1:\d+", "host", json.dumps(value)))


async def test_a_server_without_its_database_does_not_touch_the_bucket(
    server: ServerFactory, connect: Connect, bucket: S3Options, lose: Callable[[], None], tmp_path: Path
) -> None:
    settings = {**settings_of(bucket), "sweep_grace": 0}
    client = connect(await server(**settings))
    await client.publish("gdp", "1", CSV)
    await client.app.stop()
    lose()
    with pytest.raises(CannotStart, match="couchreg rebuild"):
        await server(**settings)
    await run(load({"data_dir": tmp_path / "data", **settings}, environ={}))
    client = connect(await server(**settings))
    assert await client.bytes("/gdp/1/data/table.csv") == CSV


async def test_a_bucket_with_something_else_in_it_is_left_alone(
    server: ServerFactory, bucket: S3Options
) -> None:
    store = await S3BlobStore.connect(bucket)
    await store.calls("put_object", Key="photos/holiday/1.jpg", body=b"x")
    with pytest.raises(CannotStart, match="empty bucket or prefix"):
        await server(**settings_of(bucket), sweep_grace=0)
    assert await store.info("photos/holiday/1.jpg") is not None
    await store.close()


async def test_an_interrupted_rebuild_goes_on(
    server: ServerFactory,
    connect: Connect,
    bucket: S3Options,
    lose: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = connect(await server(**settings_of(bucket)))
    for number in range(4):
        await client.publish(f"p{number}", "1", CSV)
    before = await client.everything()
    await client.app.stop()
    lose()
    settings = load({"data_dir": tmp_path / "data", **settings_of(bucket)}, environ={})
    monkeypatch.setattr("couchreg.registry.rebuild.rebuild.BATCH", 3)
    original, calls = S3BlobStore.open, []

    def failing(self: S3BlobStore, key: str, *args: Any) -> Any:
        calls.append(key)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(self, key, *args)

    with monkeypatch.context() as patch:
        patch.setattr(S3BlobStore, "open", failing)
        with pytest.raises(KeyboardInterrupt):
            await run(settings)
    with pytest.raises(CannotStart):
        await server(**settings_of(bucket))
    done = await run(settings)
    assert (done.written, done.records) == (len(before) - 3, len(before))
    assert await connect(await server(**settings_of(bucket))).everything() == before


async def test_a_folder_that_was_copied_into_the_datastore_becomes_a_version(
    server: ServerFactory, connect: Connect, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "datastore" / "gdp" / "2026"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "gdp.csv").write_bytes(CSV)
    descriptor = {"name": "gdp", "resources": [{"name": "gdp", "path": "data/gdp.csv"}]}
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    done = await run(load({"data_dir": tmp_path / "data"}, environ={}))
    assert (done.imported, done.problems) == (1, [])
    client = connect(await server())
    assert (await client.registry("GET", "/gdp/2026"))[1]["resources"][0]["name"] == "gdp"
    assert await client.bytes("/gdp/2026/gdp") == CSV
