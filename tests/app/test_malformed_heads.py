"""Heads that are no HTTP: refused by both doors, and nothing of what they hold is logged or repeated."""

import asyncio
import logging
from urllib.parse import urlsplit

import pytest

from couchreg.app import App

SECRET = b"c2VjcmV0OnNlY3JldA=="
HEADS = [
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %b\0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Basic %b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nCookie: AuthSession=%b\r\nContent-Length: many\r\n\r\n",
    b"GET /?token=%b HTTP/9.9 x\r\n\r\n",
    b"GET http://admin:%b@x/ HTTP/1.1\r\nHost: x\r\n folded: no\r\n\r\n",
    b"%b\r\n\r\n",
]


@pytest.mark.parametrize("head", HEADS)
async def test_nothing_of_it_is_told(app: App, caplog: pytest.LogCaptureFixture, head: bytes) -> None:
    caplog.set_level(logging.DEBUG)
    for url in (app.registry_url, app.couch_url):
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(head % SECRET)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert answer.split()[1] == b"400"
        assert SECRET not in answer
    assert SECRET.decode() not in caplog.text
