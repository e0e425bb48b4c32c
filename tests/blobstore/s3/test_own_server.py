"""Our S3 server: what it has acknowledged is there after it was killed, and what the suite of blob stores,
which runs over it as well, does not ask for."""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from tests.s3_servers import KilledS3, ours

CLIENTS = 8


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[KilledS3]:
    with ours(tmp_path / "s3") as server:
        yield server


class S3Client:
    """Somebody who sends requests to one bucket, without signing them."""

    def __init__(self, session: aiohttp.ClientSession, s3: KilledS3) -> None:
        self._session = session
        self._s3 = s3

    async def __call__(
        self, method: str, path: str = "", data: bytes | None = None, **headers: str
    ) -> tuple[int, str, Mapping[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self._s3.server.endpoint}/bucket{path}"
        async with self._session.request(method, url, data=data, headers=named) as response:
            return response.status, await response.text(), response.headers


@pytest.fixture
async def client(s3: KilledS3) -> AsyncIterator[S3Client]:
    async with aiohttp.ClientSession() as session:
        client = S3Client(session, s3)
        assert (await client("PUT"))[0] == 200
        yield client


def content(key: str) -> bytes:
    return key.encode() * 2000


async def test_what_was_acknowledged_is_there_after_a_kill(s3: KilledS3, client: S3Client) -> None:
    done, deleted, begun = set[str](), set[str](), set[str]()
    keys = iter([f"/k/{number}" for number in range(100_000)])

    async def publish() -> None:
        while True:
            key = next(keys)
            begun.add(key)
            if (await client("PUT", key, content(key), If_None_Match="*"))[0] != 200:
                return
            if key[-1] in "05":
                if (await client("DELETE", key))[0] == 204:
                    deleted.add(key)
            else:
                done.add(key)

    upload = (await client("POST", "/large?uploads"))[1].partition("<UploadId>")[2].partition("<")[0]
    etag = (await client("PUT", f"/large?partNumber=1&uploadId={upload}", b"part"))[2]["ETag"]
    for _ in range(2):
        work = [asyncio.create_task(publish()) for _ in range(CLIENTS)]
        enough = len(done) + 100
        while len(done) < enough:
            await asyncio.sleep(0.01)
        s3.kill()
        assert all(
            isinstance(e, aiohttp.ClientError) for e in await asyncio.gather(*work, return_exceptions=True)
        )
        s3.start()
    listed = (await client("GET", "?list-type=2&max-keys=1000&prefix=k/"))[1]
    for key in begun:
        status, text, _ = await client("GET", key)
        assert status == 200 or key not in done
        assert status == 404 or (key not in deleted and text.encode() == content(key))
        assert (status == 200) == (f"<Key>{key[1:]}</Key>" in listed)
    ends = f"<x><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></x>".encode()
    assert (await client("POST", f"/large?uploadId={upload}", ends))[0] == 200
    assert (await client("GET", "/large"))[1] == "part"


async def test_of_many_puts_of_a_key_one_is_done(client: S3Client) -> None:
    puts = [client("PUT", "/a", b"%d" % number, If_None_Match="*") for number in range(20)]
    statuses = [status for status, _, _ in await asyncio.gather(*puts)]
    assert sorted(statuses) == [200] + [412] * 19
    assert (await client("GET", "/a"))[1] == str(statuses.index(200))


async def test_conditions_on_the_etag(client: S3Client) -> None:
    etag = (await client("PUT", "/a", b"one"))[2]["ETag"]
    assert etag == f'"{hashlib.md5(b"one", usedforsecurity=False).hexdigest()}"'
    assert (await client("PUT", "/a", b"two", If_Match='"other"'))[0] == 412
    assert (await client("PUT", "/b", b"two", If_Match=etag))[0] == 404
    assert (await client("PUT", "/a", b"two", If_Match=etag))[0] == 200
    assert (await client("GET", "/a", If_None_Match=etag))[1] == "two"
    assert (await client("GET", "/a", If_Match=etag))[0] == 412
    now = (await client("HEAD", "/a"))[2]["ETag"]
    assert (await client("GET", "/a", If_None_Match=now))[0] == 304


async def test_what_has_changed_on_its_way_is_refused(client: S3Client) -> None:
    md5 = b64encode(hashlib.md5(b"one", usedforsecurity=False).digest()).decode()
    assert (await client("PUT", "/a", b"two", Content_MD5=md5))[0] == 400
    assert (await client("PUT", "/a", b"two", x_amz_content_sha256="0" * 64))[0] == 400
    assert (await client("GET", "/a"))[0] == 404
    assert (await client("PUT", "/a", b"one", Content_MD5=md5))[0] == 200


async def test_objects_are_copied_and_several_deleted(client: S3Client) -> None:
    said = {"x-amz-meta-sha256": "abc", "Content-Type": "text/csv", "Cache-Control": "no-cache"}
    await client("PUT", "/a b", b"0123456789", **said)
    etag = (await client("HEAD", "/a b"))[2]["ETag"]
    status, _, _ = await client(
        "PUT", "/c", x_amz_copy_source="/bucket/a%20b", x_amz_copy_source_if_match=etag
    )
    assert status == 200
    status, text, headers = await client("GET", "/c", Range="bytes=2-4")
    assert (status, text, headers["Content-Range"]) == (206, "234", "bytes 2-4/10")
    assert {name: headers[name] for name in said} == said
    assert (await client("GET", "/c", Range="bytes=-3"))[1] == "789"
    assert (await client("GET", "/c", Range="bytes=10-"))[0] == 416
    source = {"x-amz-copy-source": "/bucket/c", "x-amz-copy-source-if-match": '"other"'}
    assert (await client("PUT", "/d", **source))[0] == 412
    listed = (await client("GET", "?list-type=2&delimiter=/"))[1]
    assert listed.count("<Contents>") == 2
    both = b"<Delete><Object><Key>a b</Key></Object><Object><Key>c</Key></Object></Delete>"
    assert (await client("POST", "?delete", both))[0] == 200
    assert (await client("DELETE"))[0] == 204


@pytest.mark.parametrize("path", ["?policy", "?versioning", "/a?tagging"])
async def test_what_it_has_not_it_says(client: S3Client, path: str) -> None:
    assert (await client("GET", path))[0] == 501
