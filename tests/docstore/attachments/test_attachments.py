"""Bytes become records as CouchDB makes them; digests were recorded from CouchDB 3.5.0."""

import gzip
from base64 import b64decode, b64encode
from typing import Any

import pytest

from couchreg.blobstore.directory.store import DirectoryBlobStore
from couchreg.blobstore.spool import Spool
from couchreg.docstore.attachments.attachments import Attachments
from couchreg.docstore.attachments.compression import Compression
from couchreg.docstore.base import Attachment, Stub
from couchreg.errors import (
    BadContentType,
    BadRequest,
    DigestMismatch,
    Failure,
    TooLarge,
)
from couchreg.package.layout import registry_layout
from tests.docstore.attachments.arriving import (
    CLIENT_GZIP,
    LINES,
    LINES_GZIP,
    bodies,
    everything,
    keys,
    received,
)


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
    assert (f"md5-{b64encode(att.digest).decode()}", att.length, att.stored_length, att.encoding) == (
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
    assert (f"md5-{b64encode(att.digest).decode()}", att.length, att.stored_length) == (
        "md5-kysJ/R5MEuaX9mDATAmJQA==",
        59,
        59,
    )
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
        return await upload.inline("a", members, bodies(parts), new_edits=False)


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
        "follows": True,
        "content_type": "text/plain",
        "length": 1280,
        "encoding": "gzip",
        "encoded_length": 59,
        "digest": "md5-kysJ/R5MEuaX9mDATAmJQA==",
        "revpos": 4,
    }
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
