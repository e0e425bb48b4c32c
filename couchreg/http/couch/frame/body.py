"""Request bodies: what they may cost, Content-Encoding, and what must be JSON.

An `Allowance` bounds bytes of a body, JSON values in it, entries of a list. It is drawn before anything is
made of a body, for as Python objects a text takes twenty times its length, and the loop stands still while
they are made. Queries of every kind stand on this: lists of keys, selectors, projections, revisions asked
for. Whoever then goes through a list does so in slices of time (`couchreg.turns`), so that others are
answered in between however long it is.

The server is started with aiohttp's own decompression off, because CouchDB keeps a gzipped
attachment as it came; so documents are unpacked here.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from couchreg.errors import BadContentType, BadRequest, TooLarge
from couchreg.http.couch.frame.settings import CouchSettings
from couchreg.model import json
from couchreg.turns import TimeSlice

SMALL = 16 * 1024  # bytes that are unpacked without a thread
ON_THE_LOOP = 64 * 1024  # bytes of JSON that are read on the loop, whatever they are


class Allowance(NamedTuple):
    """`body`: bytes, unpacked; `values`: JSON values of every kind in it, None: as many as fit; where
    these have a bound, digits of long numbers have one, too. `bare`: bytes outside of strings; `escapes`:
    those of `\\u`, which take longest."""

    body: int
    values: int | None = None
    bare: int | None = None
    escapes: int | None = None

    def check(self, text: bytes) -> None:
        """Raises TooLarge for a JSON text that is dearer to read and to print than it may be."""
        if self.values is None:
            return
        if json.count_values(text, self.values) > self.values:
            raise TooLarge(f"the request has more than {self.values} JSON values")
        if len(text) > DIGITS and json.count_long_digits(text) > DIGITS:
            raise TooLarge(f"the long numbers of the request have more than {DIGITS} digits together")
        if self.escapes is not None and text.count(b"\\u") > self.escapes:
            raise TooLarge(f"the request has more than {self.escapes} escapes")
        if self.bare is not None and len(text) > self.bare and json.count_bare(text) > self.bare:
            raise TooLarge(f"the request has more than {self.bare} bytes outside of strings")

    def check_list(self, listed: Sequence[object], name: str) -> None:
        """Raises TooLarge for a list with more entries than this may cost: `queries`, of which each is
        as much work as a request."""
        if self.values is not None and len(listed) > QUERIES:
            raise TooLarge(f"`{name}` has more than {QUERIES} entries")


QUERIES = 100
# Of numbers that are long, together: with twice as many digits it takes three times as long to read or print
# one. Ten numbers of 100,000 digits, which fit into a question, kept the loop for 3 seconds.
DIGITS = 20_000
# Whoever is no administrator, where nobody but administrators writes documents: at the server, in `registry`
# and in `_users`; and whoever has not logged in, wherever they ask and do not write. A mirror asks for some
# hundred documents at a time.
QUESTION = Allowance(1 << 20, 20_000)
# Whoever has not logged in, in a database that is open to them: a document has 8 MB at most. As many
# values make 20,000 of the smallest: with 25,000 a stranger's request grew memory by 65 MiB. The rest stands
# in strings: a million characters as `\u0001`, or as much of numbers, took the loop for 0.1 s.
GUEST_VALUES = 60_000
GUEST = Allowance(8 << 20, GUEST_VALUES, bare=1 << 20, escapes=400_000)
# Of whoever is no administrator. What is deeper takes a way of Python's own wherever it is read or written, a
# hundred times as long, so it may not be longer than a guest's.
DEEP = 500
# Whoever publishes by replication: a descriptor with its data, files as base64, which is one value each.
MOST_PUBLISHED = 2_000_000
# What a mirror leaves as a `_local` document where it cannot write others; CouchDB's have some kilobytes.
CHECKPOINT = Allowance(64 << 10, 10_000)


def allowance_of(settings: CouchSettings, *, is_admin: bool, is_known: bool, asks_only: bool) -> Allowance:
    """What a user may send. The settings bound administrators and members too."""
    most = settings.once(_most)
    if is_admin or (is_known and not asks_only):
        return most
    allowed = QUESTION if asks_only else GUEST
    return allowed._replace(body=min(most.body, allowed.body))


def _most(settings: CouchSettings) -> Allowance:
    return Allowance(
        min(
            settings.integer("chttpd", "max_http_request_size", 2**32),
            settings.integer("couchreg", "max_json_body", 2**28),
        )
    )


# -- reading


async def read(request: web.BaseRequest, most: int) -> bytes:
    """The whole body, unpacked. Raises TooLarge beyond `most` bytes, packed or unpacked.

    A request without so much as a Content-Length has no body at all: BadRequest.
    """
    headers, announced = request.headers, request.content_length
    if announced is None and "Transfer-Encoding" not in headers:
        raise BadRequest("Missing request body")
    encoding = headers["Content-Encoding"].lower() if "Content-Encoding" in headers else "identity"
    if encoding not in ("identity", "gzip"):
        raise BadContentType(f"{encoding} is not a supported content encoding.")
    if announced is not None and announced > most:
        raise too_large()
    data = await request.content.readany()
    if data and announced != len(data):
        data = await _collected(request, data, most)
    if encoding == "identity":
        return data
    return _gunzip(data, most) if len(data) < SMALL else await asyncio.to_thread(_gunzip, data, most)


async def _collected(request: web.BaseRequest, first: bytes, most: int) -> bytes:
    """What came first, and the rest."""
    content, pieces, size = request.content, [first], len(first)
    while size <= most and (chunk := await content.readany()):
        size += len(chunk)
        pieces.append(chunk)
    if size > most:
        raise too_large()
    return b"".join(pieces)


def _gunzip(packed: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(packed, most + 1)
    except zlib.error:
        raise BadRequest("Request body is not properly gzipped.") from None
    if len(plain) > most:
        raise too_large()
    if not unpacker.eof:
        raise BadRequest("Request body is not properly gzipped.")
    return plain


async def chunks(request: web.BaseRequest, most: int) -> AsyncIterator[bytes]:
    """The body as it comes, packed or not. Raises TooLarge beyond `most` bytes."""
    size, turn = 0, TimeSlice()
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > most:
            raise too_large()
        yield chunk
        await turn.pass_on()  # what comes fast is here at once, and may be much work: parts of no bytes, say


async def decoded(data: bytes | json.Raw, *, is_trusted: bool) -> Any:
    """A JSON value. What only the slow reader can read leaves the loop. Raises BadRequest, and TooLarge for
    what is deep and long where it is not trusted: whatever is made of that stays on the loop."""
    text = bytes(data)
    try:
        return json.decode_quickly(text)
    except json.NeedsTime:
        return await asyncio.to_thread(_slowly, text, is_trusted)


def _slowly(data: bytes, is_trusted: bool) -> Any:
    if not is_trusted and json.count_values(data, GUEST_VALUES) > GUEST_VALUES and json.is_deeper(data, DEEP):
        raise TooLarge(
            f"the request is nested more than {DEEP} levels deep: it may have {GUEST_VALUES} values"
        )
    return json.decode_slowly(data)


def too_large() -> TooLarge:
    return TooLarge("the request entity is too large")


def require_type(request: web.BaseRequest, wanted: str) -> None:
    """Raises BadContentType unless the Content-Type, up to its parameters, is `wanted` to the letter."""
    given = request.headers.get("Content-Type", "").partition(";")[0]
    if given != wanted:
        raise BadContentType(f"Content-Type must be {wanted}")
