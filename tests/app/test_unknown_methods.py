"""Methods that HTTP does not know: answered as any other that a route has not, by both doors.

What the couch door says was seen on CouchDB 3.5.0.
"""

import asyncio
from urllib.parse import urlsplit

import pytest

from couchreg.app import App


async def sent(url: str, *requests: bytes) -> bytes:
    """What a connection answers to requests that are written whole, one after the other."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"".join(requests))
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


def request(method: str, path: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize("method", ["FOO", "get", "PATCH", "M-OVE", "TRACE"])
async def test_both_doors_say_what_is_allowed(app: App, method: str) -> None:
    there = await sent(app.couch_url, request(method, "/_all_dbs"))
    assert b"".join(there.split(b"\r\n")[:1]) == b"HTTP/1.1 405 Method Not Allowed"
    assert b"\r\nAllow: GET,HEAD\r\n" in there
    assert there.endswith(b'{"error":"method_not_allowed","reason":"Only GET,HEAD allowed"}\n')
    missing = await sent(app.couch_url, request(method, "/nowhere"))
    assert missing.startswith(b"HTTP/1.1 404 ")
    front = await sent(app.registry_url, request(method, "/search"))
    assert front.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: " in front


@pytest.mark.parametrize(
    "pieces", [(b"G", b"ET /"), (b"PUT / HTTP/1.1\r\nX-T: ", b"abc /def"), (b"GET", b" /")]
)
async def test_a_request_in_pieces_is_what_it_is_whole(app: App, pieces: tuple[bytes, bytes]) -> None:
    first, second = pieces
    for url in (app.registry_url, app.couch_url):
        parts = urlsplit(url)
        answers = []
        for cuts in ([first + second], [first, second]):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            for cut in cuts:
                writer.write(cut)
                await writer.drain()
                await asyncio.sleep(0.05)
            writer.write(b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(60):
                answers.append((await reader.read()).split(b"\r\n")[0])
            writer.close()
        assert answers[0] == answers[1]
        assert b" 400 " not in answers[0]


@pytest.mark.parametrize("line", [b"G(T / HTTP/1.1", b"PRI * HTTP/2.0", b"FOO /", b"F\xc3\xb6 / HTTP/1.1"])
async def test_what_is_no_request_is_none(app: App, line: bytes) -> None:
    for url in (app.registry_url, app.couch_url):
        answer = await sent(url, line, b"\r\nHost: x\r\n\r\n")
        assert answer.split()[1] == b"400", answer
