"""Parquet files at the registry door: listed with their states, served whole and in ranges, gone with the
version."""

import asyncio
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.http import HTTPFileSystem

from couchreg.analytics.tables import Tables
from couchreg.followers.loop import FollowerLoop
from tests import blob_stores
from tests.packages import Package, small
from tests.s3_servers import S3Server
from tests.served import ADMIN, Serve, Served

MEDIATYPE = "application/vnd.apache.parquet"
FILE = "/-/parquet/small/1.0.0/words.parquet"


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(with_tables=True, validation="off")


async def test_the_tables_of_a_version_are_listed_and_served(served: Served) -> None:
    assert (await served.put(small(), "1.0.0"))[0] == 201
    [table] = await served.made("small", "1.0.0")
    assert (table["resource"], table["state"], table["rows"]) == ("words", "ready", 2)
    assert table["url"] == served.url + FILE
    assert [(item["name"], item["type"]) for item in table["columns"]] == [
        ("id", "integer"),
        ("word", "string"),
    ]
    status, headers, body = await served.fetch(FILE)
    assert (status, len(body), headers["Content-Type"]) == (200, table["bytes"], MEDIATYPE)
    assert headers["ETag"] == '"' + table["hash"].removeprefix("sha256:") + '"'
    assert "immutable" in headers["Cache-Control"]
    assert pq.read_table(io.BytesIO(body)).to_pylist() == [{"id": 1, "word": "one"}, {"id": 2, "word": "two"}]
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata.metadata
    assert metadata[b"couchreg.package"] == b"small"
    assert metadata[b"couchreg.source"].decode() == table["source"]
    status, headers, part = await served.fetch(FILE, Range="bytes=-8")
    assert (status, part) == (206, body[-8:])
    assert (await served.fetch(FILE, If_None_Match=f'"{table["hash"][7:]}"'))[0] == 304


async def test_a_resource_names_its_parquet_file_as_an_alternate(served: Served) -> None:
    await served.put(small(), "1.0.0")
    _, headers, _ = await served.fetch("/small/latest/words")
    assert (
        headers["Link"] == f'<../../-/parquet/small/1.0.0/words.parquet>; rel="alternate"; type="{MEDIATYPE}"'
    )


async def test_engines_read_it_by_its_address(served: Served, tmp_path: Path) -> None:
    await served.put(small(text="id,word\n" + "".join(f"{n},w{n % 7}\n" for n in range(5000))), "1.0.0")
    await served.made("small", "1.0.0")
    frame = await asyncio.to_thread(pd.read_parquet, served.url + FILE)
    assert (len(frame), int(frame["id"].sum())) == (5000, sum(range(5000)))
    query = "select word, count(*) from '{}' group by word order by word limit 1"
    assert await asyncio.to_thread(_with_duckdb, query.format(served.url + FILE)) == [("w0", 715)]
    lazy = polars.scan_parquet(served.url + FILE).filter(polars.col("word") == "w0")
    found = await asyncio.to_thread(lambda: lazy.select(polars.len()).collect().item())
    assert found == 715
    table = await asyncio.to_thread(pq.read_table, served.url + FILE, filesystem=Http(), columns=["id"])
    assert table.column("id").to_pylist() == list(range(5000))
    _, _, body = await served.fetch(FILE)
    (tmp_path / "words.parquet").write_bytes(body)
    assert duckdb.sql(query.format(tmp_path / "words.parquet")).fetchall() == [("w0", 715)]


class Http(HTTPFileSystem):  # type: ignore[misc]
    """fsspec's, with what DuckDB asks for and it has not."""

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(0, UTC)  # a version never changes


def _with_duckdb(query: str) -> list[Any]:
    """By address, in ranges; DuckDB's own way of doing so has to be downloaded first."""
    with duckdb.connect() as connection:
        connection.register_filesystem(Http(skip_instance_cache=True))
        return connection.sql(query).fetchall()


async def test_a_table_that_does_not_fit_has_failed_with_its_place(served: Served) -> None:
    package = small(text="id,word\n1,one\nx,two\n")
    package.members["resources"].append(
        {"name": "Other", "data": [{"a": 1}], "schema": {"fields": [{"name": "a", "type": "integer"}]}}
    )
    assert (await served.put(package, "1.0.0"))[0] == 201
    failed, ready = await served.made("small", "1.0.0")
    assert failed == {
        "resource": "words",
        "state": "failed",
        "source_bytes": 20,
        "reason": "'x' is not of type integer.",
        "row": 3,
        "field": "id",
    }
    assert ready["state"] == "ready"
    status, answer = await served.get(FILE)
    assert status == 404
    assert "row 3, field “id”: 'x' is not of type integer." in answer["reason"]
    assert (await served.fetch("/-/parquet/small/latest/Other.parquet"))[0] == 200
    assert not [key for key in served.blobs() if key.endswith("words.parquet")]


async def test_what_is_no_table_has_no_file(served: Served) -> None:
    package = Package(
        {
            "name": "small",
            "resources": [{"name": "text", "path": "a.txt"}, {"name": "json", "data": {"a": 1}}],
        },
        {"a.txt": b"words"},
    )
    await served.put(package, "1.0.0")
    assert (await served.get("/-/parquet/small/1.0.0"))[1]["tables"] == []
    for path in ("text.parquet", "json.parquet", "absent.parquet", "text"):
        assert (await served.get(f"/-/parquet/small/1.0.0/{path}"))[0] == 404


async def test_pending_tables_are_said_to_be_and_asked_for_later(served: Served) -> None:
    assert served.tables is not None
    await served.tables.stop()
    large = small("large", text="id,word\n" + "1,one\n" * 1_000_000)
    for package in (small(), large):
        await served.put(package, "1.0.0")
    waits = []
    for name in ("small", "large"):
        [table] = (await served.get(f"/-/parquet/{name}/1.0.0"))[1]["tables"]
        assert table["state"] == "pending"
        waits.append(table["seconds_left"])
    assert 0 < waits[0] < waits[1]
    status, headers, _ = await served.fetch(FILE)
    assert (status, headers["Retry-After"]) == (503, "5")


async def test_a_deleted_version_takes_its_files_along(served: Served) -> None:
    await served.put(small(), "1.0.0")
    await served.made("small", "1.0.0")
    assert "_parquet/small/1.0.0/words.parquet" in served.blobs()
    status, _ = await served.ask("DELETE", "/small/1.0.0", auth=ADMIN)
    assert status == 200
    while "_parquet/small/1.0.0/words.parquet" in served.blobs():
        await asyncio.sleep(0.05)
    assert (await served.fetch(FILE))[0] == 404


async def test_a_file_that_has_gone_is_made_again(served: Served) -> None:
    await served.put(small(), "1.0.0")
    [before] = await served.made("small", "1.0.0")
    (served.datastore / "_parquet/small/1.0.0/words.parquet").unlink()
    assert (await served.fetch(FILE))[0] == 503
    [after] = await served.made("small", "1.0.0")
    assert after == before
    assert (await served.fetch(FILE))[0] == 200


async def test_everything_is_made_again_from_nothing(served: Served, tmp_path: Path) -> None:
    await served.put(small(), "1.0.0")
    [before] = await served.made("small", "1.0.0")
    other = Tables(tmp_path / "other.sqlite", served.registry.catalog, served.registry.attachments)
    loop = FollowerLoop(other.follower, served.store, "registry")
    loop.start()
    other.start()
    version = await served.registry.catalog.version("small", "1.0.0")
    while (found := await other.of(version))[0].state == "pending":
        await asyncio.sleep(0.05)
    assert (found[0].sha256, found[0].rows) == (before["hash"].removeprefix("sha256:"), 2)
    await other.stop()
    await loop.stop()
    await other.close()


async def test_without_tables_the_routes_say_so(serve: Serve) -> None:
    served = await serve()
    await served.put(small(), "1.0.0")
    status, answer = await served.get("/-/parquet/small/1.0.0")
    assert status == 404
    assert "--analytics" in answer["reason"]
    _, headers, _ = await served.fetch("/small/1.0.0/words")
    assert "Link" not in headers


async def test_tables_in_a_bucket(
    serve: Serve, own_s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Written to the bucket, served and asked from it, and gone with the version."""
    monkeypatch.setattr(blob_stores, "server", own_s3_server)
    served = await serve(with_tables=True, validation="off")
    blobs = served.registry.attachments.blobs
    assert blobs.local_path("anything") is None
    await served.put(small(text="id,word\n" + "".join(f"{n},w{n % 7}\n" for n in range(5000))), "1.0.0")
    [table] = await served.made("small", "1.0.0")
    assert [blob.key async for blob in blobs.keys("_parquet/")] == ["_parquet/small/1.0.0/words.parquet"]
    _, _, body = await served.fetch(FILE)
    assert (len(body), "sha256:" + hashlib.sha256(body).hexdigest()) == (table["bytes"], table["hash"])
    status, _, part = await served.fetch(FILE, Range="bytes=-8")
    assert (status, part) == (206, body[-8:])
    for _ in range(2):  # fetched, and kept
        _, answer = await served.get("/-/sql?q=SELECT count(*) AS n FROM small.words WHERE word = 'w0'")
        assert answer["rows"] == [{"n": 715}]
    _, answer = await served.get("/-/viewer/rows?dataset=small&offset=4999")
    assert [row["row"] for row in answer["rows"]] == [{"id": 4999, "word": "w1"}]
    _, answer = await served.get("/-/viewer/statistics?dataset=small")
    assert answer["statistics"][1]["column_statistics"]["n_unique"] == 7
    await blobs.delete("_parquet/small/1.0.0/words.parquet")
    assert (await served.fetch(FILE))[0] == 503
    [again] = await served.made("small", "1.0.0")
    assert (again["hash"], (await served.fetch(FILE))[2]) == (table["hash"], body)
    assert (await served.ask("DELETE", "/small/1.0.0", auth=ADMIN))[0] == 200
    while [blob async for blob in blobs.keys("_parquet/")]:
        await asyncio.sleep(0.05)
