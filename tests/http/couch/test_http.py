"""What holds for every request: methods, paths, encodings, sizes, and bad HTTP."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from couchreg.errors import TooManyRequests
from couchreg.http.couch.frame.writer import RowWriter
from couchreg.http.couch.routing import load
from couchreg.http.couch.table import TABLE
from tests.http.couch.conftest import Couch

JSON = {"Content-Type": "application/json"}


def test_every_row_of_the_table_has_its_function() -> None:
    for row in TABLE:
        for operation in row.operations:
            assert callable(load(operation.name)), operation.name


@pytest.mark.parametrize(
    ("method", "path", "order"),
    [
        ("POST", "//", "GET,HEAD"),
        ("OPTIONS", "", "DELETE,GET,HEAD,POST"),
        ("PATCH", "/doc", "DELETE,GET,HEAD,POST,PUT,COPY"),
        ("PUT", "/_changes", "GET,POST,HEAD"),
        ("DELETE", "/_security", "PUT,GET"),
        ("POST", "/doc/file", "DELETE,GET,HEAD,PUT"),
        ("GET", "/_bulk_docs", "POST"),
    ],
)
async def test_other_methods_are_refused_with_those_there_are(
    couch: Couch, method: str, path: str, order: str
) -> None:
    reply = await couch(method, path)
    assert reply.status == 405
    assert reply.headers["Allow"] == ",".join(sorted(order.split(",")))
    assert reply.json == {"error": "method_not_allowed", "reason": f"Only {order} allowed"}


async def test_a_missing_database_comes_before_a_wrong_method(couch: Couch) -> None:
    for method, path in [("GET", "//none/_purge"), ("PATCH", "//none"), ("GET", "//none/doc")]:
        reply = await couch(method, path)
        assert (reply.status, reply.json["reason"]) == (404, "Database does not exist.")


async def test_head_is_get_without_the_body(couch: Couch) -> None:
    await couch.rev("a", {"v": 1})
    for path in ["//", "", "/a", "/_all_docs", "/_changes", "/_security", "/missing"]:
        head, full = await couch("HEAD", path), await couch("GET", path)
        assert (head.status, head.body) == (full.status, b"")
        assert head.headers.get("ETag") == full.headers.get("ETag")


@pytest.mark.parametrize("path", ["//db//a", "//db/a/", "///db/a", "/%61", "//d%62/a"])
async def test_slashes_may_be_many_and_parts_encoded(couch: Couch, path: str) -> None:
    await couch.rev("a", {"v": 1})
    assert (await couch("GET", path)).json["v"] == 1


async def test_a_plus_in_the_path_is_a_blank(couch: Couch) -> None:
    await couch.rev("a%20b", {"v": 1})
    assert (await couch("GET", "/a+b")).json["_id"] == "a b"


async def test_a_special_name_counts_however_it_is_written(couch: Couch) -> None:
    assert (await couch("GET", "/_%61ll%5Fdocs")).json["rows"] == []


async def test_what_follows_a_special_name_can_be_an_attachment(couch: Couch) -> None:
    reply = await couch("GET", "/_bulk_docs/x")
    assert (reply.status, reply.json["error"]) == (404, "not_found")


async def test_broken_percent_encoding_is_refused(couch: Couch) -> None:
    reply = await couch("GET", "/a%zz")
    assert (reply.status, reply.json["error"]) == (400, "bad_request")


async def test_post_can_stand_for_other_methods(couch: Couch) -> None:
    made = await couch("POST", "/a", {"v": 1}, headers={"X-HTTP-Method-Override": "PUT"})
    assert made.status == 201
    kept = await couch("GET", "/a", headers={"X-HTTP-Method-Override": "DELETE"})
    assert kept.json["v"] == 1


async def test_gzipped_bodies_are_unpacked(couch: Couch) -> None:
    packed = gzip.compress(b'{"v":1}')
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert (await couch("PUT", "/a", data=packed, headers=headers)).status == 201
    assert (await couch("GET", "/a")).json["v"] == 1
    broken = await couch("PUT", "/b", data=packed[:-9], headers=headers)
    assert (broken.status, broken.json["reason"]) == (400, "Request body is not properly gzipped.")
    unknown = await couch("PUT", "/b", data=b"{}", headers={**JSON, "Content-Encoding": "br"})
    assert (unknown.status, unknown.json["error"]) == (415, "bad_content_type")


async def test_bodies_have_a_largest_size_packed_or_not(couch: Couch) -> None:
    await couch("PUT", "//_node/_local/_config/chttpd/max_http_request_size", "200")
    large = b'{"text":"%s"}' % (b"x" * 300)
    refused = await couch("PUT", "/a", data=large, headers=JSON)
    assert (refused.status, refused.json["error"]) == (413, "too_large")
    bomb = await couch("PUT", "/a", data=gzip.compress(large), headers={**JSON, "Content-Encoding": "gzip"})
    assert bomb.status == 413

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 50):
            yield large[start : start + 50]

    assert (await couch("PUT", "/a", data=pieces(), headers=JSON)).status == 413


async def talk(couch: Couch, text: bytes, *, until: bytes = b"") -> bytes:
    """Send bytes to the server's port; what it says, to its end or until it has said something."""
    address = urlsplit(couch.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(text)
        async with asyncio.timeout(10):
            return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()
        await writer.wait_closed()


async def test_what_is_no_http_is_refused_in_json(couch: Couch) -> None:
    answer = await talk(couch, b"NONSENSE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'{"error":"bad_request"' in answer


async def test_a_client_that_waits_for_100_is_told_to_go_on(couch: Couch) -> None:
    head = b"PUT /db/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    assert await talk(couch, head, until=b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("name", ["Content-Type", "User-Agent"])
async def test_a_header_that_is_sent_twice_alike_is_one(couch: Couch, name: str) -> None:
    head = f"PUT /db/_revs_limit HTTP/1.1\r\nHost: x\r\n{name}: a/b\r\n{name.lower()}:a/b\r\n"
    answer = await talk(couch, f"{head}Content-Length: 1\r\n\r\n5".encode(), until=b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert (await couch("GET", "/_revs_limit")).json == 5


@pytest.mark.parametrize(
    "headers", ["Content-Type: a/b\r\nContent-Type: a/c", "Host: x\r\nHost: x", "Content-Length: 1\r\n" * 2]
)
async def test_other_headers_are_not_repeated(couch: Couch, headers: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: x\r\n{headers.strip()}\r\n\r\n5"
    assert (await talk(couch, request.encode())).startswith(b"HTTP/1.1 400")


async def test_bytes_of_a_body_are_never_taken_for_a_head(couch: Couch) -> None:
    """Even where a piece of one arrives alone and looks like the beginning of a request."""
    body = b"GET /x HTTP/1.1\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n"
    parts = urlsplit(couch.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(
        f"PUT /db/a/f HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201")
    writer.close()
    await writer.wait_closed()
    assert (await couch("GET", "/a/f")).body == body


@pytest.mark.parametrize("path", ["/a", "/a/f", "/_changes", "//_all_dbs"])
async def test_what_is_not_sent_again_has_no_bytes(couch: Couch, path: str) -> None:
    await couch("PUT", "/a", {"_attachments": {"f": {"data": "YQ=="}}})
    first = await couch("GET", path)
    again = await couch("GET", path, headers={"If-None-Match": first.etag})
    assert (again.status, again.headers["Content-Length"], again.body) == (304, "0", b"")


async def test_a_plus_in_a_path_is_a_blank_unless_configured(couch: Couch) -> None:
    assert (await couch("PUT", "/a+b%2B", {})).json["id"] == "a b+"
    await couch("PUT", "//_node/_local/_config/chttpd/decode_plus_to_space", "false")
    made = await couch("PUT", "/a+b%2B", {})
    assert (made.status, made.json["id"]) == (201, "a+b+")
    assert (await couch("COPY", "/a+b+", headers={"Destination": "c+d"})).json["id"] == "c+d"
    assert (await couch("PUT", "//with+plus")).status == 201
    assert (await couch("GET", "/_all_docs?include_docs=tr+ue")).status == 400  # queries are forms
    assert (await couch("GET", "/_all_docs?key=%22a+b%2B%22")).json["rows"][0]["id"] == "a b+"


async def test_http_1_0_closes_or_keeps_the_connection_as_asked(couch: Couch) -> None:
    answer = await talk(couch, b"GET /db/_all_docs HTTP/1.0\r\n\r\n")
    assert b"Connection: close" in answer
    assert b"Transfer-Encoding" not in answer


async def test_clients_cannot_smuggle_header_lines(couch: Couch) -> None:
    attachment = {"content_type": "text/plain\r\nX-Evil: 1", "data": "YQ=="}
    await couch("PUT", "/a", {"_attachments": {"f": attachment}})
    assert "X-Evil" not in (await couch("GET", "/a/f")).headers


async def test_locations_name_the_server_as_the_client_does(couch: Couch) -> None:
    made = await couch("PUT", "//new%2Fone", headers={"Host": "couch.example"})
    assert made.headers["Location"] == "http://couch.example/new%2Fone"
    forged = {"Host": "couch.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    made = await couch("PUT", "//two", headers=forged)  # from an address that is no trusted proxy's
    assert made.headers["Location"] == "http://couch.example/two"


async def test_browsers_that_want_a_page_are_sent_to_one(couch: Couch) -> None:
    headers = {"Authorization": "nobody", "Accept": "text/html"}
    reply = await couch("GET", "//_all_dbs", headers=headers)
    assert reply.status == 302
    assert reply.headers["Location"].startswith(f"{couch.url}/_utils/session.html?return=%2F_all_dbs&reason=")
    await couch("PUT", "//_node/_local/_config/chttpd/require_valid_user", "true")
    assert "WWW-Authenticate" in (await couch("GET", "//_all_dbs", headers=headers)).headers


async def test_jsonp_is_off_until_it_is_allowed(couch: Couch) -> None:
    await couch.rev("a", {"v": 1})
    assert (await couch("GET", "/_all_docs?callback=f")).headers["Content-Type"] == "application/json"
    await couch("PUT", "//_node/_local/_config/chttpd/allow_jsonp", "true")
    script = await couch("GET", "/a?callback=page.f")
    assert script.headers["Content-Type"] == "application/javascript"
    assert script.body.startswith(b'/* CouchDB */page.f({"_id":"a"')
    assert script.body.endswith(b"});\n")
    refused = await couch("GET", "/a?callback=not%20valid")
    assert (refused.status, refused.json["reason"]) == (400, "invalid_callback")


async def test_what_breaks_off_for_a_known_reason_takes_one_line_of_the_log(
    couch: Couch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Strangers can bring it about as often as they like, by not reading what they have asked for."""
    for number in range(200):
        await couch.rev(f"d{number}", {"text": "x" * 5000})
    flushed, flush = 0, RowWriter.flush

    async def stopped(self: RowWriter) -> None:
        nonlocal flushed
        flushed += 1
        if flushed > 1:
            raise TooManyRequests("Answers that nobody reads.")
        await flush(self)

    monkeypatch.setattr(RowWriter, "flush", stopped)
    with caplog.at_level(logging.WARNING), pytest.raises(aiohttp.ClientError):
        await couch("GET", "/_all_docs?include_docs=true")
    [line] = [record for record in caplog.records if "broke off" in record.getMessage()]
    assert (line.levelname, line.exc_info) == ("WARNING", None)
    assert "nobody reads" in line.getMessage()
