"""Which requests a reading process may try to answer, by their heads."""

import pytest

from couchreg.http.handing import may_be_read

GOOD = (
    "GET /db/doc HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /db/doc?rev=1-a HTTP/1.1\r\nhost: a\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n",
    "GET /a%2Fb/c HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nSec-Fetch-Mode: cors\r\n\r\n",
    "GET /bees/1.0.0/words HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
)
OTHERS = (
    "PUT /db/doc HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n",
    "GET /db/doc HTTP/1.0\r\nHost: a\r\n\r\n",
    "GET http://a/db/doc HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /db/doc#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eA==\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nauthorization : Basic eA==\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nAccept: a\r\n Authorization: Basic eA==\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\nAuthorization: Basic eA==\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nCookie: AuthSession=x\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nX-Auth-CouchDB-UserName: anna\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\nHost: a\0\r\n\r\n",
    "GET /bees HTTP/1.1\r\nHost: a\r\nAccept: text/html,*/*\r\n\r\n",
    "GET /bees?profile=dcat-ap HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /db/doc HTTP/1.1\r\n\r\n",
    "GET  /db/doc HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS /db/doc HTTP/1.1\r\nHost: a\r\n\r\n",
)


@pytest.mark.parametrize("head", GOOD)
def test_what_says_not_who_asks_may_be_read(head: str) -> None:
    assert may_be_read(head.encode())


@pytest.mark.parametrize("head", OTHERS)
def test_everything_else_may_not(head: str) -> None:
    assert not may_be_read(head.encode())


def test_a_head_of_any_length_is_looked_at_once() -> None:
    """However it is made: none of these takes longer than it is long."""
    for text in ("accept:" + "html" * 60_000, "sec-" + "a-" * 120_000 + ":x", "x" * 240_000):
        may_be_read(f"GET / HTTP/1.1\r\n{text}\r\n\r\n".encode())
        may_be_read(f"GET / HTTP/1.1\r\nHost: a\r\naccept:{' ' * 240_000}\r\n\r\n".encode())
