"""Answers of the couch door: heads and bodies as CouchDB sends them, and the header values they have.

`Answer` is a complete small answer written in one piece, past aiohttp's header maps (they cost more
than everything else of a document read). `start_stream` begins a long one. Neither knows what is
being answered.
"""

import re
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from couchreg.journal.asking import UNDER_WAY
from couchreg.journal.asking import request_name as journal_name
from couchreg.model import json

Headers = Iterable[tuple[str, str]]

SERVER = "CouchDB/3.5.0 (couchreg)"
JSON_TYPE = "application/json"
MUST_REVALIDATE = ("Cache-Control", "must-revalidate")

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


class _Clock:
    """The Date header, formatted once a second."""

    second = 0
    lines = ""

    def head(self) -> str:
        now = int(time.time())
        if now != self.second:
            self.second = now
            self.lines = f"Server: {SERVER}\r\nDate: {formatdate(now, usegmt=True)}\r\n"
        return self.lines


_clock = _Clock()


class Answer(web.StreamResponse):
    """A complete answer, sent as one write when aiohttp finishes the request."""

    status: int = 200  # no property, as it is asked for again and again

    def __init__(  # the base class only prepares header maps we do not use
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        headers: Headers = (),
        content_type: str = JSON_TYPE,
    ) -> None:
        self.status = status
        self.answer_body = body
        self.extra: list[tuple[str, str]] = list(headers)
        self.content_kind = content_type
        self._keep_alive = True

    @property
    def prepared(self) -> bool:
        return self._eof_sent

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        self._req = request
        if not request.keep_alive:
            self._keep_alive = False
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        if self._eof_sent or self._req is None:
            return
        self._eof_sent = True
        request = self._req
        head = self._head(request).encode("utf-8", "surrogateescape")
        empty = request.method == "HEAD" or self.status in (204, 304)
        self._body_length = 0 if empty else len(self.answer_body)
        await request.writer.write(head if empty else head + self.answer_body)

    def _head(self, request: web.BaseRequest) -> str:
        status = self.status
        first = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
        head = (
            f"{first}{_clock.head()}X-Couch-Request-ID: {request_name(request)}\r\nX-CouchDB-Body-Time: 0\r\n"
        )
        for name, value in self.extra:
            # A value cannot begin another line: types of attachments are clients' words.
            one = " ".join(value.split()) if "\n" in value or "\r" in value else value
            head += f"{name}: {one}\r\n"
        if status not in (204, 304):
            head += f"Content-Type: {self.content_kind}\r\n"
            if self.answer_body or request.method != "HEAD":  # else nobody has counted
                head += f"Content-Length: {len(self.answer_body)}\r\n"
        elif status == 304:
            head += "Content-Length: 0\r\n"  # as CouchDB says, and clients of it look for
        if not self._keep_alive:
            head += "Connection: close\r\n"
        elif request.version < HttpVersion11:
            head += "Connection: keep-alive\r\n"
        return head + "\r\n"


def request_name(request: web.BaseRequest) -> str:
    """CouchDB's name for a request in its logs, nothing secret: the client's own word, if it is one."""
    asked = UNDER_WAY.get()
    return asked.id if asked is not None and asked.began else journal_name(request.headers)


class Gone(web.StreamResponse):
    """What is returned when there is nobody left to answer, or an answer broke off half way."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        raise ConnectionResetError


def answer_json(value: Any, *, status: int = 200, headers: Headers = ()) -> Answer:
    """A JSON answer with the line feed CouchDB ends them with."""
    return Answer(json.encode(value) + b"\n", status=status, headers=[MUST_REVALIDATE, *headers])


def answer_raw(body: bytes, *, status: int = 200, headers: Headers = ()) -> Answer:
    """As `answer_json`, for JSON that is text already (without the line feed)."""
    return Answer(body + b"\n", status=status, headers=[MUST_REVALIDATE, *headers])


async def start_stream(
    request: web.BaseRequest,
    *,
    status: int = 200,
    headers: Headers = (),
    content_type: str = JSON_TYPE,
    length: int | None = None,
) -> web.StreamResponse:
    """Send the head of a long answer: chunked, or of a known `length` in bytes.

    For HEAD the caller writes the body as for GET; nothing of it is sent.
    """
    stream = web.StreamResponse(status=status)
    for name, value in headers:
        stream.headers.add(name, value)
    stream.headers["Server"] = SERVER
    stream.headers["X-Couch-Request-ID"] = request_name(request)
    stream.headers["X-CouchDB-Body-Time"] = "0"
    stream.headers["Content-Type"] = content_type
    if length is not None:
        stream.content_length = length
    elif request.version >= HttpVersion11:
        stream.enable_chunked_encoding()
    await stream.prepare(request)
    return stream


# -- header values: entity tags, and text of clients made safe to repeat


_PLAIN = re.compile(r"[A-Za-z0-9:\-_.]*")


def etag(rev: str) -> str:
    """A revision as an entity tag. Revisions that no hash made may hold anything."""
    if rev.isascii() and rev.isprintable():
        return f'"{rev}"'
    return f'"{quote(rev)}"'


def not_modified(request: web.BaseRequest, tag: str) -> bool:
    """Whether If-None-Match names the tag (weakly is enough; `*` names nothing, as in CouchDB)."""
    given = request.headers.get("If-None-Match")
    if given is None:
        return False
    return any(one.removeprefix("W/") == tag for one in given.replace(",", " ").split(" "))


def printable(value: str) -> str:
    """Text of a client as a header value: without line ends, which would begin another header."""
    if value.isprintable():
        return value
    return "".join(letter if letter.isprintable() else " " for letter in value)


def url_encode(text: str) -> str:
    """A path part of a Location: all but letters, digits and `-_.:` percent-encoded, as CouchDB does."""
    if _PLAIN.fullmatch(text):
        return text
    return quote(text, safe=":-_.").replace("~", "%7E")
