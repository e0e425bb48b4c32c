"""Bytes become records as CouchDB makes them; digests were recorded from CouchDB 3.5.0."""

import asyncio
import gzip
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from couchreg.blobstore.directory import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments import Attachments, digest_text
from couchreg.docstore.base import Attachment, Stub
from couchreg.docstore.compression import Compression
from couchreg.docstore.layout import registry_layout
from couchreg.errors import (
    BadContentType,
    BadRequest,
    Conflict,
    DigestMismatch,
    Failure,
    NotFound,
    TooLarge,
)

LINES = b"The same line, again and again.\n" * 40
LINES_GZIP = "H4sIAAAAAAAAAwvJSFUoTsxNVcjJzEvVUUhMT8zMU0jMS4Gw9LhCRuVH5UflR+WHqTwABKiOXwAFAAA="
CLIENT_GZIP = b64decode("H4sIAAAAAAACAwvJSFUoTsxNVcjJzEvVUUhMT8zMU0jMS4Gw9LhCRuVH5UflR+WHqTwABKiOXwAFAAA=")


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DirectoryBlobStore]:
    store = DirectoryBlobStore(tmp_path / "datastore")
    yield store
    await store.close()


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "spool")
    yield spool
    await spool.close()


@pytest.fixture
def attachments(blobs: DirectoryBlobStore, spool: Spool) -> Attachments:
    return Attachments(
        blobs, spool, registry_layout("registry"), lambda: Compression.of({}), uncompressed=["registry"]
    )


async def chunked(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def bodies(parts: Iterable[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    for part in parts:
        yield chunked(part)


async def everything(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def received(attachments: Attachments, content_type: str, data: bytes, **more: Any) -> Attachment:
    async with attachments.upload("db") as upload:
        return await upload.receive("a", "f", content_type, chunked(data), **more)


async def keys(blobs: DirectoryBlobStore) -> list[str]:
    return sorted([blob.key async for blob in blobs.keys("")])


async def never(key: str) -> bool:
    return False


async def always(key: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("content_type", "data", "digest", "stored_length", "encoding"),
    [
        ("text/csv", LINES, "md5-DDLv5ppldASLr2GVUqI36g==", 59, "gzip"),
        ("TEXT/HTML; charset=utf-8", LINES, "md5-DDLv5ppldASLr2GVUqI36g==", 59, "gzip"),
        ("application/javascript", LINES, "md5-DDLv5ppldASLr2GVUqI36g==", 59, "gzip"),
        ("application/json", LINES, "md5-DDLv5ppldASLr2GVUqI36g==", 59, "gzip"),
        ("application/xml", LINES, "md5-DDLv5ppldASLr2GVUqI36g==", 59, "gzip"),
        ("application/xhtml+xml", LINES, "md5-/mv0D7aZlTEZTxh63PQeQw==", 1280, "identity"),
        ("image/svg+xml", LINES, "md5-/mv0D7aZlTEZTxh63PQeQw==", 1280, "identity"),
        ("text/plain", b"x", "md5-BQ12Y6Pl9vOURwmqG1HaIA==", 21, "gzip"),
        ("text/plain", b"", "md5-cCkGbCesb17xjWYNV0GXmg==", 20, "gzip"),
        ("text/plain", b"hello", "md5-iMaiC8wqiFlD2NjLTemvCQ==", 25, "gzip"),
        ("text/plain", b"line 7\n" * 5000, "md5-wYUXmudKlBQK7oBLFztfbQ==", 98, "gzip"),
        ("image/png", b"", "md5-1B2M2Y8AsgTpgAmY7PhCfg==", 0, "identity"),
    ],
)
async def test_compressible_types_are_stored_as_couchdb_stores_them(
    attachments: Attachments, content_type: str, data: bytes, digest: str, stored_length: int, encoding: str
) -> None:
    att = await received(attachments, content_type, data)
    assert (digest_text(att), att.length, att.stored_length, att.encoding) == (
        digest,
        len(data),
        stored_length,
        encoding,
    )
    assert await everything(attachments.open(att)) == data


async def test_the_stored_bytes_are_there_for_readers_that_take_gzip(attachments: Attachments) -> None:
    att = await received(attachments, "text/plain", LINES)
    assert await everything(attachments.open(att, encoded=True)) == b64decode(LINES_GZIP)
    assert attachments.local_path(att) is None
    path = attachments.local_path(att, encoded=True)
    assert path is not None
    assert path.read_bytes() == b64decode(LINES_GZIP)


async def test_a_range_needs_plain_bytes(attachments: Attachments) -> None:
    plain = await received(attachments, "image/png", LINES)
    assert await everything(attachments.open(plain, 4, 4)) == b"same"
    packed = await received(attachments, "text/plain", LINES)
    with pytest.raises(ValueError, match="compressed"):
        attachments.open(packed, 4, 4)


async def test_settings_decide_about_compression(blobs: DirectoryBlobStore, spool: Spool) -> None:
    settings = {"compressible_types": "image/png, font/*"}
    attachments = Attachments(blobs, spool, registry_layout("registry"), lambda: Compression.of(settings))
    assert (await received(attachments, "text/plain", LINES)).encoding == "identity"
    assert (await received(attachments, "font/woff", LINES)).encoding == "gzip"
    settings["compression_level"] = "0"
    assert (await received(attachments, "image/png", LINES)).encoding == "identity"


async def test_gzip_from_the_client_is_kept(attachments: Attachments) -> None:
    att = await received(attachments, "text/plain", CLIENT_GZIP, encoding="gzip")
    assert (digest_text(att), att.length, att.stored_length) == ("md5-kysJ/R5MEuaX9mDATAmJQA==", 59, 59)
    assert await everything(attachments.open(att, encoded=True)) == CLIENT_GZIP
    assert await everything(attachments.open(att)) == LINES


async def test_broken_gzip_from_the_client_fails_when_it_is_read(attachments: Attachments) -> None:
    for data in (b"no gzip", CLIENT_GZIP[:-10]):
        att = await received(attachments, "text/plain", data, encoding="gzip")
        with pytest.raises(Failure):
            await everything(attachments.open(att))


async def test_other_encodings_are_refused(attachments: Attachments) -> None:
    with pytest.raises(BadContentType, match="Only gzip and identity"):
        await received(attachments, "text/plain", b"x", encoding="br")


async def test_a_gzip_of_several_members_is_read_whole(attachments: Attachments) -> None:
    data = gzip.compress(b"one") + gzip.compress(b"two")
    att = await received(attachments, "text/plain", data, encoding="gzip")
    assert await everything(attachments.open(att)) == b"onetwo"


async def test_what_inflates_a_thousandfold_comes_in_bounded_chunks(attachments: Attachments) -> None:
    att = await received(attachments, "text/plain", bytes(8 << 20))
    sizes = [len(chunk) async for chunk in attachments.open(att)]
    assert sum(sizes) == 8 << 20
    assert max(sizes) <= 256 << 10


@pytest.mark.parametrize("size", [0, 1, 2, 3, 300_000, 300_001])
@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
async def test_base64_of_any_size(attachments: Attachments, size: int, content_type: str) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    att = await received(attachments, content_type, data)
    assert await everything(attachments.base64(att)) == b64encode(data)


# -- inline
async def inline(attachments: Attachments, members: Any, *parts: bytes) -> tuple[Attachment | Stub, ...]:
    async with attachments.upload("db") as upload:
        return await upload.inline("a", members, bodies(parts))


@pytest.mark.parametrize(("data", "plain"), [("", b""), ("YWJj\nZGVm", b"abcdef"), (" YWI=\r\n", b"ab")])
async def test_inline_base64(attachments: Attachments, data: str, plain: bytes) -> None:
    (att,) = await inline(attachments, {"f": {"content_type": "application/octet-stream", "data": data}})
    assert isinstance(att, Attachment)
    assert att.length == len(plain)
    assert await everything(attachments.open(att)) == plain


@pytest.mark.parametrize(
    "member",
    [
        {"data": "***"},
        {"data": "YWI"},
        {"data": "YQ==YQ=="},
        {"data": "Y\u00e9=="},
        {"data": 1},
        {},
        1,
        None,
        {"data": "", "content_type": 1},
        {"follows": True, "length": "5"},
    ],
)
async def test_inline_nonsense(attachments: Attachments, member: Any) -> None:
    with pytest.raises(BadRequest, match="Invalid attachment data for f"):
        await inline(attachments, {"f": member}, b"hello")


async def test_inline_names_and_types(attachments: Attachments) -> None:
    with pytest.raises(BadRequest, match=r"^Attachment name '_f' starts with prohibited character '_'$"):
        await inline(attachments, {"_f": {"data": ""}})
    (att,) = await inline(attachments, {"": {"data": "YWJj", "revpos": 3}})
    assert isinstance(att, Attachment)
    assert (att.name, att.content_type, att.revpos) == ("", "application/octet-stream", 3)


async def test_stubs_are_left_to_the_engine(attachments: Attachments) -> None:
    found = await inline(
        attachments,
        {
            "a": {"stub": True},
            "b": {"stub": True, "revpos": 2, "digest": "md5-x"},
            "c": {"stub": True, "revpos": "2"},
        },
    )
    assert found == (Stub("a"), Stub("b", 2, "md5-x"), Stub("c", -1))


async def test_what_follows_is_taken_in_the_order_of_the_members(attachments: Attachments) -> None:
    octets = {"content_type": "application/octet-stream"}
    found = await inline(
        attachments,
        {
            "one": {**octets, "data": "aW5saW5l"},
            "two": {**octets, "follows": True, "length": 6, "digest": "md5-qfDmGhN9hqqdtTRl4IAWEg=="},
            "three": {**octets, "follows": True},
            "four": {"stub": True},
        },
        b"second",
        b"third",
        b"one too many",
    )
    assert [att.name for att in found] == ["one", "two", "three", "four"]
    plain = [await everything(attachments.open(att)) for att in found if isinstance(att, Attachment)]
    assert plain == [b"inline", b"second", b"third"]


async def test_what_follows_may_be_gzip_of_a_known_length(attachments: Attachments) -> None:
    member = {
        "follows": True, "content_type": "text/plain", "length": 1280, "encoding": "gzip",
        "encoded_length": 59, "digest": "md5-kysJ/R5MEuaX9mDATAmJQA==", "revpos": 4,
    }  # fmt: skip
    (att,) = await inline(attachments, {"f": member}, CLIENT_GZIP)
    assert isinstance(att, Attachment)
    assert (att.length, att.stored_length, att.encoding, att.revpos) == (1280, 59, "gzip", 4)


async def test_announced_lengths_and_digests_are_checked(attachments: Attachments, blobs: Any) -> None:
    with pytest.raises(BadRequest, match="attachment longer than expected"):
        await inline(attachments, {"f": {"follows": True, "length": 4}}, b"hello")
    with pytest.raises(BadRequest, match="attachment shorter than expected"):
        await inline(attachments, {"f": {"follows": True, "length": 50}}, b"hello")
    with pytest.raises(BadRequest, match="attachment shorter than expected"):
        await inline(attachments, {"f": {"follows": True, "length": 5}})
    with pytest.raises(DigestMismatch):
        await received(attachments, "image/png", b"hello", digest="md5-kAFQmDzST7DWlj99KOF/cg==")
    with pytest.raises(DigestMismatch):
        await received(attachments, "image/png", b"hello", digest="md5-!")
    await received(attachments, "text/plain", b"hello", digest="md5-XUFAKrxLKna5cZ2REBfFkg==")
    await received(attachments, "image/png", b"other", digest="sha1-whatever")
    assert len(await keys(blobs)) == 2


async def test_the_size_allowed(blobs: DirectoryBlobStore, spool: Spool) -> None:
    layout = registry_layout("registry")
    attachments = Attachments(blobs, spool, layout, lambda: Compression.of({}), max_size=lambda: 10)
    await received(attachments, "image/png", b"0123456789")
    for length in (None, 11):
        with pytest.raises(TooLarge, match=r"^f$") as caught:
            await received(attachments, "image/png", b"0123456789a", length=length)
        assert caught.value.error == "attachment_too_large"
    assert list(spool.directory.iterdir()) == []


# -- where bytes lie
async def test_files_of_published_packages_lie_in_their_folders(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    async with attachments.upload("registry") as upload:
        att = await upload.receive("gdp@2026", "data/gdp.csv", "text/csv", chunked(b"a,b\n"))
        same = await upload.receive("gdp@2026", "data/gdp.csv", "text/csv", chunked(b"a,b\n"))
        other = await upload.receive("gdp@2026", "data/gdp.csv", "text/csv", chunked(b"c\n"))
        below = await upload.receive("gdp@2026", "data/gdp.csv/x", "text/csv", chunked(b"d\n"))
        packed = await upload.receive("gdp@2026", "z.csv", "text/csv", chunked(CLIENT_GZIP), encoding="gzip")
        loose = await upload.receive("gdp", "data/gdp.csv", "text/csv", chunked(b"a,b\n"))
    assert att == same
    assert att.key == "gdp/2026/data/gdp.csv"
    assert (blobs.root / att.key).read_bytes() == b"a,b\n"
    for fallen in (other, below, packed, loose):
        assert fallen.key == f"_blobs/{fallen.sha256[:2]}/{fallen.sha256}"
    assert await everything(attachments.open(other)) == b"c\n"


async def test_a_spooled_file_can_be_stored_without_reading_it_again(
    attachments: Attachments, spool: Spool
) -> None:
    spooled = await spool.receive(chunked(b"a,b\n"))
    async with attachments.upload("registry") as upload:
        att = await upload.store("gdp@2026", "gdp.csv", "text/csv", spooled)
    spool.remove(spooled)
    assert att.key == "gdp/2026/gdp.csv"
    assert att.length == 4
    assert att.digest == spooled.md5
    assert await everything(attachments.open(att)) == b"a,b\n"


async def test_damaged_bytes_under_a_content_address_are_never_taken_for_the_right_ones(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    att = await received(attachments, "image/png", b"right")
    (blobs.root / att.key).write_bytes(b"wrong")
    with pytest.raises(Failure, match="content address"):
        await received(attachments, "image/png", b"right")


async def test_many_bodies_may_arrive_in_one_upload_at_once(attachments: Attachments) -> None:
    async with attachments.upload("db") as upload:
        received = [
            upload.receive("a", str(number), "text/plain", chunked(b"%d" % (number % 3) * 9000, 500))
            for number in range(20)
        ]
        records = await asyncio.gather(*received)
    for number, att in enumerate(records):
        assert att.name == str(number)
        assert await everything(attachments.open(att)) == b"%d" % (number % 3) * 9000


# -- what is left behind
async def test_a_refused_write_leaves_nothing(attachments: Attachments, blobs: DirectoryBlobStore) -> None:
    kept = await received(attachments, "image/png", b"kept")
    with pytest.raises(Conflict):  # noqa: PT012
        async with attachments.upload("db") as upload:
            await upload.receive("b", "f", "image/png", chunked(b"kept"))
            await upload.receive("b", "g", "image/png", chunked(b"new"))
            await upload.receive("b", "h", "image/png", chunked(b"new"))
            raise Conflict
    assert await keys(blobs) == [kept.key]


async def test_a_write_that_may_have_happened_keeps_its_bytes(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    with pytest.raises(ConnectionResetError):  # noqa: PT012
        async with attachments.upload("db") as upload:
            att = await upload.receive("b", "f", "image/png", chunked(b"new"))
            raise ConnectionResetError
    assert await keys(blobs) == [att.key]


@pytest.mark.parametrize("first_fails", [True, False])
async def test_bytes_shared_by_two_writes_stay_if_one_succeeds(
    attachments: Attachments, blobs: DirectoryBlobStore, first_fails: bool
) -> None:
    one, two = attachments.upload("db"), attachments.upload("db")
    await one.__aenter__()
    await two.__aenter__()
    att = await one.receive("a", "f", "image/png", chunked(b"shared"))
    await two.receive("b", "f", "image/png", chunked(b"shared"))
    error = Conflict()
    await one.__aexit__(*((Conflict, error, None) if first_fails else (None, None, None)))
    assert await keys(blobs) == [att.key]
    await two.__aexit__(*((None, None, None) if first_fails else (Conflict, error, None)))
    assert await keys(blobs) == [att.key]


async def test_bytes_shared_by_two_failed_writes_go_with_the_last(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    one, two = attachments.upload("db"), attachments.upload("db")
    await one.receive("a", "f", "image/png", chunked(b"shared"))
    await two.receive("b", "f", "image/png", chunked(b"shared"))
    await one.__aexit__(Conflict, Conflict(), None)
    assert len(await keys(blobs)) == 1
    await two.__aexit__(Conflict, Conflict(), None)
    assert await keys(blobs) == []


async def test_the_sweep_takes_what_nothing_refers_to(
    attachments: Attachments, blobs: DirectoryBlobStore, spool: Spool
) -> None:
    kept, gone = [await received(attachments, "image/png", data) for data in (b"kept", b"gone")]
    descriptor = await spool.receive(chunked(b"{}"))
    assert await blobs.put("gdp/2026/datapackage.json", descriptor)

    async def referred(key: str) -> bool:
        return key == kept.key

    assert await attachments.sweep(3600, referred) == 0
    async with attachments.upload("db") as upload:
        await upload.keep(gone)
        assert await attachments.sweep(0, referred) == 0
    assert await attachments.sweep(0, referred) == 1
    assert await keys(blobs) == sorted([kept.key, "gdp/2026/datapackage.json"])
    with pytest.raises(NotFound):
        async with attachments.upload("db") as upload:
            await upload.keep(gone)


async def test_bytes_that_come_back_while_they_are_swept_are_stored_again(
    attachments: Attachments, blobs: DirectoryBlobStore
) -> None:
    """The upload begins after the sweep has decided, and waits for it."""
    att = await received(attachments, "image/png", b"again")
    uploads: list[asyncio.Task[Attachment]] = []

    async def referred(key: str) -> bool:
        uploads.append(asyncio.create_task(received(attachments, "image/png", b"again")))
        while not attachments.pins.waiting(key):
            await asyncio.sleep(0)
        return False

    assert await attachments.sweep(0, referred) == 1
    assert await uploads[0] == att
    assert await everything(attachments.open(att)) == b"again"


async def test_a_reader_can_leave_early(attachments: Attachments) -> None:
    for content_type in ("image/png", "text/plain"):
        att = await received(attachments, content_type, bytes(1 << 20))
        async with aclosing(attachments.open(att)) as chunks:
            assert await anext(chunks)
