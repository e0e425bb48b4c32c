"""Long answers made of many small pieces: gathered into large writes, with back-pressure.

What stays small is sent as one complete answer, so that errors found early are still ordinary
errors; the head of a stream goes out with its first full buffer, or when the writer is flushed.
"""

from collections.abc import Iterable

from aiohttp import web

from couchreg.docstore.base import Attachment
from couchreg.http.couch.frame import jsonp
from couchreg.http.couch.frame.context import LARGE, Context
from couchreg.http.couch.frame.responses import JSON_TYPE, Answer, Headers
from couchreg.turns import TimeSlice

FULL = 64 * 1024  # bytes of one write


class RowWriter:
    """Collects pieces of an answer and sends them."""

    def __init__(
        self, ctx: Context, headers: Headers, content_type: str = JSON_TYPE, *, status: int = 200
    ) -> None:
        self._ctx = ctx
        self._headers = list(headers)
        self._type = content_type
        self._status = status
        self._pieces: list[bytes] = []
        self._size = 0
        self._turn = TimeSlice()
        self._stream: web.StreamResponse | None = None
        self._callback = ctx.callback if content_type == JSON_TYPE else ""

    async def write(self, piece: bytes) -> None:
        if len(piece) > LARGE:
            await self.flush()  # and no pause: what is large shall wait for its turn, or be refused, at once
            await self._ctx.write(self._started(), piece)
            if self._turn.is_over:  # who reads as fast as is written never makes it wait
                await self._turn.pass_on()
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= FULL:
            await self.flush()
            if self._turn.is_over:
                await self._turn.pass_on()

    async def write_document(self, parts: Iterable[bytes | Attachment]) -> None:
        """A document whose attachments stand between the pieces of its text; they go out in base64."""
        for part in parts:
            if isinstance(part, bytes):
                await self.write(part)
            else:
                async for text in self._ctx.attachments.base64(part):
                    await self.write(text)

    async def flush(self) -> None:
        """Send what there is now; begins the stream. Raises ConnectionError when nobody listens."""
        if self._stream is None:
            if self._callback:
                self._type = jsonp.SCRIPT
                self._pieces.insert(0, jsonp.opening(self._callback))
            self._stream = await self._ctx.stream(
                status=self._status, headers=self._headers, content_type=self._type
            )
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            await self._stream.write(data)

    def _started(self) -> web.StreamResponse:
        assert self._stream is not None  # `flush` begins it
        return self._stream

    async def finish(self) -> web.StreamResponse:
        """Send the rest. A whole answer that fits into one buffer has a Content-Length."""
        if self._stream is None:
            body = b"".join(self._pieces)
            return Answer(body, status=self._status, headers=self._headers, content_type=self._type)
        if self._callback:
            self._pieces.append(jsonp.CLOSING)
        await self.flush()
        await self._stream.write_eof()
        return self._stream
