"""Large files that are sent straight to the bucket, part by part, while their publish is under way."""

import hashlib
import io
import random
from typing import Any

import aiohttp
import pytest
from yarl import URL

from couchreg.blobstore.s3.store import S3BlobStore
from couchreg.registry.publishing import by_parts
from couchreg.registry.publishing.by_parts import LEAST
from tests.conftest import ServerFactory
from tests.datastore.conftest import Client, Connect, settings_of
from tests.s3_servers import S3Server, new_bucket

PART = 5 << 20  # bytes, the least that S3 takes
LARGE = random.Random(17).randbytes(2 * PART + 1000)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_parts, "PART", PART)


@pytest.fixture
async def client(own_s3_server: S3Server, server: ServerFactory, connect: Connect) -> Client:
    return connect(await server(**settings_of(await new_bucket(own_s3_server))))


async def announced(client: Client, data: bytes = LARGE, sha256: str | None = None) -> dict[str, Any]:
    """A publish of one large file beside its descriptor; its status."""
    resource = {"name": "large", "path": "data/large.bin"}
    files = {"data/large.bin": {"bytes": len(data), "sha256": sha256 or hashlib.sha256(data).hexdigest()}}
    descriptor = f'{{"name": "gdp", "resources": [{str(resource).replace(chr(39), chr(34))}]}}'
    manifest = {"name": "gdp", "version": "1", "files": files, "descriptor": descriptor}
    status, found = await client.registry("POST", "/-/publishing", manifest)
    assert status in (200, 201), found
    return dict(found)


async def step(client: Client, found: dict[str, Any], status: int = 200) -> dict[str, Any]:
    got, answer = await client.registry("POST", f"/-/publishing/{found['id']}/data/large.bin")
    assert got == status, answer
    return dict(answer)


async def put(part: dict[str, Any], data: bytes = LARGE) -> int:
    """Whoever has the address may send the part: no session, no password."""
    async with (
        aiohttp.ClientSession() as anybody,
        anybody.put(
            URL(part["url"], encoded=True), data=io.BytesIO(data[part["start"] : part["end"]])
        ) as response,
    ):
        await response.read()
        return response.status


async def waiting(client: Client) -> list[str]:
    return [blob.key async for blob in client.app.attachments.blobs.keys("_uploads/")]


async def unfinished(client: Client) -> list[Any]:
    blobs = client.app.attachments.blobs
    assert isinstance(blobs, S3BlobStore)
    return list((await blobs.calls("list_multipart_uploads")).get("Uploads", ()))


async def test_parts_go_to_the_bucket_which_copies_the_file_to_its_place(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await announced(client)
    first = await step(client, found)
    assert [(part["start"], part["end"]) for part in first["parts"]] == [
        (0, PART),
        (PART, 2 * PART),
        (2 * PART, len(LARGE)),
    ]
    folder = await client.app.registry.by_parts.place()
    assert folder is not None
    assert all(part["url"].startswith(folder) for part in first["parts"])
    for part in first["parts"][1:]:
        assert await put(part) == 200
    again = await announced(client)  # as somebody who has loaded the page again
    assert again["id"] == found["id"]
    assert again["missing"] == ["data/large.bin"]
    rest = await step(client, again)
    assert rest["sent"] == len(LARGE) - PART
    assert [part["start"] for part in rest["parts"]] == [0]
    assert await put(rest["parts"][0]) == 200
    last = await step(client, found)
    assert last == {"sent": len(LARGE), "read": len(LARGE), "whole": True, "parts": []}
    assert await step(client, found) == last
    [key] = await waiting(client)
    copied: list[str | None] = []
    blobs = client.app.attachments.blobs
    adopt = blobs.adopt

    async def adopted(source: str, *rest: Any, **more: Any) -> bool:
        copied.append(source)
        return await adopt(source, *rest, **more)

    monkeypatch.setattr(blobs, "adopt", adopted)
    status, answer = await client.registry("POST", f"/-/publishing/{found['id']}")
    assert status == 201, answer
    assert await client.bytes("/gdp/1/data/large.bin") == LARGE
    assert copied == [key]
    assert await waiting(client) == []
    assert await unfinished(client) == []


async def test_what_has_come_is_verified_and_sent_again_where_it_differs(client: Client) -> None:
    found = await announced(client, sha256="0" * 64)
    for part in (await step(client, found))["parts"]:
        await put(part)
    answer = await step(client, found, 400)
    assert "other bytes than were announced" in answer["reason"]
    assert await waiting(client) == []
    assert len((await step(client, found))["parts"]) == 3
    status, _ = await client.registry("POST", f"/-/publishing/{found['id']}")
    assert status == 409


async def test_what_a_request_has_no_time_for_the_next_goes_on_with(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_parts, "TAKING", 0.0)
    found = await announced(client)
    for part in (await step(client, found))["parts"]:
        await put(part)
    first = await step(client, found)
    assert not first["whole"]
    assert 0 < first["read"] < len(LARGE)
    monkeypatch.undo()
    assert (await step(client, found))["whole"]


async def test_a_publish_that_is_ended_leaves_nothing_in_the_bucket(client: Client) -> None:
    found = await announced(client)
    await put((await step(client, found))["parts"][0])
    assert len(await unfinished(client)) == 1
    assert (await client.registry("DELETE", f"/-/publishing/{found['id']}"))[0] == 200
    assert await unfinished(client) == []
    found = await announced(client)
    for part in (await step(client, found))["parts"]:
        await put(part)
    await step(client, found)
    assert len(await waiting(client)) == 1
    assert (await client.registry("DELETE", f"/-/publishing/{found['id']}"))[0] == 200
    assert await waiting(client) == []


async def test_a_file_that_the_bucket_has_lost_is_stored_from_here_or_sent_again(client: Client) -> None:
    found = await announced(client)
    for part in (await step(client, found))["parts"]:
        await put(part)
    await step(client, found)
    [key] = await waiting(client)
    await client.app.attachments.blobs.delete(key)
    status, answer = await client.registry("POST", f"/-/publishing/{found['id']}")
    assert status == 201, answer
    assert await client.bytes("/gdp/1/data/large.bin") == LARGE


async def test_an_upload_that_has_ended_elsewhere_begins_anew(client: Client) -> None:
    found = await announced(client)
    await put((await step(client, found))["parts"][0])
    blobs = client.app.attachments.blobs
    assert isinstance(blobs, S3BlobStore)
    [one] = await unfinished(client)
    await blobs.calls("abort_multipart_upload", Key=one["Key"], UploadId=one["UploadId"])
    again = await step(client, found)
    assert (again["sent"], len(again["parts"])) == (0, 3)


async def test_an_address_is_good_for_its_part_only(
    rclone_server: S3Server, server: ServerFactory, connect: Connect
) -> None:
    """Where the server checks signatures."""
    client = connect(await server(**settings_of(await new_bucket(rclone_server))))
    found = await announced(client)
    first, _, last = (await step(client, found))["parts"]
    shorter = {**last, "end": last["end"] - 1}
    assert await put(shorter) == 403
    assert await put({**last, "url": last["url"].replace("partNumber=3", "partNumber=2")}) == 403
    assert [await put(first), await put(last)] == [200, 200]
    assert (await step(client, found))["sent"] == PART + 1000


async def test_what_is_not_sent_that_way(client: Client) -> None:
    found = await announced(client, b"small")
    assert f"less than {LEAST}" in (await step(client, found, 400))["reason"]
    status, _ = await client.registry("POST", f"/-/publishing/{found['id']}/other.bin")
    assert status == 404


async def test_without_a_bucket_files_are_sent_here(server: ServerFactory, connect: Connect) -> None:
    directory = connect(await server(blobstore="directory"))
    found = await announced(directory)
    assert "no bucket" in (await step(directory, found, 400))["reason"]
