"""What holds for every request: methods, paths, encodings, sizes, and bad HTTP."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from couchreg.http.couch.routing import load
from couchreg.http.couch.table import TABLE
from tests.couch.conftest import Couch

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
