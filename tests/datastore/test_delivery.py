"""What readers get from the bucket itself: objects that are safe to open, folders that are packages."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import frictionless
import pytest

from couchreg.blobstore.s3.headers import object_type
from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.config import CannotStart
from tests.conftest import ADMIN, ServerFactory
from tests.datastore.conftest import Client, Connect, settings_of

CSV = b"a,b\n1,2\n"


@pytest.mark.parametrize("how", ["public", "presigned"])
async def test_readers_are_sent_to_the_bucket(
    server: ServerFactory, connect: Connect, bucket: S3Options, how: str
) -> None:
    client = connect(await server(**settings_of(bucket), redirect=how))
    await client.publish("gdp", "1", CSV)
    url = f"{client.app.registry_url}/gdp/1/data/table.csv"
    async with aiohttp.ClientSession() as anybody:
        response = await anybody.get(url, allow_redirects=False)
        assert response.status == 302
        address = response.headers["Location"]
        assert address.startswith(f"{bucket.endpoint}/{bucket.bucket}/gdp/1/data/table.csv")
        assert ("Signature=" in address) == (how == "presigned")
        if how == "presigned":  # moto keeps buckets without a policy to itself
            assert await (await anybody.get(url)).read() == CSV
        await anybody.get(url, allow_redirects=False, headers={"Range": "bytes=4-"})
        counted = await anybody.get(f"{client.app.registry_url}/-/downloads/gdp")
        assert (await counted.json())["total"] == (2 if how == "presigned" else 1)


async def test_so_are_readers_of_parquet_files(
    server: ServerFactory, connect: Connect, bucket: S3Options
) -> None:
    client = connect(await server(**settings_of(bucket), redirect="presigned", analytics="on"))
    await client.publish("gdp", "1", CSV)
    table: dict[str, Any] = {"state": "pending"}
    while table["state"] == "pending":
        await asyncio.sleep(0.05)
        [table] = (await client.registry("GET", "/-/parquet/gdp/1"))[1]["tables"]
    async with aiohttp.ClientSession() as anybody:
        response = await anybody.get(table["url"], allow_redirects=False)
        address = response.headers["Location"]
        assert response.status == 302
        assert address.startswith(f"{bucket.endpoint}/{bucket.bucket}/_parquet/gdp/1/table.parquet")
        body = await (await anybody.get(table["url"])).read()
        assert (len(body), "sha256:" + hashlib.sha256(body).hexdigest()) == (table["bytes"], table["hash"])
        part = await anybody.get(table["url"], headers={"Range": "bytes=-4"})
        assert (part.status, await part.read()) == (206, b"PAR1")


async def test_a_directory_has_no_addresses_to_send_readers_to(server: ServerFactory) -> None:
    with pytest.raises(CannotStart, match="redirect"):
        await server(redirect="public")


async def test_a_prefix_downloaded_is_a_valid_data_package(
    server: ServerFactory, connect: Connect, bucket: S3Options, tmp_path: Path
) -> None:
    await connect(await server(**settings_of(bucket))).publish("gdp", "1", CSV)
    store = await S3BlobStore.connect(bucket)
    async for blob in store.keys("gdp/1/"):
        target = tmp_path / "sync" / blob.key.removeprefix("gdp/1/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"".join([chunk async for chunk in store.open(blob.key)]))
    head = await store.head("gdp/1/data/table.csv") or {}
    await store.close()
    assert (head["ContentType"], head["ContentDisposition"]) == (
        "text/csv",
        "inline; filename=\"table.csv\"; filename*=UTF-8''table.csv",
    )
    report = frictionless.validate(str(tmp_path / "sync" / "datapackage.json"))
    assert report.valid, json.dumps(report.to_dict())


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
        "application/xml",
        "multipart/related",
        "no type",
        "text/h\u00f6lle",
        "text/xsl",
    ],
)
def test_what_a_browser_could_run_is_octets(kind: str) -> None:
    assert object_type(kind) == "application/octet-stream"


@pytest.mark.parametrize(
    "kind",
    [
        "text/csv",
        "text/csv; charset=utf-8",
        "application/json",
        "application/vnd.apache.parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "image/png",
    ],
)
def test_other_types_are_kept(kind: str) -> None:
    assert object_type(kind) == kind


async def restrict(client: Client, name: str) -> int:
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    url = f"{client.app.registry_url}/-/package/{name}/access"
    async with aiohttp.ClientSession() as admin:
        return (await admin.post(url, headers=headers, json={"access": "restricted"})).status


async def test_a_restricted_package_is_read_through_addresses_that_are_signed_briefly(
    server: ServerFactory, connect: Connect, bucket: S3Options
) -> None:
    client = connect(await server(**settings_of(bucket), redirect="presigned"))
    await client.publish("gdp", "1", CSV)
    url = f"{client.app.registry_url}/gdp/1/data/table.csv"
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    assert await restrict(client, "gdp") == 200
    async with aiohttp.ClientSession() as http:
        assert (await http.get(url, allow_redirects=False)).status == 404
        response = await http.get(url, allow_redirects=False, headers=headers)
        assert response.status == 302
        address = response.headers["Location"]
        assert "Signature=" in address
        assert "Expires=60" in address
        assert await (await http.get(address)).read() == CSV
        assert (await http.get(address.partition("?")[0])).status == 403


async def test_where_the_bucket_is_public_no_package_is_restricted(
    server: ServerFactory, connect: Connect, bucket: S3Options
) -> None:
    client = connect(await server(**settings_of(bucket), redirect="public"))
    await client.publish("gdp", "1", CSV)
    assert await restrict(client, "gdp") == 403
    await client.app.stop()
    client = connect(await server(**settings_of(bucket), redirect="presigned"))
    assert await restrict(client, "gdp") == 200
    await client.app.stop()
    with pytest.raises(CannotStart, match="restricted"):
        await server(**settings_of(bucket), redirect="public")
