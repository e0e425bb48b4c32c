"""Direct uploads: files go straight to the bucket, or to a signed address of the server's own."""

import asyncio
import base64
import hashlib
import json
import time
from typing import Any

import aiohttp
import pytest

from couchreg.blobstore.s3.options import S3Options
from couchreg.blobstore.spool import Spool
from couchreg.docstore.maintenance.sweeper import Sweeper
from tests.conftest import ServerFactory
from tests.datastore.conftest import Client, Connect, settings_of
from tests.s3_servers import S3Server, new_bucket

CSV = b"a,b\n1,2\n"
DESCRIPTOR = json.dumps({"name": "gdp", "resources": [{"name": "t", "path": "data/t.csv"}]}).encode()
FILES = {"datapackage.json": DESCRIPTOR, "data/t.csv": CSV}


def asked(files: dict[str, bytes], **more: Any) -> dict[str, Any]:
    filedata = {
        path: {"length": len(data), "md5": base64.b64encode(hashlib.md5(data).digest()).decode(), **more}
        for path, data in files.items()
    }
    return {"metadata": {"name": "gdp", "version": "1"}, "filedata": filedata}


@pytest.fixture(params=["directory", "moto", "rclone"])
async def client(request: pytest.FixtureRequest, server: ServerFactory, connect: Connect) -> Client:
    if request.param == "directory":
        return connect(await server(blobstore="directory"))
    found: S3Server = request.getfixturevalue(f"{request.param}_server")
    options: S3Options = await new_bucket(found)
    return connect(await server(**settings_of(options)))


async def sent(file: dict[str, Any], data: bytes) -> int:
    """Whoever has the address may upload: no session, no password."""
    async with (
        aiohttp.ClientSession() as anybody,
        anybody.put(file["upload_url"], data=data, headers=file["upload_headers"]) as response,
    ):
        return response.status


async def test_authorize_upload_finalize(client: Client) -> None:
    status, allowed = await client.registry("POST", "/datastore/authorize", asked(FILES))
    assert status == 200, allowed
    for path, data in FILES.items():
        assert await sent(allowed["filedata"][path], data) in (200, 201)
    assert (await client.registry("GET", "/gdp/1"))[0] == 404
    status, published = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
    assert (status, published["id"]) == (201, "gdp@1")
    assert await client.bytes("/gdp/1/data/t.csv") == CSV
    left = [blob.key async for blob in client.app.attachments.blobs.keys("_uploads/")]
    assert left == []
    status, _ = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
    assert status == 404


async def test_a_check_that_takes_long_goes_on(client: Client) -> None:
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(FILES))
    for path, data in FILES.items():
        await sent(allowed["filedata"][path], data)
    upload = {"upload": allowed["upload"]}
    status, answer = await client.registry("POST", "/datastore/finalize?wait=0", upload)
    assert status == 202, answer
    for record in client.app.registry.sessions.of("admin"):
        while not record.is_finished:
            await asyncio.sleep(0.02)
        assert record.state == "published"
    assert await client.bytes("/gdp/1/data/t.csv") == CSV


async def test_what_differs_or_is_missing_is_not_published(client: Client) -> None:
    files = asked(FILES)
    files["filedata"]["data/t.csv"]["sha256"] = hashlib.sha256(b"other").hexdigest()
    _, allowed = await client.registry("POST", "/datastore/authorize", files)
    upload = {"upload": allowed["upload"]}
    await sent(allowed["filedata"]["datapackage.json"], DESCRIPTOR)
    assert (await client.registry("POST", "/datastore/finalize", upload))[0] == 409
    await sent(allowed["filedata"]["data/t.csv"], CSV)
    status, answer = await client.registry("POST", "/datastore/finalize", upload)
    assert (status, answer["error"]) == (400, "content_md5_mismatch")
    assert (await client.registry("GET", "/gdp/1"))[0] == 404


async def test_other_bytes_than_announced(client: Client) -> None:
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(FILES))
    await sent(allowed["filedata"]["datapackage.json"], DESCRIPTOR)
    await sent(allowed["filedata"]["data/t.csv"], CSV.replace(b"1", b"7"))  # moto takes it, and is found out
    status, _ = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
    assert status in (409, 400)
    assert (await client.registry("GET", "/gdp/1"))[0] == 404


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": None},
        {"filedata": []},
        {"filedata": {"data/t.csv": {"length": 1, "md5": "x"}}},
        {"filedata": {"datapackage.json": {"length": -1, "md5": "0" * 32}}},
        {"filedata": {"datapackage.json": {"length": 1, "md5": "0" * 31}}},
        {"filedata": {"datapackage.json": {"length": 1, "md5": "0" * 32}, "../x": {"length": 1}}},
    ],
)
async def test_requests_that_make_no_sense(
    server: ServerFactory, connect: Connect, change: dict[str, Any]
) -> None:
    client = connect(await server())
    status, _ = await client.registry("POST", "/datastore/authorize", {**asked(FILES), **change})
    assert status == 400
    for upload in ("", "../../gdp/1", "0" * 32, 7):
        assert (await client.registry("POST", "/datastore/finalize", {"upload": upload}))[0] in (400, 404)


async def test_an_address_is_good_for_its_file_only(server: ServerFactory, connect: Connect) -> None:
    client = connect(await server(blobstore="directory"))
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(FILES))
    file = allowed["filedata"]["data/t.csv"]
    assert await sent({**file, "upload_url": file["upload_url"].replace("/1?", "/0?")}, CSV) == 403
    assert await sent({**file, "upload_url": file["upload_url"].replace("ends=", "ends=9")}, CSV) == 403
    for forged in ("", "%C3%A9", "%ED%A0%80"):
        address = file["upload_url"].partition("signature=")[0] + f"signature={forged}"
        assert await sent({**file, "upload_url": address}, CSV) == 403
    assert await sent(file, CSV + b"more") == 413
    assert await sent(file, CSV[:-1]) == 400
    async with aiohttp.ClientSession() as anybody:
        response = await anybody.post(client.app.registry_url + "/datastore/authorize", json=asked(FILES))
        assert response.status == 401


IMAGE, OLD = bytes(range(256)) * 4, bytes(range(256)) * 3
PARTS = {"p/1.csv": b"a,b\n5,6\n", "p/2.csv": b"3,4\n"}
MIXED = {
    "data/t.csv": CSV,
    "data/image.tif": IMAGE,
    "data/old.bin": OLD,
    **PARTS,
    "README.md": b"# GDP\n",
    "schemas/t.json": b'{"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}]}',
}
RESOURCES = [
    {"name": "t", "path": "data/t.csv", "schema": "schemas/t.json"},
    {"name": "image", "path": "data/image.tif"},
    {"name": "old", "path": "data/old.bin", "hash": f"sha1:{hashlib.sha1(OLD).hexdigest()}"},
    {"name": "parts", "path": list(PARTS)},
]
MIXED["datapackage.json"] = json.dumps({"name": "gdp", "resources": RESOURCES}).encode()


@pytest.mark.parametrize("validation", ["strict", "off"])
async def test_only_what_is_looked_into_is_fetched(
    server: ServerFactory,
    connect: Connect,
    bucket: S3Options,
    monkeypatch: pytest.MonkeyPatch,
    validation: str,
) -> None:
    client = connect(await server(validation=validation, **settings_of(bucket)))
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(MIXED))
    for path, data in MIXED.items():
        await sent(allowed["filedata"][path], data)
    spooled: list[str] = []
    receive = Spool.receive

    async def noted(self: Spool, *given: Any, **options: Any) -> Any:
        found = await receive(self, *given, **options)
        spooled.append(found.sha256)
        return found

    monkeypatch.setattr(Spool, "receive", noted)
    status, answer = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
    assert status == 201, answer
    fetched = {path for path, data in MIXED.items() if hashlib.sha256(data).hexdigest() in spooled}
    tables = {"data/t.csv", "schemas/t.json"} if validation == "strict" else set()
    always = {"datapackage.json", "data/old.bin", *PARTS}
    assert fetched == always | tables
    for path, data in MIXED.items():
        assert await client.bytes(f"/gdp/1/{path}") == data
    keys = {blob.key async for blob in client.app.attachments.blobs.keys("gdp/1/")}
    assert keys == {f"gdp/1/{path}" for path in MIXED}


async def test_data_with_faults_is_refused_and_nothing_of_it_is_published(client: Client) -> None:
    files = {**MIXED, "data/t.csv": b"a,b\n1,two\n"}
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(files))
    for path, data in files.items():
        await sent(allowed["filedata"][path], data)
    status, answer = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
    assert status == 422, answer
    assert [item["type"] for item in answer["problems"]] == ["type-error"]
    assert [blob.key async for blob in client.app.attachments.blobs.keys("gdp/")] == []


async def test_addresses_are_good_after_a_restart(server: ServerFactory, connect: Connect) -> None:
    first = await server(blobstore="directory")
    client = connect(first)
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(FILES))
    await first.stop()
    client = connect(await server(blobstore="directory"))
    for path, data in FILES.items():
        url = allowed["filedata"][path]["upload_url"].replace(first.registry_url, client.app.registry_url)
        assert await sent({**allowed["filedata"][path], "upload_url": url}, data) == 201
    status, _ = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
    assert status == 201
    secret = client.app.settings.data_dir / "upload-secret"
    assert secret.stat().st_mode & 0o777 == 0o600


async def test_uploads_outlive_a_restart(server: ServerFactory, connect: Connect) -> None:
    """What a write left unfinished goes at the start; what waits to be published does not."""
    first = await server(blobstore="directory")
    client = connect(first)
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(FILES))
    for path, data in FILES.items():
        assert await sent(allowed["filedata"][path], data) == 201
    await first.stop()
    client = connect(await server(blobstore="directory"))
    at_start = Sweeper(
        client.app.store, client.app.attachments, grace=86_400, begun=time.time() + 60, interval=3600
    )
    await at_start.sweep()
    status, answer = await client.registry("POST", "/datastore/finalize", {"upload": allowed["upload"]})
    assert status == 201, answer


async def test_pages_of_any_origin_may_upload(server: ServerFactory, connect: Connect) -> None:
    client = connect(await server(blobstore="directory"))
    _, allowed = await client.registry("POST", "/datastore/authorize", asked(FILES))
    file = allowed["filedata"]["data/t.csv"]
    wish = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-md5,content-type",
    }
    async with aiohttp.ClientSession() as page:
        async with page.options(file["upload_url"], headers=wish) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, "*")
            assert response.headers["Access-Control-Allow-Methods"] == "PUT"
            granted = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
            assert {name.lower() for name in file["upload_headers"]} <= set(granted)
        headers = {**file["upload_headers"], "Origin": "https://example.org"}
        async with page.put(file["upload_url"], data=CSV, headers=headers) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (201, "*")


async def test_thousands_of_files_may_be_announced(server: ServerFactory, connect: Connect) -> None:
    client = connect(await server(blobstore="directory"))
    files = {**FILES, **{f"data/a long name of a file {number}.bin": b"" for number in range(2000)}}
    status, allowed = await client.registry("POST", "/datastore/authorize", asked(files))
    assert (status, len(allowed["filedata"])) == (200, len(files))
