"""Attachments by themselves: headers, ranges, encodings, and edits of one file of a document."""

import asyncio
import gzip
import hashlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest

from tests.http.couch.conftest import Couch

BINARY = {"Content-Type": "application/octet-stream"}
BYTES = bytes(range(256))
LARGE = os.urandom(300_000)


def tag(data: bytes) -> str:
    return f'"{b64encode(hashlib.md5(data).digest()).decode()}"'


async def put(couch: Couch, path: str, data: bytes, **headers: str) -> str:
    reply = await couch("PUT", path, data=data, headers={**BINARY, **headers})
    assert reply.status == 201, reply.body
    return str(reply.json["rev"])


@pytest.mark.parametrize("data", [b"", BYTES, LARGE], ids=["empty", "small", "large"])
async def test_bytes_come_back_as_they_came(couch: Couch, data: bytes) -> None:
    await put(couch, "/a/f", data)
    reply = await couch("GET", "/a/f")
    assert reply.body == data
    assert {
        name: reply.headers[name] for name in ("ETag", "Accept-Ranges", "Content-Length", "Content-Type")
    } == {
        "ETag": tag(data),
        "Accept-Ranges": "bytes",
        "Content-Length": str(len(data)),
        "Content-Type": "application/octet-stream",
    }
    assert reply.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    head = await couch("HEAD", "/a/f")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(data)), b"")
    assert (await couch("GET", "/a/f", headers={"If-None-Match": tag(data)})).status == 304


@pytest.mark.parametrize("data", [BYTES, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("10-19", 10, 19), ("-6", -6, -1), ("250-", 250, -1), ("0-999999", 0, -1), ("7", 7, -1)],
)
async def test_a_range_is_a_part(couch: Couch, data: bytes, wanted: str, first: int, last: int) -> None:
    await put(couch, "/a/f", data)
    reply = await couch("GET", "/a/f", headers={"Range": f"bytes={wanted}"})
    first, last = first % len(data), last % len(data)
    assert (reply.status, reply.body) == (206, data[first : last + 1])
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"


async def test_a_pdf_is_a_download_since_a_viewer_runs_its_scripts(couch: Couch) -> None:
    for kind, form in (("Application/PDF; x=y", "attachment"), ("text/plain", None)):
        headers = {"Content-Type": kind}
        place = f"/{kind[:4]}/f"
        assert (await couch("PUT", place, data=BYTES, headers=headers)).status == 201
        for ranged in ({}, {"Range": "bytes=0-3"}, {"Range": "bytes=0-3,5-6"}):
            found = (await couch("GET", place, headers=ranged)).headers.get("Content-Disposition")
            assert found == (None if "," in str(ranged) else form)


async def test_ranges_that_make_no_sense(couch: Couch) -> None:
    await put(couch, "/a/f", BYTES)
    for wanted in ("300-400", "256-", "5-2", "-0"):
        reply = await couch("GET", "/a/f", headers={"Range": f"bytes={wanted}"})
        assert (reply.status, reply.json["error"]) == (416, "requested_range_not_satisfiable")
    for ignored in ("chars=0-5", "nonsense", "bytes=0-", "bytes=a-b", ",".join(["bytes=1-2", *["3-4"] * 9])):
        reply = await couch("GET", "/a/f", headers={"Range": ignored})
        assert (reply.status, reply.body) == (200, BYTES)


async def test_several_ranges_are_parts_of_a_multipart(couch: Couch) -> None:
    await put(couch, "/a/f", BYTES)
    reply = await couch("GET", "/a/f", headers={"Range": "bytes=0-1,4-5"})
    assert reply.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    boundary = reply.headers["Content-Type"].partition('multipart/byteranges; boundary="')[2][:-1].encode()
    kind = b"Content-Type: application/octet-stream\r\n"
    assert reply.body == (
        b"--%b\r\n%bContent-Range: bytes 0-1/256\r\n\r\n\x00\x01"
        b"\r\n--%b\r\n%bContent-Range: bytes 4-5/256\r\n\r\n\x04\x05\r\n--%b--"
    ) % (boundary, kind, boundary, kind, boundary)


async def test_text_is_kept_compressed_and_sent_as_wanted(couch: Couch) -> None:
    text = b"The same line, again and again.\n" * 40
    await put(couch, "/a/f", text, **{"Content-Type": "text/plain"})
    plain = await couch("GET", "/a/f", headers={"Range": "bytes=1-4"})
    assert (plain.status, plain.body, plain.headers["Accept-Ranges"]) == (200, text, "none")
    packed = await couch("GET", "/a/f", headers={"Accept-Encoding": "gzip;q=0.5"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == text
    assert plain.etag == packed.etag == tag(packed.body)
    refused = await couch("GET", "/a/f", headers={"Accept-Encoding": "gzip;q=0, *"})
    assert refused.body == text


async def test_what_comes_compressed_stays_so(couch: Couch) -> None:
    packed = gzip.compress(LARGE)
    await put(couch, "/a/f", packed, **{"Content-Encoding": "gzip"})
    plain = await couch("GET", "/a/f")
    assert (plain.body, plain.headers.get("Content-Length")) == (LARGE, None)
    assert (await couch("GET", "/a/f", headers={"Accept-Encoding": "gzip"})).body == packed
    info = (await couch("GET", "/a?att_encoding_info=true")).json["_attachments"]["f"]
    assert (info["encoding"], info["encoded_length"], info["length"]) == ("gzip", len(packed), len(packed))
    inline = (await couch("GET", "/a?attachments=true")).json["_attachments"]["f"]["data"]
    assert inline == b64encode(LARGE).decode()
    assert (await couch("PUT", "/b/f", data=b"x", headers={"Content-Encoding": "br"})).status == 415


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b/c.txt", "b/c.txt"),
        ("/a/x/../y", "x/../y"),
        ("/a/%C3%A9+%2B", "é +"),
        ("/a/x//y", "x/y"),
        ("/a/.", "."),
    ],
)
async def test_names_may_be_paths(couch: Couch, path: str, name: str) -> None:
    rev = await put(couch, path, b"data")
    assert list((await couch("GET", "/a")).json["_attachments"]) == [name]
    assert (await couch("GET", path)).body == b"data"
    assert (await couch("DELETE", f"{path}?rev={rev}")).status == 200
    assert "_attachments" not in (await couch("GET", "/a")).json


async def test_names_that_are_none(couch: Couch) -> None:
    reason = (await couch("PUT", "/a/_f", data=b"x")).json["reason"]
    assert reason == "Attachment name '_f' starts with prohibited character '_'"
    assert (await couch("PUT", "/a/%FF", data=b"x")).json["reason"] == "Attachment name is not UTF-8 encoded"
    assert (await couch("GET", "/a")).status == 404


async def test_a_design_document_carries_its_own_page(couch: Couch) -> None:
    await put(couch, "/_design/d/dir/f.html", b"<p>", **{"Content-Type": "text/html"})
    assert (await couch("GET", "/_design/d/dir/f.html")).body == b"<p>"


async def test_a_new_file_leaves_the_document_as_it_is(couch: Couch) -> None:
    rev = await couch.rev("a", {"v": 1.0, "_attachments": {"f": {"data": "b25l"}, "g": {"data": "dHdv"}}})
    rev = await put(couch, f"/a/f?rev={rev}", b"new")
    read = (await couch("GET", "/a?attachments=true")).json
    assert read["v"] == 1.0
    assert {name: (one["data"], one["revpos"]) for name, one in read["_attachments"].items()} == {
        "f": ("bmV3", 2),
        "g": ("dHdv", 1),
    }
    assert (await couch("GET", f"/a/f?rev={rev}")).body == b"new"


@pytest.mark.directory_only
async def test_an_edit_of_a_file_is_an_edit_of_its_document(couch: Couch) -> None:
    rev = await couch.rev("a", {"_attachments": {"f": {"data": "b25l"}}})
    assert (await couch("PUT", "/a/g", data=b"x")).status == 409
    unknown = await couch("PUT", "/a/g?rev=1-" + "0" * 32, data=b"x")
    assert (unknown.status, unknown.json) == (409, {"error": "not_found", "reason": "missing_rev"})
    assert (await couch("DELETE", "/a/f")).status == 409
    missing = {"error": "not_found", "reason": "Document is missing attachment"}
    assert (await couch("DELETE", f"/a/nothing?rev={rev}")).json == missing
    assert (await couch("GET", "/a/nothing")).json == missing
    assert (await couch("GET", "/nothing/f")).json["reason"] == "missing"
    assert len(couch.blobs()) == 1


async def test_a_type_with_a_line_end_does_not_begin_a_header(couch: Couch) -> None:
    kind = "image/png\r\nSet-Cookie: x"
    await couch.rev("a", {"_attachments": {'f"\r\n': {"content_type": kind, "data": "aGk="}}})
    for reply in (
        await couch("GET", "/a/f%22%0D%0A"),
        await couch("GET", "/a?attachments=true", headers={"Accept": "multipart/related"}),
    ):
        assert reply.status == 200
        assert "Set-Cookie" not in reply.headers
        assert b"\r\nSet-Cookie" not in reply.body


async def test_an_upload_broken_off_leaves_nothing(couch: Couch) -> None:
    host, _, port = couch.url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PUT /db/a/f HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000)
    await writer.drain()
    writer.write_eof()
    await reader.read()
    writer.close()
    assert (await couch("GET", "/a")).status == 404
    assert couch.blobs() == []


async def test_chunks_of_any_size_are_one_file(couch: Couch) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 70_001):
            yield LARGE[start : start + 70_001]

    reply = await couch("PUT", "/a/f", data=chunks(), headers=BINARY)
    assert reply.status == 201
    assert (await couch("GET", "/a/f")).body == LARGE


async def test_too_large_a_request_is_refused(couch: Couch) -> None:
    await couch.store.set_config("chttpd", "max_http_request_size", "1000")
    assert (await couch("PUT", "/a/f", data=b"x" * 1001)).status == 413
    assert couch.blobs() == []


@pytest.mark.parametrize(("new_edits", "revpos"), [(True, 2), (False, 7)])
async def test_new_bytes_belong_to_the_new_revision(couch: Couch, new_edits: bool, revpos: int) -> None:
    """A client that read the document sends its old `revpos` along; a replicator sends the true one."""
    first = await put(couch, "/a/f", BYTES)
    file = {"content_type": "image/png", "revpos": 1 if new_edits else 7, "data": "b25l"}
    doc = {"_id": "a", "_rev": first if new_edits else "9-" + 32 * "a", "_attachments": {"f": file}}
    reply = await couch("POST", "/_bulk_docs", json={"docs": [doc], "new_edits": new_edits})
    assert reply.status == 201, reply.body
    assert (await couch("GET", "/a")).json["_attachments"]["f"]["revpos"] == revpos


@pytest.mark.parametrize(
    "data", ["notBase64Encoded=", "YQ", "YQ=", "YQ===", "YQ==YQ==", "Y-_Q", "!!!!", 1, None]
)
async def test_data_that_is_no_base64_is_refused(couch: Couch, data: object) -> None:
    reply = await couch("PUT", "/a", {"_attachments": {"f": {"data": data}}})
    assert (reply.status, reply.json["reason"]) == (400, "Invalid attachment data for f")
    assert (await couch("GET", "/a")).status == 404


@pytest.mark.directory_only
async def test_what_follows_says_how_long_it_is(couch: Couch) -> None:
    parts = '--b\r\n\r\n{"_attachments":{"f":{"follows":true%s}}}\r\n--b\r\n\r\nabc\r\n--b--'
    headers = {"Content-Type": "multipart/related; boundary=b"}
    for length, status in (("", 400), (',"length":null', 400), (',"length":3', 201)):
        body = (parts % length).replace("\r\n\r\n{", "\r\nContent-Type: application/json\r\n\r\n{")
        assert (await couch("PUT", "/a", data=body.encode(), headers=headers)).status == status
    assert (await couch("GET", "/a/f")).body == b"abc"
    assert len(couch.blobs()) == 1
